"""Loops, iterators and comprehensions."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.kernels import kernel


@kernel("iteration")
def range_loop(n):
    for _ in range(n):
        pass
    return n


@kernel("iteration")
def list_iteration(n):
    values = [1] * 100
    total = 0
    for _ in range(n // 100):
        for value in values:
            total += value
    return total


@kernel("iteration")
def tuple_iteration(n):
    values = (1,) * 100
    total = 0
    for _ in range(n // 100):
        for value in values:
            total += value
    return total


@kernel("iteration")
def str_iteration(n):
    text = "abcde" * 20
    count = 0
    for _ in range(n // 100):
        for character in text:
            if character == "c":
                count += 1
    return count


@kernel("iteration")
def dict_items_iteration(n):
    table = {i: i for i in range(100)}
    total = 0
    for _ in range(n // 100):
        for key, value in table.items():
            total += key + value
    return total


@kernel("iteration")
def dict_keys_iteration(n):
    table = {i: i for i in range(100)}
    total = 0
    for _ in range(n // 100):
        for key in table:
            total += key
    return total


@kernel("iteration")
def set_iteration(n):
    members = set(range(100))
    total = 0
    for _ in range(n // 100):
        for member in members:
            total += member
    return total


@kernel("iteration")
def enumerate_iteration(n):
    values = [1] * 100
    total = 0
    for _ in range(n // 100):
        for i, value in enumerate(values):
            total += i + value
    return total


@kernel("iteration")
def zip_iteration(n):
    left = [1] * 100
    right = [2] * 100
    total = 0
    for _ in range(n // 100):
        for a, b in zip(left, right, strict=True):
            total += a * b
    return total


@kernel("iteration")
def list_comprehension(n):
    total = 0
    for _ in range(n // 100):
        total += len([i * 2 for i in range(100)])
    return total


@kernel("iteration")
def list_comprehension_filter(n):
    total = 0
    for _ in range(n // 100):
        total += len([i for i in range(100) if i & 1])
    return total


@kernel("iteration")
def dict_comprehension(n):
    total = 0
    for _ in range(n // 100):
        total += len({i: i for i in range(100)})
    return total


@kernel("iteration")
def set_comprehension(n):
    total = 0
    for _ in range(n // 100):
        total += len({i & 15 for i in range(100)})
    return total


@kernel("iteration")
def generator_expression(n):
    total = 0
    for _ in range(n // 100):
        total += sum(i * 2 for i in range(100))
    return total


def _count_up(limit):
    i = 0
    while i < limit:
        yield i
        i += 1


@kernel("iteration")
def generator_loop(n):
    total = 0
    for i in _count_up(n):
        total += i
    return total


class _Countdown:
    def __init__(self, start):
        self.left = start

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self):
        if self.left <= 0:
            raise StopIteration
        self.left -= 1
        return self.left


@kernel("iteration")
def iterator_class(n):
    total = 0
    for i in _Countdown(n):
        total += i
    return total
