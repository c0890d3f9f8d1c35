"""Lists of numbers that lie unpacked while a nest of loops runs: whatever comes between finds the lists as they ought to be."""

from __future__ import annotations

import gc
import random
import signal
import sys
import threading
import types
from typing import TYPE_CHECKING

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import optimizing_soon  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable


def copy_of(function: Callable) -> types.FunctionType:
    # What has been seen belongs to the code object.
    return types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__)


def optimized(function: Callable, make: Callable[[], tuple], *, unpacks: bool = True) -> Callable:
    copy = copy_of(function)
    _core.hook(copy)
    for _ in range(60):
        copy(*make())
    assert _core.function_stats(copy)["tier"] == "optimizing", _core.function_stats(copy)
    assert ("call @justjit_unpack_" in justjit.dump(copy, "ir")) == unpacks
    return copy


def outcome(function: Callable, arguments: tuple) -> tuple:
    try:
        result: object = function(*arguments)
    except Exception as error:
        result = type(error), str(error)
    return repr(result), repr(arguments), shape(arguments)


def shape(arguments: tuple) -> list[int]:
    """Which of the lists are one."""
    numbers: dict[int, int] = {}
    found = []
    for argument in arguments:
        for part in [argument, *argument] if isinstance(argument, list) else ():
            if isinstance(part, list):
                found.append(numbers.setdefault(id(part), len(numbers)))
    return found


def floats(height: int, width: int, seed: int = 0) -> list[list[float]]:
    generator = random.Random(seed)
    return [[generator.random() for _ in range(width)] for _ in range(height)]


def smooth(grid, other, steps):
    for _ in range(steps):
        for i in range(1, len(grid) - 1):
            for j in range(1, len(grid[0]) - 1):
                other[i][j] = 0.25 * (grid[i - 1][j] + grid[i + 1][j] + grid[i][j - 1] + grid[i][j + 1])
        grid, other = other, grid
    return grid


def relax(grid, sweeps):
    for _ in range(sweeps):
        for i in range(1, len(grid) - 1):
            row = grid[i]
            above = grid[i - 1]
            below = grid[i + 1]
            for j in range(1, len(row) - 1):
                row[j] = 0.3 * (above[j] + below[j] + row[j - 1] + row[j + 1]) - 0.2 * row[j]


def divide(rows, by, rounds):
    done = 0
    for _ in range(rounds):
        for row in rows:
            for j in range(len(by)):
                row[j] = row[j] / by[j]
                done += 1
    return done


def weigh(matrix, vector, rounds):
    total = 0.0
    for _ in range(rounds):
        for i in range(len(matrix)):
            row = matrix[i]
            for j in range(len(vector)):
                total += row[j] * vector[j]
    return total


def count_up(rows, rounds):
    for _ in range(rounds):
        for row in rows:
            for j in range(len(row)):
                row[j] = row[j] + 1.0


def exchange(rows, rounds):
    for r in range(rounds):
        for i in range(len(rows) - 1):
            rows[i], rows[i + 1] = rows[i + 1], rows[i]
            first = rows[i]
            second = rows[i + 1]
            for j in range(len(first)):
                first[j] = first[j] * 0.5 + second[j]
                second[j] -= 0.125 * r


def grids(*, height: int = 12, width: int = 9) -> dict[str, Callable[[], list]]:
    """Lists of rows that differ from the usual."""

    def changed(row: int, column: int, value: object) -> Callable[[], list]:
        def make() -> list:
            rows: list = floats(height, width)
            rows[row][column] = value
            return rows

        return make

    def with_row(at: int, make_row: Callable[[list], object]) -> Callable[[], list]:
        def make() -> list:
            rows: list = floats(height, width)
            rows[at] = make_row(rows)
            return rows

        return make

    class Row(list):
        pass

    class Number(float):
        pass

    values = [1, True, None, "x", 2**70, Number(0.5), 1j, float("nan"), -0.0, float("inf"), 1e308, [0.5]]
    found = {f"{value!r} in row {row}": changed(row, 4, value) for value in values for row in (0, 5, height - 1)}
    found |= {
        "usual": lambda: floats(height, width),
        "one object": lambda: [[0.5] * width for _ in range(height)],
        "one row": lambda: [floats(1, width)[0]] * height,
        "two rows in turn": lambda: floats(2, width) * (height // 2),
        "short row": with_row(6, lambda rows: rows[6][:4]),
        "long row": with_row(6, lambda rows: rows[6] + [1, 2, 3]),
        "empty row": with_row(6, lambda _: []),
        "neighbour": with_row(6, lambda rows: rows[5]),
        "itself": with_row(6, lambda rows: rows),
        "tuple": with_row(6, lambda rows: tuple(rows[6])),
        "subclass": with_row(6, lambda rows: Row(rows[6])),
        "none": lambda: [],
        "one": lambda: floats(1, width),
        "ints": lambda: [[1] * width for _ in range(height)],
    }
    return found


EDGES = grids()


@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str) -> None:
    make = EDGES[name]

    def same(function: Callable, fast: Callable, arguments: Callable[[list], tuple]) -> None:
        # Once with what is there already, and once more.
        plain, optimizing = arguments(make()), arguments(make())
        for _ in range(2):
            assert outcome(fast, optimizing) == outcome(copy_of(function), plain)

    def usual(*others: object) -> Callable[[], tuple]:
        return lambda: (floats(12, 9), *others)

    same(relax, optimized(relax, usual(5)), lambda rows: (rows, 3))
    same(count_up, optimized(count_up, usual(5)), lambda rows: (rows, 3))
    same(exchange, optimized(exchange, usual(5)), lambda rows: (rows, 3))
    fast = optimized(smooth, lambda: (floats(12, 9), floats(12, 9, 1), 5))
    same(smooth, fast, lambda rows: (rows, floats(12, 9), 4))
    same(smooth, fast, lambda rows: (floats(12, 9), rows, 3))
    same(smooth, fast, lambda rows: (rows, rows, 3))
    same(smooth, fast, lambda rows: (rows, rows[1:] + rows[:1], 3))
    fast = optimized(weigh, lambda: (floats(12, 9), floats(1, 9, 3)[0], 5))
    same(weigh, fast, lambda rows: (rows, floats(1, 9)[0], 3))
    same(weigh, fast, lambda rows: (rows, rows[0] if rows else rows, 3))
    fast = optimized(divide, lambda: (floats(12, 9), floats(1, 9, 3)[0], 5))
    same(divide, fast, lambda rows: (rows, floats(1, 9)[0], 3))
    same(divide, fast, lambda rows: (rows, rows[3] if len(rows) > 3 else rows, 3))


def pack_up(best, weights):
    for weight in weights:
        for room in range(len(best) - 1, weight - 1, -1):
            candidate = best[room - weight] + 3 * weight
            if candidate > best[room]:
                best[room] = candidate
    return best[-1]


def gather(values, places, totals, rounds):
    for _ in range(rounds):
        for i in range(len(totals)):
            total = 0
            for j in range(len(places)):
                total += values[places[j]] - i
            totals[i] = totals[i] + total


INTS = [0, -1, 1, -5, -6, 256, 257, 2**30, -(2**30), 2**62, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, True, 0.5]


@pytest.mark.parametrize("value", [*INTS, None, "x", [1], 2**63 - 40])
def test_ints(value: object) -> None:
    def usual() -> tuple:
        return [0] * 60, [3, 4, 7, 9, 2]

    fast = optimized(pack_up, usual)
    for at in (0, 7, 59):
        for times in (1, 2):
            plain, optimizing = usual(), usual()
            for best, _ in (plain, optimizing):
                best[at] = value
            for _ in range(times):
                assert outcome(fast, optimizing) == outcome(copy_of(pack_up), plain)
            small = [item for item in optimizing[0] if type(item) is int and -5 <= item <= 256]
            assert all(item is int(str(item)) for item in small)
    plain, optimizing = usual(), usual()
    for _, weights in (plain, optimizing):
        weights[2] = value
    assert outcome(fast, optimizing) == outcome(copy_of(pack_up), plain)
    one = [2, 1, 5, 3]
    other = list(one)
    assert outcome(fast, (one, one)) == outcome(copy_of(pack_up), (other, other))

    def many(changed: int = -1, rounds: int = 4) -> tuple:
        lists: list = [list(range(300, 340)), [5, 39, 0, 17, 7], [1000, 2000, -3000]]
        if changed >= 0:
            lists[changed][2] = value
        return (*lists, rounds)

    # Few rounds would not be worth it.
    fast = optimized(gather, lambda: many(rounds=60))
    for changed in range(3):
        assert outcome(fast, many(changed)) == outcome(copy_of(gather), many(changed))
    for first in range(3):
        lists, others = many(), many()
        assert outcome(fast, (lists[first],) * 3 + (2,)) == outcome(copy_of(gather), (others[first],) * 3 + (2,))
    assert outcome(fast, ([], [], [], 3)) == outcome(copy_of(gather), ([], [], [], 3))


def mixed(numbers, factors, rounds):
    """One list of ints and one of floats, which may be one."""
    for _ in range(rounds):
        for i in range(len(numbers)):
            for j in range(len(factors)):
                factors[j] = factors[j] * 0.5 + numbers[i]
            numbers[i] = numbers[i] + 1


def test_kinds() -> None:
    def usual() -> tuple:
        return list(range(500, 520)), [0.5] * 12, 3

    fast = optimized(mixed, usual)

    def empty() -> tuple:
        nothing: list = []
        return nothing, nothing, 3

    def same() -> tuple:
        numbers: list = [1, 2, 3]
        return numbers, numbers, 2

    def halves() -> tuple:
        numbers: list = [0.5, 1.5]
        return numbers, numbers, 2

    for make in (usual, empty, same, halves, lambda: ([], [0.5], 2), lambda: ([7], [], 2), usual):
        assert outcome(fast, make()) == outcome(copy_of(mixed), make())


def test_exception() -> None:
    """What was written before is there."""
    fast = optimized(divide, lambda: (floats(12, 9), floats(1, 9, 3)[0], 5))
    for at in range(9):
        plain, optimizing = (floats(12, 9), [2.0] * 9, 4), (floats(12, 9), [2.0] * 9, 4)
        plain[1][at] = optimizing[1][at] = 0.0
        found = outcome(fast, optimizing)
        assert found == outcome(copy_of(divide), plain)
        assert "ZeroDivisionError" in found[0]


def test_objects() -> None:
    """What is not written stays the object it is, what others have is not written over, and references are counted right."""
    fast = optimized(smooth, lambda: (floats(12, 9), floats(12, 9, 1), 5))
    grid, other = floats(12, 9), floats(12, 9, 1)
    shared = [list(row) for row in other]
    before = [[id(item) for item in row] for row in (*grid, *other)]
    values = repr(shared)
    fast(grid, other, 1)
    assert repr(shared) == values
    assert other[3][3] != shared[3][3]
    after = [[id(item) for item in row] for row in (*grid, *other)]
    for row in range(12):
        assert after[row] == before[row]
        inner = range(1, 8) if 0 < row < 11 else range(0)
        kept = [column for column in range(9) if column not in inner]
        assert [after[12 + row][column] for column in kept] == [before[12 + row][column] for column in kept]
    del shared
    counts = {sys.getrefcount(item) for rows in (grid, other) for row in rows for item in row}
    assert counts == {sys.getrefcount(item) for row in floats(1, 1) for item in row}


def test_lists_are_whole() -> None:
    """Nothing of a list is changed but its items."""
    fast = optimized(count_up, lambda: (floats(12, 9), 5))
    rows = floats(12, 9)
    sizes = [sys.getsizeof(row) for row in rows]
    expected = [list(row) for row in rows]
    fast(rows, 3)
    assert [sys.getsizeof(row) for row in rows] == sizes
    copy_of(count_up)(expected, 3)
    for row, other in zip(rows, expected, strict=True):
        row.append(1.5)
        row.insert(0, 2.5)
        row.extend([3.5] * 40)
        del row[3:7]
        other[:] = [2.5, *other, 1.5, *[3.5] * 40]
        del other[3:7]
    gc.collect()
    assert rows == expected
    fast(rows, 2)
    copy_of(count_up)(expected, 2)
    assert rows == expected


def is_prefix(rows: list[list[float]]) -> bool:
    """Whether a sweep of `count_up` over zeros is somewhere between two items."""
    flat = [item for row in rows for item in row]
    return flat == sorted(flat, reverse=True) and flat[0] - flat[-1] in (0.0, 1.0)


class Interrupted(Exception):
    pass


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_signals() -> None:
    """A signal's handler finds what has been written until then, and so does who catches its exception."""
    fast = optimized(count_up, lambda: (floats(40, 30), 5))
    rows = [[0.0] * 30 for _ in range(40)]
    seen = []

    def handler(number: int, frame: object) -> None:  # noqa: ARG001 (as the interpreter calls it)
        seen.append(is_prefix(rows))
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
                assert is_prefix(rows)
                rows = [[0.0] * 30 for _ in range(40)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert len(seen) >= 12
    assert all(seen)


def test_threads() -> None:
    """Another thread that gets its turn finds what has been written until then, and may change the lists' sizes."""
    fast = optimized(count_up, lambda: (floats(40, 30), 5))
    rows = [[0.0] * 30 for _ in range(40)]
    seen = []
    ended = threading.Event()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)

    def look() -> None:
        while not ended.is_set():
            # To copy one row is one instruction.
            seen.append(is_prefix([list(rows[7])]))
            # The room of a list for more items changes while nobody has its items elsewhere.
            rows[9].append(0.5)
            rows[9].pop()

    thread = threading.Thread(target=look)
    try:
        thread.start()
        while len(seen) < 200:
            fast(rows, 40)
    finally:
        ended.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert all(seen)


def few(table, places):
    total = 0.0
    for i, j in places:
        for row in range(i, i + 2):
            for column in range(j, j + 2):
                total += table[row][column]
    return total


def test_what_does_not_pay() -> None:
    """Where little is read of long lists, the lists are left as they are after a while."""
    table = floats(30, 400)
    copy = copy_of(few)
    _core.hook(copy)
    places = [(3, 4), (25, 7)]
    expected = copy_of(few)(table, places)
    for _ in range(3000):
        assert copy(table, places) == expected
    assert _core.function_stats(copy)["tier"] == "optimizing"
    assert "call @justjit_unpack_floats" not in justjit.dump(copy, "ir")
    assert "copying the lists of a loop costs more than it saves" in str(justjit.explain(copy))


def replace(rows, spare, rounds):
    total = 0.0
    for _ in range(rounds):
        for i in range(len(rows)):
            row = rows[i]
            for j in range(len(row)):
                row[j] = row[j] * 0.5
                total += row[j]
            rows[i] = spare[i]
    return total


def test_list_that_ends() -> None:
    """A list may lose its last reference while its items are elsewhere."""
    copy = copy_of(replace)
    _core.hook(copy)
    for _ in range(60):
        plain, optimizing = (floats(8, 30), floats(8, 30, 1), 3), (floats(8, 30), floats(8, 30, 1), 3)
        assert outcome(copy, optimizing) == outcome(copy_of(replace), plain)
