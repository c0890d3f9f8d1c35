"""Builtins and text."""

from __future__ import annotations

import math

from benchmarks.kernels import kernel

_negative = lambda a: -a  # noqa: E731


@kernel("builtins")
def builtin_len(n):
    values = [1, 2, 3]
    total = 0
    for _ in range(n):
        total += len(values)
    return total


@kernel("builtins")
def builtin_isinstance(n):
    values = (1, "a", 2.5, None)
    count = 0
    for i in range(n):
        if isinstance(values[i & 3], (int, str)):
            count += 1
        if isinstance(i, int):
            count += 1
    return count


@kernel("builtins")
def builtin_min_max_abs(n):
    total = 0
    for i in range(n):
        total += min(i, 100) + max(i, 5) + abs(-i)
    return total


@kernel("builtins")
def builtin_ord_chr(n):
    total = 0
    for i in range(n):
        total += ord(chr(i & 127))
    return total


@kernel("builtins")
def builtin_int_float_str(n):
    total = 0
    for i in range(n):
        total += int(float(i)) + len(str(i))
    return total


@kernel("builtins")
def builtin_type_is(n):
    count = 0
    for i in range(n):
        if type(i) is int:
            count += 1
    return count


@kernel("builtins")
def math_function(n):
    total = 0.0
    for i in range(n):
        total += math.sqrt(i)
    return total


@kernel("builtins")
def sort_with_key(n):
    values = list(range(100))
    for _ in range(n // 100):
        values.sort(key=_negative)
    return values[0]


@kernel("builtins")
def fstring(n):
    total = 0
    for i in range(n):
        total += len(f"{i}: {total!r:>4}")
    return total


@kernel("builtins")
def str_concatenate(n):
    total = 0
    for _ in range(n // 10):
        text = ""
        for _ in range(10):
            text += "ab"
        total += len(text)
    return total


@kernel("builtins")
def str_methods(n):
    text = "alpha,beta"
    count = 0
    for _ in range(n):
        if text.startswith("al") and text.find("z") < 0:
            count += 1
    return count


@kernel("builtins")
def str_join_split(n):
    total = 0
    for _ in range(n):
        total += len(",".join("a b c".split()))
    return total
