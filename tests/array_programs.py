"""Programs that work on arrays of numbers, and how what they do is compared: to the bit, warnings included."""

from __future__ import annotations

import math
import struct
import types
import warnings
from array import array
from typing import TYPE_CHECKING, Any

import pytest
from justjit import _core

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

try:
    import numpy as np
except ImportError:
    np = None  # type: ignore[assignment]

needs_numpy = pytest.mark.skipif(np is None, reason="NumPy is not installed")


def copy_of(function: Callable) -> types.FunctionType:
    # What has been seen belongs to the code object.
    return types.FunctionType(
        function.__code__.replace(), function.__globals__, function.__name__, function.__defaults__
    )


def bits(value: object) -> object:
    """A value so that what differs in type or in any bit differs."""
    if isinstance(value, tuple | list):
        return type(value), [bits(item) for item in value]
    if np is not None and isinstance(value, np.ndarray):
        return (
            type(value),
            value.dtype.str,
            value.shape,
            bits(value.tolist()) if value.dtype.hasobject else value.tobytes(),
        )
    if np is not None and isinstance(value, np.generic):
        # What a NaN's sign and payload are is nobody's promise.
        return type(value), "nan" if value != value else value.tobytes()
    if isinstance(value, float):
        return type(value), "nan" if value != value else struct.pack("d", value)
    if isinstance(value, array):
        return type(value), value.typecode, value.tobytes()
    if isinstance(value, memoryview):
        try:
            return type(value), value.format, value.tobytes()
        except ValueError:
            return type(value), "released"
    return type(value), repr(value)


def outcome(function: Callable, arguments: tuple) -> object:
    """What a call gives or raises, the warnings, and the arguments afterwards."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = bits(function(*arguments))
        except Exception as error:
            result = type(error), str(error)
        told = [(one.category, str(one.message)) for one in caught]
    return result, told, bits(arguments)


def optimized(function: Callable, make: Callable[[], tuple], *, settled: bool = False) -> Callable:
    """The function as the optimizing tier compiles it, having seen these arguments; until it is left no more, if wanted."""
    copy = copy_of(function)
    _core.hook(copy)
    quiet = 0
    for _ in range(150):
        before = deopts(copy)
        outcome(copy, make())
        is_optimized = _core.function_stats(copy)["tier"] == "optimizing"
        quiet = quiet + 1 if is_optimized and (deopts(copy) == before or not settled) else 0
        if quiet == 5:
            break
    assert _core.function_stats(copy)["tier"] == "optimizing", _core.function_stats(copy)
    return copy


def deopts(function: Callable) -> dict:
    """How often the function's code was left for a reason that has to do with values."""
    left = _core.function_stats(function)["deopts"]
    return {reason: count for reason, count in left.items() if "safepoint" not in reason}


def check(function: Callable, make: Callable[[], tuple], *others: Callable[[], tuple], stays: bool = True) -> None:
    """Compares with the interpreter on what was seen (where the code must not be left, if it `stays`) and on the others."""
    compiled = optimized(function, make, settled=stays)
    left = deopts(compiled)
    assert outcome(compiled, make()) == outcome(copy_of(function), make())
    if stays:
        assert deopts(compiled) == left
    for other in others:
        assert outcome(compiled, other()) == outcome(copy_of(function), other())
        # What has been left is entered again.
        assert outcome(compiled, make()) == outcome(copy_of(function), make())


# ---- programs ----


def total(data: Any) -> Any:
    result = 0
    for i in range(len(data)):
        result = result + data[i]
    return result


def total_of_items(data: Any) -> Any:
    result = 0
    for item in data:
        result += item
    return result


def reverse(data: Any) -> Any:
    i, j = 0, len(data) - 1
    while i < j:
        first = data[i]
        data[i] = data[j]
        data[j] = first
        i += 1
        j -= 1
    return data[0], data[-1]


def fill(data: Any, value: Any) -> None:
    for i in range(len(data)):
        data[i] = value


def at(data: Any, index: Any) -> Any:
    result = data[index]
    for _ in range(3):
        result = data[index]
    return result


# ---- numbers ----

DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
]
DTYPES += ["complex64", "complex128"]
EDGES = {
    "bool": [True, False],
    **{
        name: lambda name=name: [np.iinfo(name).min, np.iinfo(name).max, 0, 1, 2, 7] for name in DTYPES if "int" in name
    },
    "float16": [0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 65504.0, 2.0**-24, 0.1, 2.0**-14],
    "float32": [0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 3.4028234663852886e38, 1.401298464324817e-45, 0.1],
    "float64": [0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 1.7976931348623157e308, 5e-324, 0.1, 2.0**53],
    "complex64": [
        0j,
        complex(-0.0, 1.5),
        complex(0.1, -0.0),
        complex(math.inf, 1),
        complex(1, math.nan),
        complex(3e38, 1e-45),
    ],
    "complex128": [
        0j,
        complex(-0.0, 1.5),
        complex(0.1, -0.0),
        complex(math.inf, 1),
        complex(1, math.nan),
        complex(1e308, 5e-324),
    ],
}


def edges(name: str) -> list:
    values = EDGES[name]
    return values() if callable(values) else values


def vector(name: str, values: list | None = None) -> Any:
    return np.array([1, 0, 1, 1] if values is None else values, dtype=name)


ARITHMETIC = ["+", "-", "*", "/", "//", "%", "&", "|", "^", "<<", ">>", "**", "<", "<=", "==", "!=", ">", ">="]


def binary(operator: str) -> Callable:
    source = f"""
def function(a, b):
    result = []
    for i in range(len(a)):
        for j in range(len(b)):
            result.append(a[i] {operator} b[j])
    return result
"""
    space: dict = {}
    exec(source, space)
    return space["function"]


def binary_with(operator: str, *, left: bool) -> Callable:
    expression = f"a[i] {operator} b" if left else f"b {operator} a[i]"
    source = f"""
def function(a, b):
    result = []
    for i in range(len(a)):
        result.append({expression})
        if {expression if operator in "< <= == != > >=".split() else "a[i]"}:
            result.append(i)
    return result
"""
    space: dict = {}
    exec(source, space)
    return space["function"]


SCALARS = ["bool", "int8", "uint8", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"]
SCALARS += ["complex64", "complex128"]


def some(generator: random.Random, name: str, count: int) -> Any:
    """Numbers of all magnitudes."""
    if name == "bool":
        return vector(name, [generator.random() < 0.5 for _ in range(count)])
    scale = {"float16": 3, "float32": 8, "complex64": 8}.get(name, 60)
    if "complex" in name:
        sides = [
            [generator.uniform(-1, 1) * 2.0 ** generator.randint(-scale, scale) for _ in range(count)] for _ in "ri"
        ]
        return vector(name, [complex(*parts) for parts in zip(*sides, strict=True)])
    if "float" in name:
        return vector(name, [generator.uniform(-1, 1) * 2.0 ** generator.randint(-scale, scale) for _ in range(count)])
    limits = np.iinfo(name)
    numbers = [generator.getrandbits(generator.randint(1, limits.bits // 2)) for _ in range(count)]
    return vector(name, [number if limits.min == 0 or generator.random() < 0.5 else -number for number in numbers])
