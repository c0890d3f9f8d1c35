"""Lists of lists that are gone through by columns while they lie unpacked, and nests of loops that make lists on the way."""

from __future__ import annotations

import gc
import signal
import sys
import traceback
import weakref
from typing import TYPE_CHECKING

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import optimizing_soon  # noqa: F401
from tests.test_optimizing_unpacked import EDGES, INTS, copy_of, floats, optimized, outcome

if TYPE_CHECKING:
    from collections.abc import Callable


def product(a, b):
    columns = len(b[0])
    made = []
    for row in a:
        out = [0.0] * columns
        for j in range(columns):
            total = 0.0
            for k in range(len(b)):
                total += row[k] * b[k][j]
            out[j] = total
        made.append(out)
    return made


def halve_columns(rows, weights, rounds):
    total = 0.0
    for _ in range(rounds):
        for j in range(len(weights)):
            for i in range(len(rows)):
                rows[i][j] = rows[i][j] * 0.5 + weights[j]
            first = rows[0]
            total += first[j]
    return total


def exchange(rows, rounds):
    """Rows change their places between two columns."""
    total = 0.0
    for r in range(rounds):
        for j in range(len(rows[0])):
            for i in range(1, len(rows)):
                rows[i][j] = rows[i][j] + 0.5 * rows[i - 1][j]
            rows[r], rows[j] = rows[j], rows[r]
            total += rows[0][0]
    return total


def by_tables(function: Callable, make: Callable[[], tuple]) -> Callable:
    fast = optimized(function, make)
    assert "call @justjit_unpack_float_rows" in justjit.dump(fast, "ir")
    return fast


@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str) -> None:
    make = EDGES[name]

    def same(function: Callable, fast: Callable, arguments: Callable[[list], tuple]) -> None:
        plain, optimizing = arguments(make()), arguments(make())
        for _ in range(2):
            assert outcome(fast, optimizing) == outcome(copy_of(function), plain)

    fast = by_tables(product, lambda: (floats(9, 12), floats(12, 9)))
    same(product, fast, lambda rows: (floats(9, 12), rows))
    same(product, fast, lambda rows: (rows, floats(9, 5)))
    same(product, fast, lambda rows: (rows, rows))
    same(product, fast, lambda rows: (floats(4, 12) + rows[:2], rows))
    fast = by_tables(halve_columns, lambda: (floats(12, 9), floats(1, 9, 3)[0], 5))
    same(halve_columns, fast, lambda rows: (rows, floats(1, 9)[0], 3))
    same(halve_columns, fast, lambda rows: (rows, rows[3] if len(rows) > 3 else rows, 3))
    same(halve_columns, fast, lambda rows: (rows, rows[0] if rows else [], 3))
    fast = optimized(exchange, lambda: (floats(12, 9), 5))
    same(exchange, fast, lambda rows: (rows, 4))
    same(exchange, fast, lambda rows: (rows + rows, 4))


def count_columns(rows, rounds):
    for r in range(rounds):
        for j in range(len(rows[0])):
            for i in range(len(rows)):
                rows[i][j] = rows[i][j] + r


@pytest.mark.parametrize("value", [*INTS, None, "x", [1], 2**63 - 3])
def test_ints(value: object) -> None:
    def usual() -> list:
        return [list(range(1000, 1009)) for _ in range(12)]

    fast = optimized(count_columns, lambda: (usual(), 5))
    assert "call @justjit_unpack_int_rows" in justjit.dump(fast, "ir")
    for row, column in ((0, 0), (5, 4), (11, 8)):
        plain, optimizing = usual(), usual()
        for rows in (plain, optimizing):
            rows[row][column] = value
        for _ in range(2):
            assert outcome(fast, (optimizing, 4)) == outcome(copy_of(count_columns), (plain, 4))


def triangle(rows, weights):
    """Rows of any length, none of which is too short."""
    found = []
    for j in range(len(weights)):
        sums = []
        for i in range(j, len(rows)):
            total = 0.0
            for k in range(j, i + 1):
                total += rows[k][j] * weights[k]
            sums.append(total)
        found.append(sums)
    return found


def test_unequal_rows() -> None:
    def usual() -> tuple:
        return [row[: i + 1] for i, row in enumerate(floats(14, 14))], floats(1, 14)[0]

    fast = by_tables(triangle, usual)
    for short in range(14):
        plain, optimizing = usual(), usual()
        for rows, _ in (plain, optimizing):
            rows[short].pop()
        assert outcome(fast, optimizing) == outcome(copy_of(triangle), plain)


def grow(rows, extra, rounds):
    """What is appended to may be what is read, or one of its rows."""
    total = 0.0
    for r in range(rounds):
        for j in range(len(rows[0])):
            for i in range(len(rows)):
                total += rows[i][j]
                rows[i][j] = rows[i][j] * 0.75 + r
        extra.append(total)
    return total


def test_what_is_appended_to() -> None:
    def with_extra(choose: Callable[[list], list]) -> tuple:
        rows = floats(12, 9)
        return rows, choose(rows), 5

    # What is outside of the innermost loop has been seen before that one is hot.
    fast = by_tables(grow, lambda: (floats(2, 2), [], 2))
    choices: list[Callable[[list], list]] = [
        lambda rows: rows,
        lambda rows: rows[0],
        lambda rows: rows[-1],
        lambda _: [],
        lambda _: [1, "x"],
    ]
    for choose in choices:
        plain, optimizing = with_extra(choose), with_extra(choose)
        for _ in range(3):
            assert outcome(fast, optimizing) == outcome(copy_of(grow), plain)


def smooth_by_lines(rows, rounds):
    total = 0.0
    for _ in range(rounds):
        for i in range(len(rows)):
            row = rows[i]
            line = [0.0] * len(row)
            for j in range(len(row)):
                for k in range(len(row)):
                    line[j] += row[k] * rows[k][j]
                total += line[j]
    return total


def test_lists_that_end() -> None:
    """Lists are made, filled and end while others lie unpacked."""
    fast = by_tables(smooth_by_lines, lambda: (floats(9, 9), 3))
    deopts = sum(_core.function_stats(fast)["deopts"].values())
    rows = floats(40, 40)
    assert outcome(fast, (rows, 3)) == outcome(copy_of(smooth_by_lines), (floats(40, 40), 3))
    # The last list of each round ends in the next one: the code is not left for that.
    assert sum(_core.function_stats(fast)["deopts"].values()) - deopts < 60
    gc.collect()
    counts = {sys.getrefcount(item) for row in rows for item in row}
    assert counts == {sys.getrefcount(item) for row in floats(1, 1) for item in row}


def repeat(value, times):
    rows = []
    for _ in range(3):
        rows.append([value * 1.0, value * 0.5] * times)
        rows.append(times * [0.0])
        rows.append([None, "x", value + 1] * (times + 1))
    return rows


class Times(int):
    pass


class Index:
    def __index__(self) -> int:
        return 3


class Multiplies:
    def __mul__(self, other: object) -> object:
        return "mul"

    def __rmul__(self, other: object) -> object:
        return list(other) if isinstance(other, list) else None


def test_repeating() -> None:
    fast = copy_of(repeat)
    _core.hook(fast)
    for _ in range(60):
        assert fast(0.25, 4) == copy_of(repeat)(0.25, 4)
    assert _core.function_stats(fast)["tier"] == "optimizing"
    assert "call @justjit_repeat" in justjit.dump(fast, "ir")
    values = [0, -1, 1, True, False, Times(2), Index(), Multiplies(), 2.0, None, "x", 2**62, 2**63, -(2**70), 5]
    for times in values:
        for value in (0.5, float("nan"), -0.0, 7):
            assert outcome(fast, (value, times)) == outcome(copy_of(repeat), (value, times))
    found = fast(0.5, 3)
    assert [[id(item) for item in row] for row in found[:1]] == [[id(found[0][0]), id(found[0][1])] * 3]
    found[0].append(1)
    assert found[3] == [0.5, 0.25] * 3


def too_many(times):
    done = 0
    try:
        for i in range(400):
            row = [0.0] * (times if i == 390 else 3)
            done += len(row)
    except MemoryError:
        return "none", done, i
    return done


def test_memory_error() -> None:
    fast = copy_of(too_many)
    _core.hook(fast)
    for _ in range(60):
        assert fast(5) == copy_of(too_many)(5)
    assert fast(2**61) == copy_of(too_many)(2**61) == ("none", 1170, 390)

    def lines(function: Callable) -> list:
        try:
            function(0.5, 2**61)
        except MemoryError as error:
            return [frame.lineno for frame in traceback.extract_tb(error.__traceback__)[1:]]
        return []

    fast = copy_of(repeat)
    _core.hook(fast)
    for _ in range(60):
        fast(0.25, 4)
    assert lines(fast) == lines(copy_of(repeat)) != []


class Ends:
    def __init__(self, log: list) -> None:
        self.log = log

    def __del__(self) -> None:
        self.log.append(sum(map(sum, self.log[0])))


def drop(rows, objects, rounds):
    """Objects end while lists lie unpacked, and look at these."""
    for r in range(rounds):
        for j in range(len(rows[0])):
            for i in range(len(rows)):
                rows[i][j] = rows[i][j] + 1.0
        objects[r] = [0.0] * 3


def test_finalizers() -> None:
    def make(kind: Callable) -> tuple:
        rows = [[0.0] * 9 for _ in range(12)]
        log: list = [rows]
        return rows, [kind(log) for _ in range(6)], 6

    fast = copy_of(drop)
    _core.hook(fast)
    for kind in (lambda _: [0.5], Ends, lambda log: [Ends(log)], lambda log: [[1.5], Ends(log)], lambda _: [[1.0]]):
        for _ in range(30):
            logs = []
            for function in (fast, copy_of(drop)):
                rows, objects, rounds = make(kind)
                log: list = [rows]
                objects = [kind(log) for _ in objects]
                function(rows, objects, rounds)
                logs.append((log, objects))
            assert logs[0] == logs[1]
    assert _core.function_stats(fast)["tier"] == "optimizing"


def test_weak_references() -> None:
    """A list of rows that ends in the nest takes its rows along."""

    class Rows(list):
        pass

    def run(function: Callable) -> tuple:
        kept = floats(9, 9)
        rows = Rows(floats(9, 9))
        alive = weakref.ref(rows)
        result = function(rows, 2), function(kept, 2)
        del rows
        return result, alive() is None

    fast = by_tables(smooth_by_lines, lambda: (floats(9, 9), 3))
    assert run(fast) == run(copy_of(smooth_by_lines))


class Interrupted(Exception):
    pass


def is_prefix_by_columns(rows: list[list[float]]) -> bool:
    flat = [row[j] for j in range(len(rows[0])) for row in rows]
    return flat == sorted(flat, reverse=True) and flat[0] - flat[-1] in (0.0, 1.0)


def add_by_columns(rows, rounds):
    for _ in range(rounds):
        for j in range(len(rows[0])):
            for i in range(len(rows)):
                rows[i][j] = rows[i][j] + 1.0


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_signals() -> None:
    """What was written by way of a table is there for a signal's handler."""
    fast = by_tables(add_by_columns, lambda: (floats(40, 30), 5))
    rows = [[0.0] * 30 for _ in range(40)]
    seen = []

    def handler(number: int, frame: object) -> None:  # noqa: ARG001 (as the interpreter calls it)
        seen.append(is_prefix_by_columns(rows))
        if len(seen) % 3 == 0:
            raise Interrupted

    old = signal.signal(signal.SIGALRM, handler)
    try:
        for _ in range(12):
            signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
            try:
                fast(rows, 10**9)
            except Interrupted:
                signal.setitimer(signal.ITIMER_REAL, 0)
                assert is_prefix_by_columns(rows)
                rows = [[0.0] * 30 for _ in range(40)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert len(seen) >= 12
    assert all(seen)


def kinds(rows, rounds):
    found = 0
    for _ in range(rounds):
        for j in range(len(rows[0])):
            for i in range(len(rows)):
                item = rows[i][j]
                if type(item) is int:
                    found += 1
                elif isinstance(item, float):
                    rows[i][j] = item * 0.5
                if type(rows[i]) is tuple:
                    found += 1000
    return found


def test_types() -> None:
    """Another type than the usual is asked for as well."""
    fast = copy_of(kinds)
    _core.hook(fast)
    for _ in range(60):
        assert outcome(fast, (floats(12, 9), 4)) == outcome(copy_of(kinds), (floats(12, 9), 4))
    for name in ("1 in row 5", "True in row 5", "tuple", "one row", "None in row 11", "nan in row 0"):
        make = EDGES[name]
        assert outcome(fast, (make(), 3)) == outcome(copy_of(kinds), (make(), 3))


def half(n):
    if n == 13:
        raise KeyError(n)
    return n // 2


def between(n, table, size):
    """Calls between a list's items and how often it is repeated."""
    first = [0.5, n] * half(n)
    second = [n] * size(n) + [None] * len(table)
    third = len(first) * [2.5]
    fourth = [n, 1] * table[n]
    return first, second, third, fourth


def test_calls_between() -> None:
    fast = copy_of(between)
    _core.hook(fast)
    table = list(range(20))
    for _ in range(60):
        assert fast(6, table, half) == copy_of(between)(6, table, half)
    assert _core.function_stats(fast)["tier"] == "optimizing"
    assert "call @justjit_repeat" in justjit.dump(fast, "ir")
    others: list = [lambda _: 2.5, lambda _: True, lambda _: Index(), lambda n: 1 // (n - 7), lambda _: 2**70, half]
    for other in others:
        for n in (0, 3, 7, 13, 19, 20, -1, 2**64, "x", 2.0):
            assert outcome(fast, (n, table, other)) == outcome(copy_of(between), (n, table, other))
    with justjit.config(stress="deopt"):
        fast = copy_of(between)
        _core.hook(fast)
        for n in [*range(12)] * 12:
            assert fast(n, table, half) == copy_of(between)(n, table, half)
