"""Arithmetic."""

from __future__ import annotations

from benchmarks.kernels import kernel


@kernel("arithmetic")
def int_add(n):
    total = 0
    for i in range(n):
        total = total + i
    return total


@kernel("arithmetic")
def int_inplace_mix(n):
    x = 1
    for i in range(n):
        x += i
        x -= 3
        x *= 3
        x %= 65521
    return x


@kernel("arithmetic")
def int_floordiv_mod(n):
    total = 0
    for i in range(n):
        total += i // 7 + i % 7
    return total


@kernel("arithmetic")
def int_bits(n):
    x = 1
    for i in range(n):
        x = ((x << 3) ^ i) & 0xFFFFFF
        x = (x >> 1) | 1
    return x


@kernel("arithmetic")
def int_big(n):
    x = 1 << 70
    for _ in range(n):
        x = x + 12345678901
    return x


@kernel("arithmetic")
def int_truediv(n):
    total = 0.0
    for i in range(n):
        total += i / 3
    return total


@kernel("arithmetic")
def int_negate_invert(n):
    x = 1
    for i in range(n):
        x = -i
        x = ~x
    return x


@kernel("arithmetic")
def float_arithmetic(n):
    x = 0.5
    for _ in range(n):
        x = x * 1.000001 + 0.25
        x = x - 0.125 * x
    return x


@kernel("arithmetic")
def float_int_mix(n):
    x = 0.0
    for i in range(n):
        x = x + i * 0.5
    return x


@kernel("arithmetic")
def float_power(n):
    x = 1.5
    total = 0.0
    for _ in range(n):
        total += x**2
    return total


@kernel("arithmetic")
def while_countdown(n):
    total = 0
    while n > 0:
        total += 2
        n -= 1
    return total


@kernel("arithmetic")
def nested_ranges(n):
    total = 0
    for i in range(n // 10):
        for j in range(10):
            total += i ^ j
    return total
