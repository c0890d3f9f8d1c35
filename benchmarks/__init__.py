"""Benchmarks of justjit against the interpreter it runs in. Run them with ``python -m benchmarks.NAME``."""
