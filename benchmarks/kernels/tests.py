"""Comparisons and tests."""

from __future__ import annotations

from benchmarks.kernels import kernel


@kernel("tests")
def int_compare(n):
    count = 0
    for i in range(n):
        if i < 1000:
            count += 1
        elif i == 5000:
            count += 2
    return count


@kernel("tests")
def float_compare(n):
    count = 0
    x = 0.0
    for _ in range(n):
        x += 0.5
        if x > 100.25:
            count += 1
    return count


@kernel("tests")
def str_compare(n):
    count = 0
    words = ("alpha", "beta", "gamma", "delta")
    for i in range(n):
        if words[i & 3] == "gamma":
            count += 1
    return count


@kernel("tests")
def is_none(n):
    value = None
    count = 0
    for i in range(n):
        if value is None:
            count += 1
        if i is not None:
            count += 1
    return count


@kernel("tests")
def truth_and_or_not(n):
    flags = (0, 1, "", "x", [], [1], None, 2.5)
    count = 0
    for i in range(n):
        a = flags[i & 7]
        if (a and i) or not a:
            count += 1
    return count


@kernel("tests")
def chained_compare(n):
    count = 0
    for i in range(n):
        if 10 <= i < 1_000_000:
            count += 1
    return count


@kernel("tests")
def set_contains(n):
    members = {3, 5, 7, 11, "a"}
    count = 0
    for i in range(n):
        if i & 15 in members:
            count += 1
    return count


@kernel("tests")
def dict_contains(n):
    table = dict.fromkeys("abcdef", 1)
    keys = "axbycz"
    count = 0
    for i in range(n):
        if keys[i % 6] in table:
            count += 1
    return count


@kernel("tests")
def tuple_contains(n):
    count = 0
    for i in range(n):
        if i & 7 in (1, 3, 5):
            count += 1
    return count


@kernel("tests")
def match_literals(n):
    total = 0
    for i in range(n):
        match i & 3:
            case 0:
                total += 1
            case 1 | 2:
                total += 2
            case _:
                total += 3
    return total


@kernel("tests")
def match_sequence(n):
    pair = (1, 2)
    total = 0
    for _ in range(n):
        match pair:
            case [a, b]:
                total += a + b
    return total
