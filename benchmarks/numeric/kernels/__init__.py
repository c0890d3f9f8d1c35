"""The kernels, one or a few a file: plain Python functions, and a list KERNELS that says how to run them."""
