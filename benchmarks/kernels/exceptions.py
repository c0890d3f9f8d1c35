"""Exceptions and context managers."""

from __future__ import annotations

from benchmarks.kernels import kernel


class _Manager:
    def __enter__(self):
        return self

    def __exit__(self, *args):
        return False


def _raiser():
    raise ValueError("x")


@kernel("exceptions")
def try_without_raise(n):
    total = 0
    for i in range(n):
        try:
            total += i
        except ValueError:
            total -= 1
    return total


@kernel("exceptions")
def try_finally(n):
    total = 0
    for i in range(n):
        try:
            total += i
        finally:
            total += 1
    return total


@kernel("exceptions")
def raise_and_catch(n):
    count = 0
    for _ in range(n // 10):
        try:
            raise ValueError
        except ValueError:
            count += 1
    return count


@kernel("exceptions")
def raise_through_call(n):
    count = 0
    for _ in range(n // 10):
        try:
            _raiser()
        except ValueError as error:
            count += len(error.args)
    return count


@kernel("exceptions")
def catch_key_error(n):
    table = {1: 2}
    count = 0
    for i in range(n // 10):
        try:
            count += table[i & 1]
        except KeyError:
            count += 1
    return count


@kernel("exceptions")
def with_statement(n):
    manager = _Manager()
    count = 0
    for _ in range(n):
        with manager:
            count += 1
    return count


@kernel("exceptions")
def assert_true(n):
    count = 0
    for i in range(n):
        assert i >= 0, "never"
        count += 1
    return count
