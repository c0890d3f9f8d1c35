"""Micro kernels, one for each feature a fast path may exist for.

A kernel takes the number of rounds and returns a value that depends on all of them, so that the interpreter's copy
and the compiled copy can be compared. `benchmarks.micro` executes each file's source once for each side: both have
code objects of their own, and neither warms the other up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

GROUPS = (
    "arithmetic",
    "tests",
    "containers",
    "iteration",
    "generators",
    "attributes",
    "calls",
    "builtins",
    "exceptions",
)
"""In the order in which they are shown."""


def kernel(group: str) -> Callable[[Callable[[int], Any]], Callable[[int], Any]]:
    """Marks a kernel with the group it is listed in."""
    if group not in GROUPS:
        raise ValueError(f"no group of kernels is called {group!r}")

    def mark(function: Callable[[int], Any]) -> Callable[[int], Any]:
        function.group = group  # type: ignore[attr-defined]
        return function

    return mark
