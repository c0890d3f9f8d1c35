"""Arithmetic on ints of many digits: carries that go a long way, signs, quotients that leading bits tell, and those that they do not."""

import random

from tests.cases import over


class Number(int):
    def __add__(self, other):
        return "mine"

    def __rfloordiv__(self, other):
        return "reflected"


def operands(seed):
    draw = random.Random(seed)
    bits = [200, 241, 269, 270, 271, 1200, 3839, 3840, 3841, 7000]
    values = [0, 1, -1, 2, 1000, 2**30 - 1, 2**30, 2**60 - 1, -(2**59), 2**89, True]
    for size in bits:
        values.append(draw.getrandbits(size) | 1 << size - 1)
        values.append(-values[-1])
        values.append(2**size)
        values.append(2**size - 1)
        values.append(-(2**size) + 1)
        # Digits that are full, or zero, for a long way.
        values.append(sum(((1 << 600) - 1) << at for at in range(0, size, 1200)) + draw.getrandbits(40))
    return values


def arithmetic(a, b):
    try:
        quotient = a // b
    except ZeroDivisionError as error:
        quotient = str(error)
    c, d, e, f = a, a, a, a
    c += b
    d -= b
    e *= b
    if b:
        f //= b
    return a + b, a - b, a * b, quotient, c, d, e, f


@over((1,), (2,), (3,))
def case_all_pairs(seed):
    values = operands(seed)
    total = 0
    for a in values:
        for b in values:
            for result in arithmetic(a, b):
                total = hash((total, result))
    return total


@over((30,))
def case_what_is_left_is_small(rounds):
    draw = random.Random(rounds)
    seen = []
    for number in range(rounds):
        big = draw.getrandbits(2000) | 1 << 2000
        for small in (0, 1, -1, -5, -6, 256, 257, 2**30, -(2**30), 2**31, 2**59, 2**60, 2**61, -(2**62)):
            left = (big + small) - big
            back = (-big) + (big + small)
            seen.append((left, back, left == small, left is back, type(left).__name__, (left + number) ^ 1))
            seen.append((big * 0, big * 0 is 0 * big))
    return seen


@over((30,))
def case_quotients(rounds):
    draw = random.Random(rounds)
    seen = []
    for _ in range(rounds):
        for size in (91, 119, 120, 121, 500, 5000):
            divisor = draw.getrandbits(size) | 1 << size - 1
            for quotient in (0, 1, 2, 9, 2**20, 2**30 - 1, 2**30, 2**45, 2**59, 2**60, 2**61, 2**70):
                # Exact, one less, one more, and a little of everything.
                exact = divisor * quotient
                for number in (exact - 1, exact, exact + 1, exact + divisor - 1, exact + divisor // 2):
                    seen.append((number // divisor, -number // divisor, number // -divisor, -number // -divisor))
    return hash(tuple(seen)), seen[:100]


@over((30,))
def case_other_types(rounds):
    big = 3**500
    seen = []
    for number in range(rounds):
        other = Number(2**300 + number)
        seen.append((big + other, other + big, big // other, other // big, big - other, type(big * other).__name__))
        seen.append((big + True, big * True, big * False, big // True))
        seen.append((big + 0.5, big // 1e100))
        for function in (lambda: big // 0, lambda: big + "1", lambda: big // None, lambda: big * 1j):
            try:
                seen.append(function())
            except (TypeError, ZeroDivisionError, OverflowError) as error:
                seen.append((type(error).__name__, str(error)))
    return seen


def digits_of_pi(count):
    q, r, t, k, n, m = 1, 0, 1, 1, 3, 3
    made = []
    while len(made) < count:
        if 4 * q + r - t < n * t:
            made.append(n)
            q, r, n = q * 10, 10 * (r - n * t), (10 * (3 * q + r)) // t - 10 * n
        else:
            q, r, t, k, n, m = q * k, (2 * q + r) * m, t * m, k + 1, (q * (7 * k + 2) + r * m) // (t * m), m + 2
    return made


@over((400,))
def case_spigot(count):
    return digits_of_pi(count)
