"""Inputs of the kernels: always the same, and made outside the time that counts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any


def random_floats(count: int, seed: int = 1, low: float = 0.0, high: float = 1.0) -> list[float]:
    """Evenly distributed floats."""
    draw = random.Random(seed)
    return [draw.uniform(low, high) for _ in range(count)]


def random_integers(count: int, limit: int, seed: int = 1) -> list[int]:
    """Integers from 0 up to `limit`."""
    draw = random.Random(seed)
    return [draw.randrange(limit) for _ in range(count)]


def random_matrix(rows: int, columns: int, seed: int = 1) -> list[list[float]]:
    """A list of rows."""
    return [random_floats(columns, seed * 1000 + row) for row in range(rows)]


def random_text(count: int, letters: str, seed: int = 1) -> str:
    """A string of these letters; a long one repeats itself."""
    period = "".join(random.Random(seed).choices(letters, k=min(count, 100_000)))
    return (period * (count // len(period) + 1))[:count]


def as_arrays(*arguments: Any) -> tuple[Any, ...]:
    """The arguments for Numba: each list a NumPy array, everything else as it is."""
    import numpy

    return tuple(numpy.array(item) if isinstance(item, list) else item for item in arguments)


def first_argument(_result: Any, arguments: Sequence[Any]) -> Any:
    """The answer of a function that changes its first argument."""
    return arguments[0]
