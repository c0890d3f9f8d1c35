"""Lists of lists and nested loops in the optimizing tier: rows that are read before a loop which writes numbers."""

from __future__ import annotations

import sys
import types
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from justjit import _core

from tests.optimized_programs import optimizing_soon  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    import numpy as np
except ImportError:
    np = None  # type: ignore[assignment]

needs_numpy = pytest.mark.skipif(np is None, reason="NumPy is not installed")


def copy_of(function: Callable) -> types.FunctionType:
    # What has been seen belongs to the code object.
    return types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__)


def optimized(function: Callable, make: Callable[[], tuple]) -> Callable:
    copy = copy_of(function)
    _core.hook(copy)
    for _ in range(60):
        copy(*make())
    assert _core.function_stats(copy)["tier"] == "optimizing", _core.function_stats(copy)
    return copy


def outcome(function: Callable, arguments: tuple) -> object:
    """What a call gives or raises, the warnings, and the arguments afterwards, cyclic ones too."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result: object = function(*arguments)
        except Exception as error:
            result = type(error), str(error)
        told = [(one.category, str(one.message)) for one in caught]
    parts = [
        part.tolist() if np is not None and isinstance(part, np.ndarray) else part for part in (result, *arguments)
    ]
    return repr(parts), told


def check(function: Callable, make: Callable[[], tuple], *others: Callable[[], tuple]) -> None:
    compiled = optimized(function, make)
    for other in (make, *others, make):
        assert outcome(compiled, other()) == outcome(function, other())


def smooth(grid: Any, other: Any, steps: Any) -> Any:
    for _ in range(steps):
        for i in range(1, len(grid) - 1):
            for j in range(1, len(grid[0]) - 1):
                other[i][j] = 0.25 * (grid[i - 1][j] + grid[i + 1][j] + grid[i][j - 1] + grid[i][j + 1])
        grid, other = other, grid
    return grid


def plate(size: int) -> list[list[float]]:
    return [[float(i * i + j) for j in range(size)] for i in range(size)]


def test_neighbours() -> None:
    def shared() -> tuple:
        grid = plate(9)
        return grid, grid, 4

    def one_row() -> tuple:
        row = [1.0, 2.0, 3.0, 4.0, 5.0]
        return [row] * 5, [row] * 5, 3

    def ragged() -> tuple:
        grid = plate(9)
        grid[5] = [1.0, 2.0]
        return grid, plate(9), 2

    def another_type() -> tuple:
        grid = plate(9)
        grid[4][4] = 7  # type: ignore[assignment]
        return grid, plate(9), 3

    def no_row() -> tuple:
        grid: list = plate(9)
        grid[6] = 1.5
        return grid, plate(9), 2

    def shorter() -> tuple:
        return plate(9), plate(6), 2

    def empty() -> tuple:
        return [[]] * 9, [[]] * 9, 2

    check(smooth, lambda: (plate(9), plate(9), 4), shared, one_row, ragged, another_type, no_row, shorter, empty)


def mixed(outer: Any, at: Any) -> Any:
    """Writes floats to a list that has rows as well, and reads a row of it again and again."""
    total = 0.0
    for i in range(len(outer)):
        row = outer[at]
        total += row[0]
        if i != at:
            outer[i] = total
    return total


def test_rows_and_numbers_in_one_list() -> None:
    def numbers(size: int, at: int) -> tuple:
        outer: list = [float(i) for i in range(size)]
        outer[at] = [1.5, 2.5]
        return outer, at

    def cyclic() -> tuple:
        outer: list = [1.0] * 20
        outer[3] = outer
        return outer, 3

    def two_rows() -> tuple:
        outer, at = numbers(20, 5)
        outer[9] = [1.0]
        return outer, at

    check(
        mixed,
        lambda: numbers(20, 5),
        lambda: numbers(20, 0),
        cyclic,
        two_rows,
        lambda: numbers(20, -1),
        lambda: ([1.0] * 20, 3),
        lambda: ([], 0),
    )


def overwriting(outer: Any, at: Any, value: Any) -> Any:
    """What is read as a row is one no more from some round on."""
    total = 0.0
    for i in range(len(outer)):
        total += outer[at][0]
        outer[i] = value
    return total


def test_a_row_that_is_replaced() -> None:
    def rows() -> tuple:
        return [[float(i)] for i in range(30)], 29, [0.5]

    def numbers() -> tuple:
        return [1.0] * 12 + [[2.0]] + [1.0] * 12, 12, 3.0

    check(overwriting, rows, numbers, lambda: ([[1.0]] * 30, 3, 2.0))
    check(overwriting, lambda: ([1.0] * 12 + [[2.0]], 12, 3.0), numbers, rows)


class Watched(list):
    pass


def replaced_rows(rows: Any, row: Any, rounds: Any) -> Any:
    """Each round replaces the row that is being read; its end may be watched."""
    total = 0.0
    for i in range(rounds):
        for k in range(len(row)):
            total += rows[i][k]
            row[k] = total
        rows[i] = row
    return total


def test_rows_end_when_they_are_replaced() -> None:
    def make() -> tuple:
        return [[1.0, 2.0, 3.0] for _ in range(20)], [0.0, 0.5, 1.0], 20

    check(replaced_rows, make)
    compiled = optimized(replaced_rows, make)
    rows = [Watched([1.0, 2.0]) for _ in range(10)]
    ended: list[int] = []
    for number, row in enumerate(rows):
        weakref.finalize(row, ended.append, number)
    del row
    compiled(rows, [1.0, 1.0], 10)
    assert ended == list(range(10))


def test_rows_keep_their_references() -> None:
    compiled = optimized(smooth, lambda: (plate(9), plate(9), 4))
    grid, other = plate(9), plate(9)
    held = grid[4][4], other[4][4]
    before = [sys.getrefcount(row) for row in grid + other]
    compiled(grid, other, 5)
    assert [sys.getrefcount(row) for row in grid + other] == before
    # Numbers that somebody else has are not written over.
    assert held == (20.0, 20.0)


def while_nested(table: Any, stop: Any) -> Any:
    """Nested loops with ways out of both, entered in the middle."""
    seen = 0
    i = 0
    while i < len(table):
        j = 0
        while j < len(table[i]):
            if table[i][j] == stop:
                break
            if table[i][j] < 0:
                j += 2
                continue
            seen += table[i][j]
            j += 1
        else:
            seen += 1000
        i += 1
    return seen, i, j


def test_nested_loops_with_ways_out() -> None:
    def make() -> tuple:
        return [[(i * j) % 7 - 1 for j in range(15)] for i in range(15)], 5

    check(
        while_nested,
        make,
        lambda: ([[1, 2, 3], [], [-1, 4, 9], [9]], 9),
        lambda: ([[]] * 4, 1),
        lambda: ([[1 << 70, 2]] * 3, 2),
        lambda: ([[1.5, 2]] * 3, 2),
    )


def three_deep(size: Any) -> Any:
    total = 0
    for i in range(size):
        for j in range(i):
            for k in range(j):
                total += i * j - k
    return total


def test_three_loops() -> None:
    check(three_deep, lambda: (12,), lambda: (0,), lambda: (1,), lambda: (3,), lambda: (True,), lambda: (2.0,))


def array_smooth(grid: Any, other: Any) -> Any:
    height, width = grid.shape
    for i in range(1, height - 1):
        for j in range(1, width - 1):
            other[i, j] = 0.25 * (grid[i - 1, j] + grid[i + 1, j] - grid[i, j - 1] + grid[i, j + 1])
    return other


@needs_numpy
def test_chains_that_overflow() -> None:
    def arrays(*places: tuple) -> tuple:
        grid = np.arange(81.0).reshape(9, 9)
        for i, j, value in places:
            grid[i, j] = value
        return grid, np.zeros((9, 9))

    huge = 1.7e308
    check(
        array_smooth,
        arrays,
        lambda: arrays((3, 4, huge), (5, 4, huge)),
        lambda: arrays((3, 4, huge), (4, 5, huge)),
        lambda: arrays((4, 3, -huge), (4, 5, huge)),
        lambda: arrays((3, 4, float("inf")), (4, 3, float("inf"))),
        lambda: arrays((3, 4, float("nan"))),
        lambda: arrays((3, 4, 5e-324), (5, 4, 0.0), (4, 3, 0.0), (4, 5, 0.0)),
        lambda: (np.arange(81.0).reshape(9, 9).T, np.zeros((9, 9))),
        lambda: (np.arange(81.0).reshape(9, 9)[:, ::-1], np.zeros((9, 9))),
        lambda: (np.arange(81.0).reshape(9, 9), np.zeros((8, 9))),
        lambda: (np.arange(81.0).reshape(9, 9), np.zeros((9, 5))),
        lambda: (np.arange(81).reshape(9, 9), np.zeros((9, 9))),
    )


@needs_numpy
def test_each_warning_of_a_chain_is_told() -> None:
    compiled = optimized(array_smooth, lambda: (np.ones((9, 9)), np.zeros((9, 9))))
    grid = np.ones((9, 9))
    grid[2, 2] = grid[4, 2] = grid[6, 6] = grid[6, 4] = 1.7e308
    for _ in range(30):
        arguments = grid.copy(), np.zeros((9, 9))
        with np.errstate(over="raise"):
            assert outcome(compiled, arguments) == outcome(array_smooth, (grid.copy(), np.zeros((9, 9))))
        arguments = grid.copy(), np.zeros((9, 9))
        assert outcome(compiled, arguments) == outcome(array_smooth, (grid.copy(), np.zeros((9, 9))))


def reshaped(array: Any, at: Any, rounds: Any) -> Any:
    total = 0.0
    for i in range(rounds):
        if i == at:
            array.shape = (array.size,)
        total += array[i % 3, 1]
    return total


@needs_numpy
def test_a_shape_that_changes_in_the_loop() -> None:
    check(
        reshaped,
        lambda: (np.arange(12.0).reshape(3, 4), -1, 40),
        lambda: (np.arange(12.0).reshape(3, 4), 20, 40),
        lambda: (np.arange(12.0).reshape(3, 4), 0, 40),
        lambda: (np.array(1.0), -1, 40),
        lambda: (np.array(1.0), -1, 0),
        lambda: (np.zeros((3, 0)), -1, 40),
        lambda: (np.zeros((3, 0)), -1, 0),
    )


def counted(values: Any, count: Any, limit: Any) -> Any:
    """Counts on one side of a branch: up, and down by more than one."""
    down = -count
    for value in values:
        if value > limit:
            count += 1
        if value == limit:
            down -= 3
    return count, down


def test_counting_beyond_a_word() -> None:
    values = [(7 * number) % 11 for number in range(60)]
    check(
        counted,
        lambda: (values, 0, 5),
        lambda: (values, 2**63 - 10, 5),
        lambda: (values, 2**63 - 10, 50),
        lambda: (values, 2**63 - 1, 50),
        lambda: (values, -(2**63), 5),
        lambda: (values, 2**63, 5),
        lambda: (values, True, 5),
        lambda: (values, 0.5, 5.0),
        lambda: ([5.0, float("nan"), 6.0] * 10, 0, 5),
    )


def averages(data: Any, out: Any, window: Any) -> Any:
    """What comes round first is behind the first `if`; what is written to is looked at only behind the second."""
    total = 0.0
    for i in range(len(data)):
        total += data[i]
        if i >= window:
            total -= data[i - window]
        if i >= window - 1:
            out[i - window + 1] = total / window
    return total


@needs_numpy
def test_arrays_that_are_written_to_late() -> None:
    def arguments(out: Any, window: int = 5) -> tuple:
        return np.linspace(0.0, 2.0, 40), out, window

    def locked() -> tuple:
        out = np.zeros(36)
        out.flags.writeable = False
        return arguments(out)

    check(
        averages,
        lambda: arguments(np.zeros(36)),
        locked,
        lambda: arguments(np.zeros(20)),
        lambda: arguments(np.zeros(36, dtype=int)),
        lambda: arguments(np.zeros(72)[::2]),
        lambda: arguments([0.0] * 36),
        lambda: arguments(np.zeros((36, 1))),
        # It is not written to at all.
        lambda: arguments(None, 50),
        lambda: arguments(np.zeros(36), 0),
    )
