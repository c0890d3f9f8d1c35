"""Numeric kernels: the interpreter, justjit, Numba and C; see `__main__`."""
