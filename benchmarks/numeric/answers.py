"""Answers that two sides gave, compared: exactly where both run the same Python, within a tolerance otherwise."""

from __future__ import annotations

import array
import math
from typing import Any


def plain(value: Any) -> Any:
    """A value as nested tuples that are equal only if type and contents are; floats as their hexadecimal digits."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if value is None or isinstance(value, bool | int | str | bytes | bytearray):
        return name, value
    if isinstance(value, float):
        return name, value.hex()
    if isinstance(value, complex):
        return name, value.real.hex(), value.imag.hex()
    if isinstance(value, list | tuple):
        return name, tuple(map(plain, value))
    if isinstance(value, array.array):
        return name, value.typecode, value.tobytes()
    if isinstance(value, memoryview):
        return name, value.format, value.shape, value.tobytes()
    if hasattr(value, "dtype"):  # NumPy's arrays and scalars
        return name, str(value.dtype), value.shape, value.tobytes()
    # vars() would follow the order in which they were set.
    return name, tuple((key, plain(part)) for key, part in sorted(vars(value).items()))


def numbers(value: Any) -> list[Any]:
    """All numbers and strings in a value, one after the other, whatever holds them."""
    if isinstance(value, str):
        return [value]
    if hasattr(value, "tolist"):  # arrays of any kind, and NumPy's scalars
        value = value.tolist()
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, bool | int):
        return [int(value)]
    if isinstance(value, float):
        return [float(value)]
    return [number for part in value for number in numbers(part)]


def difference(expected: list[Any], found: list[Any], tolerance: float) -> str:
    """Where two lists of numbers differ, in words; nothing if they agree. Integers and strings agree if equal."""
    if len(expected) != len(found):
        return f"{len(found)} numbers, not {len(expected)}"
    for index, (a, b) in enumerate(zip(expected, found, strict=True)):
        both_floats = isinstance(a, float) and isinstance(b, float)
        if not (math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance) if both_floats else a == b):
            return f"number {index} is {b!r}, not {a!r}"
    return ""
