"""CPython's own tests, run plain and with every function compiled, compared test by test: ``python -m tests.conformance``."""
