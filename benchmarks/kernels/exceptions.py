"""Exceptions and context managers."""

from __future__ import annotations

from benchmarks.kernels import kernel


class _Manager:
    def __enter__(self):
        return self

    def __exit__(self, *args):
        return False


class _Swallows(_Manager):
    def __exit__(self, *args):
        return True


class _Node:
    def __init__(self):
        self.value = 1


def _raiser():
    raise ValueError("x")


def _even(i):
    if i & 1:
        raise ValueError(i)
    return i


def _get(table, key):
    try:
        return table[key]
    except KeyError:
        return 0


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
def catch_index_error(n):
    items = [1, 2, 3]
    count = 0
    for i in range(n // 10):
        try:
            count += items[i & 7]
        except IndexError:
            count += 1
    return count


@kernel("exceptions")
def catch_zero_division(n):
    count = 0
    for i in range(n // 10):
        try:
            count += 10 // (i & 1)
        except ZeroDivisionError:
            count += 1
    return count


@kernel("exceptions")
def catch_bad_int(n):
    texts = ["12", "x", "-7", "1.5"]
    count = 0
    for i in range(n // 10):
        try:
            count += int(texts[i & 3])
        except ValueError:
            count += 1
    return count


@kernel("exceptions")
def catch_stop_iteration(n):
    count = 0
    iterator = iter((1, 2))
    for _ in range(n // 10):
        try:
            count += next(iterator)
        except StopIteration:
            iterator = iter((1, 2))
    return count


@kernel("exceptions")
def catch_attribute_error(n):
    nodes = [_Manager(), _Node()]
    count = 0
    for i in range(n // 10):
        try:
            count += nodes[i & 1].value
        except AttributeError:
            count += 1
    return count


@kernel("exceptions")
def catch_from_callee(n):
    count = 0
    for i in range(n // 10):
        try:
            count += _even(i)
        except ValueError:
            count += 1
    return count


@kernel("exceptions")
def default_of_callee(n):
    table = {1: 2, 3: 4}
    count = 0
    for i in range(n // 10):
        count += _get(table, i & 3)
    return count


@kernel("exceptions")
def pop_until_empty(n):
    items = []
    count = 0
    for i in range(n // 10):
        if i & 3 == 0:
            items.append(i)
        try:
            items.pop()
        except IndexError:
            count += 1
    return count


@kernel("exceptions")
def swallow_in_with(n):
    swallows = _Swallows()
    table = {1: 2}
    count = 0
    for i in range(n // 10):
        with swallows:
            count += table[i & 1]
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
