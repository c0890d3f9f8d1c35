"""Loops whose floats are tested for a whole strip before any is written: where a test fails, only what came before is written."""

from __future__ import annotations

import random
import types
import warnings
from typing import TYPE_CHECKING, Any

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import optimizing_soon  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable

np = pytest.importorskip("numpy")

# 1024 iterations are a strip.
LENGTHS = (0, 1, 2, 3, 9, 1023, 1024, 1025, 2050)


def copy_of(function: Callable) -> types.FunctionType:
    return types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__)


def optimized(function: Callable, make: Callable[[], tuple]) -> Callable:
    copy = copy_of(function)
    _core.hook(copy)
    for _ in range(60):
        copy(*make())
    assert _core.function_stats(copy)["tier"] == "optimizing", _core.function_stats(copy)
    if _core.get_config()["backend"] == "llvm":
        text = justjit.dump(copy, "ir")
        with justjit.config(passes_off=["ahead"]):
            assert text.count("store_indexed.float") > justjit.dump(copy, "ir").count("store_indexed.float")
    return copy


def content(argument: Any) -> Any:
    # NaN is NaN, and 0.0 is not -0.0.
    return argument.tobytes() if isinstance(argument, np.ndarray) else repr(argument)


def outcome(function: Callable, arguments: tuple) -> list:
    """What it gives, raises, leaves in its arguments, and what these are whenever a warning is shown."""
    seen: list = []

    def show(message: Warning, category: type, *where: object) -> None:
        seen.append((str(message), category, where[1], [content(one) for one in arguments]))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        try:
            seen.append(content(function(*arguments)))
        except Exception as error:
            seen.append((type(error), str(error), error.__traceback__.tb_next.tb_lineno))
    seen.extend(content(one) for one in arguments)
    return seen


def same(function: Callable, fast: Callable, make: Callable[[], tuple]) -> None:
    plain, optimizing = make(), make()
    for _ in range(2):
        with np.errstate(all="warn"):
            assert outcome(fast, optimizing) == outcome(copy_of(function), plain)
        with np.errstate(all="raise"):
            assert outcome(fast, make()) == outcome(copy_of(function), make())


def smooth(grid, other):
    height, width = grid.shape
    for i in range(1, height - 1):
        for j in range(1, width - 1):
            other[i, j] = 0.25 * (grid[i - 1, j] + grid[i + 1, j] + grid[i, j - 1] + grid[i, j + 1])


def scale(a, b, by):
    for i in range(len(a)):
        a[i] = a[i] * by + b[i]


def shift(a, b, by):
    for i in range(1, len(a) - 1):
        a[i] = (b[i - 1] + b[i + 1]) * by


def both(a, b, by):
    """Two that are written."""
    for i in range(len(a)):
        a[i] = a[i] - by * b[i]
        b[i] = b[i] * by


def divide(a, b, by):
    for i in range(len(a)):
        a[i] = b[i] / (by - a[i])


def floats(length: int, seed: int = 0) -> Any:
    generator = random.Random(seed)
    return np.array([generator.uniform(-1, 1) for _ in range(length)])


SPECIAL = [1e308, -1e308, float("inf"), float("-inf"), float("nan"), -0.0, 0.0, 5e-324, 2.0]


def test_two_dimensions() -> None:
    def grid(*special: tuple[int, int, float], seed: int = 0) -> Any:
        made = floats(60, seed).reshape(6, 10)
        for i, j, value in special:
            made[i, j] = value
        return made

    fast = optimized(smooth, lambda: (grid(), grid(seed=1)))
    for value in SPECIAL:
        for i, j in ((0, 0), (1, 1), (2, 5), (4, 8), (5, 9), (3, 0)):
            same(smooth, fast, lambda: (grid((i, j, value), (i - 1, j - 1, value)), grid()))  # noqa: B023
    same(smooth, fast, lambda: (one := grid(), one))
    same(smooth, fast, lambda: (np.zeros((2, 0)), np.zeros((2, 0))))
    same(smooth, fast, lambda: (grid()[::-1], grid()))
    same(smooth, fast, lambda: (grid().T, grid().T.copy()))
    same(smooth, fast, lambda: (grid(), grid()[:, :5]))
    same(smooth, fast, lambda: (grid(), grid()[:3]))


@pytest.mark.parametrize("function", [scale, shift, both, divide])
def test_one_dimension(function: Callable) -> None:
    fast = optimized(function, lambda: (floats(200), floats(200, 1), 0.5))
    for length in LENGTHS:
        same(function, fast, lambda: (floats(length), floats(length, 1), 0.5))  # noqa: B023
    for value in SPECIAL:
        for at in (0, 1, 700, 1023, 1024, 1299):

            def make(where: int, value: float = value, at: int = at) -> tuple:
                arrays = floats(1300), floats(1300, 1)
                arrays[where][at] = value
                return (*arrays, 2.0)

            same(function, fast, lambda: make(0))  # noqa: B023
            same(function, fast, lambda: make(1))  # noqa: B023

    # They may be one, or overlap by any number of items.
    for length in (5, 300, 1300):
        for distance in (0, 1, 2, 3, 4, 8, 299):

            def overlapping(length: int = length, distance: int = distance) -> list:
                whole = floats(length + distance)
                return [whole[:length], whole[distance:]]

            same(function, fast, lambda: (*overlapping(), 0.5))  # noqa: B023
            same(function, fast, lambda: (*overlapping()[::-1], 0.5))  # noqa: B023
    same(function, fast, lambda: (floats(40), floats(39), 0.5))
    same(function, fast, lambda: (floats(40), floats(80)[::2], 0.5))
    same(function, fast, lambda: (floats(40).astype("f4"), floats(40), 0.5))
    same(function, fast, lambda: (floats(40), np.arange(40), 0.5))
    same(function, fast, lambda: (list(floats(40)), floats(40), 0.5))


@pytest.mark.parametrize("name", ["complex64", "complex128", "float32"])
@pytest.mark.parametrize("function", [scale, shift, both, divide])
def test_other_numbers(function: Callable, name: str) -> None:
    """Complex numbers count as one item each, whose parts are written one after the other."""

    def numbers(length: int, seed: int = 0) -> Any:
        parts = floats(length, seed) + 1j * floats(length, seed + 100) if "complex" in name else floats(length, seed)
        return parts.astype(name)

    fast = optimized(function, lambda: (numbers(200), numbers(200, 1), 0.5))
    for length in LENGTHS:
        same(function, fast, lambda: (numbers(length), numbers(length, 1), 0.5))  # noqa: B023
    largest, least = float(np.finfo(name).max), float(np.finfo(name).smallest_subnormal)
    for part in (largest, least, float("inf"), float("nan"), -0.0, 0.0, 2.0):
        for at in (0, 1, 700, 1023, 1024, 1299):
            for value in (part, complex(1, part)) if "complex" in name else (part,):

                def make(where: int, value: complex = value, at: int = at) -> tuple:
                    arrays = numbers(1300), numbers(1300, 1)
                    arrays[where][at] = value
                    return (*arrays, 2.0)

                same(function, fast, lambda: make(0))  # noqa: B023
                same(function, fast, lambda: make(1))  # noqa: B023
    # They may overlap by any number of parts.
    size = 2 if "complex" in name else 1
    for length in (5, 300, 1300):
        for distance in (0, 1, 2, 3, 4, 8, 299):

            def overlapping(length: int = length, distance: int = distance) -> list:
                whole = numbers(length + distance).view(np.finfo(name).dtype)
                return [whole[start : start + length * size].view(name) for start in (0, distance)]

            same(function, fast, lambda: (*overlapping(), 0.5))  # noqa: B023
            same(function, fast, lambda: (*overlapping()[::-1], 0.5))  # noqa: B023


def share(rows, by, rounds):
    """Lists of floats, which lie unpacked; the divisor must not be 0."""
    for _ in range(rounds):
        for row in rows:
            for j in range(len(by)):
                row[j] = row[j] / by[j]


def test_lists() -> None:
    def make(*special: tuple[int, float], length: int = 30) -> tuple:
        by = [1.0 + j for j in range(length)]
        for at, value in special:
            by[at] = value
        return [list(map(float, floats(length, seed))) for seed in range(9)], by, 4

    fast = optimized(share, make)
    for at in range(30):
        for value in (0.0, -0.0, float("nan"), float("inf"), 5e-324):
            plain, optimizing = make((at, value)), make((at, value))
            assert outcome(fast, optimizing) == outcome(copy_of(share), plain)
    for length in LENGTHS:
        plain, optimizing = make(length=length), make(length=length)
        assert outcome(fast, optimizing) == outcome(copy_of(share), plain)
    for row in range(9):

        def aliased(row: int = row) -> tuple:
            rows, by, rounds = make((7, 0.0))
            return rows, rows[row], rounds

        plain, optimizing = aliased(), aliased()
        assert outcome(fast, optimizing) == outcome(copy_of(share), plain)
