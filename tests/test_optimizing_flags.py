"""Lists of bools that lie unpacked while a nest of loops runs, a byte for each."""

from __future__ import annotations

import random
import signal
import types
from typing import TYPE_CHECKING

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import optimizing_soon  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable


def outcome(function: Callable, arguments: tuple) -> tuple:
    try:
        result: object = function(*arguments)
    except Exception as error:
        result = type(error), str(error)
    # Of other types than bool, too: `1` and `True` are written differently.
    return repr(result), repr(arguments)


def optimized(function: Callable, make: Callable[[], tuple]) -> Callable:
    # What has been seen belongs to the code object.
    copy = types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__)
    _core.hook(copy)
    for _ in range(60):
        copy(*make())
    assert _core.function_stats(copy)["tier"] == "optimizing", _core.function_stats(copy)
    assert "call @justjit_unpack_bools" in justjit.dump(copy, "ir")
    return copy


def flags(count: int, seed: int = 0) -> list[bool]:
    generator = random.Random(seed)
    return [generator.random() < 0.5 for _ in range(count)]


def sieve(prime):
    count = 0
    for number in range(2, len(prime)):
        if prime[number]:
            count += 1
            for multiple in range(number * number, len(prime), number):
                prime[multiple] = False
    return count


def life(cells, generations):
    for g in range(generations):
        for i in range(1, len(cells) - 1):
            if cells[i - 1]:
                cells[i] = not cells[i + 1]
            else:
                cells[i] = i % 3 > g
    return cells


def reach(seen, steps):
    found = 0
    for s in range(steps):
        for i in range(len(seen)):
            j = (i * 7 + s) % len(seen)
            if not seen[j]:
                seen[j] = True
                found += 1
            elif not seen[i]:
                found -= 1
    return found


def select(mask, numbers, rounds):
    total = 0
    for r in range(rounds):
        for i in range(len(numbers)):
            if mask[i]:
                total += numbers[i]
                mask[i] = numbers[i] > r
            else:
                numbers[i] = numbers[i] + 1
                mask[i] = True
    return total


def beyond(mask, by):
    for _ in range(2):
        for i in range(len(mask)):
            mask[i] = not mask[i + by]


PROGRAMS = [
    (sieve, lambda: (flags(60),)),
    (life, lambda: (flags(40), 3)),
    (reach, lambda: (flags(30), 4)),
    (select, lambda: (flags(30), [10**6 + n % 5 for n in range(30)], 4)),
    (beyond, lambda: (flags(30), 0)),
]


@pytest.mark.parametrize(("function", "make"), PROGRAMS, ids=lambda one: getattr(one, "__name__", ""))
def test_answers(function: Callable, make: Callable[[], tuple]) -> None:
    compiled = optimized(function, make)
    for seed, count in enumerate([0, 1, 2, 3, 30, 57]):

        def arguments(seed: int = seed, count: int = count) -> tuple:
            more = make()[1:]
            if function is select:
                more = [10**6 + n for n in range(count)], *more[1:]
            return (flags(count, seed), *more)

        assert outcome(compiled, arguments()) == outcome(function, arguments())


@pytest.mark.parametrize("value", [0, 1, None, 2.5, "", 10**40, [True]], ids=repr)
@pytest.mark.parametrize("at", [0, 11, 29])
@pytest.mark.parametrize(("function", "make"), PROGRAMS, ids=lambda one: getattr(one, "__name__", ""))
def test_something_else_among_them(function: Callable, make: Callable[[], tuple], value: object, at: int) -> None:
    def arguments() -> tuple:
        items: list = flags(30)
        items[at] = value
        return (items, *make()[1:])

    compiled = optimized(function, make)
    for _ in range(4):
        assert outcome(compiled, arguments()) == outcome(function, arguments())


def test_one_list_under_two_names() -> None:
    def both(left, right, rounds):
        for _ in range(rounds):
            for i in range(len(left)):
                if right[len(left) - 1 - i]:
                    left[i] = False
                else:
                    left[i] = True
        return left

    compiled = optimized(both, lambda: (flags(30), flags(30, 1), 3))

    def same() -> tuple:
        items = flags(30)
        return items, items, 3

    assert outcome(compiled, same()) == outcome(both, same())


def test_leaving_in_the_middle() -> None:
    compiled = optimized(beyond, lambda: (flags(30), 0))
    for by in (1, 5, 29, 40, -31):
        for _ in range(3):
            assert outcome(compiled, (flags(30), by)) == outcome(beyond, (flags(30), by))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the platform has no interval timers")
def test_signals_find_the_list_up_to_date() -> None:
    compiled = optimized(sieve, lambda: (flags(60),))
    prime = [True] * 200_000
    # What is no prime stays so, and some more are known each time.
    counts: list[int] = []

    def look(*_: object) -> None:
        assert {type(one) for one in prime} == {bool}
        counts.append(sum(prime))
        signal.setitimer(signal.ITIMER_REAL, 0.0005)

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
    try:
        for _ in range(20):
            prime[:] = [True] * len(prime)
            counts.clear()
            assert compiled(prime) == 17984
            known = list(counts)
            assert known == sorted(known, reverse=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
