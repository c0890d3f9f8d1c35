"""Objects that nests of loops move in lists, whose arrays count no references meanwhile: each object is where it ought to be, and
counted right, whatever comes between."""

from __future__ import annotations

import random
import signal
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import optimizing_soon  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable

MOVED = "call @justjit_unpack_moved_"


def outcome(function: Callable, arguments: tuple) -> tuple:
    """What a call gives, which object is where in its lists afterwards, and how many more references each has."""
    lists = [argument for argument in arguments if isinstance(argument, list)]
    known: dict[int, int] = {}
    objects: list[Any] = []
    for one in [part for one in lists for part in one] + [part for part in arguments if not isinstance(part, list)]:
        if id(one) not in known:
            known[id(one)] = len(objects)
            objects.append(one)
    before = [sys.getrefcount(one) for one in objects]
    result: Any
    try:
        result = function(*arguments)
    except Exception as error:
        result = type(error), str(error)
    places = [[known.get(id(one), repr(one)) for one in part] for part in lists]
    more = [sys.getrefcount(one) - count for one, count in zip(objects, before, strict=True)]
    is_known = known.get(id(result))
    return repr(result), is_known, places, more


def optimized(function: Callable, make: Callable[[], tuple], *, moves: bool = True) -> Callable:
    # What has been seen belongs to the code object.
    copy = types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__)
    _core.hook(copy)
    for _ in range(60):
        copy(*make())
    assert _core.function_stats(copy)["tier"] == "optimizing", _core.function_stats(copy)
    # Where nothing needs to know an object's type, it depends on what has been seen whether there is a test of it.
    assert not moves or MOVED in justjit.dump(copy, "ir")
    return copy


def ints(count: int, seed: int = 0) -> list[int]:
    """Objects of their own, some of them equal."""
    generator = random.Random(seed)
    return [10**6 + generator.randrange(count) for _ in range(count)]


def floats(count: int, seed: int = 0) -> list[float]:
    generator = random.Random(seed)
    return [generator.randrange(count) / 4 for _ in range(count)]


def insertion_sort(items):
    for i in range(1, len(items)):
        item = items[i]
        j = i
        while j >= 1 and items[j - 1] > item:
            items[j] = items[j - 1]
            j -= 1
        items[j] = item


def bubble_sort(items):
    for end in range(len(items) - 1, 0, -1):
        for i in range(end):
            if items[i] > items[i + 1]:
                items[i], items[i + 1] = items[i + 1], items[i]


def rotate(items, times):
    count = len(items)
    for _ in range(times):
        first = items[0]
        for i in range(count - 1):
            items[i] = items[i + 1]
        items[count - 1] = first
    return first


def to_and_fro(items, others, times):
    for _ in range(times):
        for i in range(len(items)):
            others[i] = items[len(items) - 1 - i]
        for i in range(len(items)):
            items[i] = others[i]


def push_in(items, new, times):
    for t in range(times):
        for i in range(len(items) - 1):
            items[i] = items[i + 1]
        old = items[t % 3]
        items[len(items) - 1] = new
        new = old
    return new


def overwrite(items, new, times):
    for _ in range(times):
        for i in range(len(items)):
            if items[i] > new:
                items[i] = new
        new = items[0]
    return new


def merge_passes(items):
    width = 1
    count = len(items)
    while width < count:
        merged = [0] * count
        for low in range(0, count, 2 * width):
            middle = min(low + width, count)
            high = min(low + 2 * width, count)
            i = low
            j = middle
            for k in range(low, high):
                if j >= high or i < middle and items[i] <= items[j]:
                    merged[k] = items[i]
                    i += 1
                else:
                    merged[k] = items[j]
                    j += 1
        for k in range(count):
            items[k] = merged[k]
        width *= 2


def find_and_move(items, wanted):
    for _ in range(3):
        for i in range(len(items)):
            first = items[0]
            items[0] = items[i]
            items[i] = first
            if first == wanted:
                return i
    return -1


def too_far(items, by):
    for _ in range(2):
        for i in range(len(items)):
            items[i] = items[i + by]


SORTS = [insertion_sort, bubble_sort, merge_passes]


@pytest.mark.parametrize("make", [ints, floats])
@pytest.mark.parametrize("sort", SORTS)
def test_sorting(sort: Callable, make: Callable[..., list]) -> None:
    # The list that is made has ints in it at first.
    compiled = optimized(sort, lambda: (make(40),), moves=sort is not merge_passes or make is ints)
    for seed, count in enumerate([0, 1, 2, 3, 40, 41, 100]):
        assert outcome(compiled, (make(count, seed),)) == outcome(sort, (make(count, seed),))


@pytest.mark.parametrize("make", [ints, floats])
@pytest.mark.parametrize(
    ("function", "more"),
    [
        (rotate, (5,)),
        (to_and_fro, (None, 3)),
        (push_in, ("new", 7)),
        (overwrite, ("new", 4)),
        (find_and_move, ("new",)),
    ],
)
def test_moving(function: Callable, more: tuple, make: Callable[..., list]) -> None:
    moves = function in (rotate, find_and_move)

    def arguments(count: int = 30, seed: int = 0) -> tuple:
        items = make(count, seed)
        given = {None: lambda: make(count, seed + 100), "new": lambda: make(count, seed + 7)[-1]}
        return items, *(given[one]() if one in given else one for one in more)

    compiled = optimized(function, arguments, moves=moves)
    for seed, count in enumerate([3, 4, 30, 57]):
        assert outcome(compiled, arguments(count, seed)) == outcome(function, arguments(count, seed))


def test_one_list_under_two_names() -> None:
    def arguments() -> tuple:
        return ints(30), ints(30, 1), 3

    compiled = optimized(to_and_fro, arguments, moves=False)

    def same() -> tuple:
        items = ints(24)
        return items, items, 3

    assert outcome(compiled, same()) == outcome(to_and_fro, same())


def test_one_object_in_many_places() -> None:
    def arguments() -> tuple:
        shared = ints(3)
        return ([shared[k % 3] for k in range(30)],)

    for sort in (insertion_sort, bubble_sort):
        compiled = optimized(sort, lambda: (ints(30),))
        assert outcome(compiled, arguments()) == outcome(sort, arguments())


class Number(int):
    pass


@pytest.mark.parametrize(
    "value",
    [True, None, 2.5, 2**62, 2**63 - 1, 2**63, -(2**63), -(2**64), 10**40, Number(10**6 + 5), "text", float("nan")],
    ids=repr,
)
@pytest.mark.parametrize("at", [0, 11, 29])
def test_edges(value: object, at: int) -> None:
    def arguments() -> tuple:
        items: list = ints(30)
        items[at] = value
        return (items,)

    for sort in (insertion_sort, bubble_sort):
        compiled = optimized(sort, lambda: (ints(30),))
        for _ in range(4):
            assert outcome(compiled, arguments()) == outcome(sort, arguments())


@pytest.mark.parametrize("new", [2**63, -(2**70), True, 1.5, "text"], ids=repr)
def test_what_comes_from_outside_is_something_else(new: object) -> None:
    for function in (push_in, overwrite):
        compiled = optimized(function, lambda: (ints(30), 10**6 + 3, 4), moves=False)
        for _ in range(3):
            assert outcome(compiled, (ints(30), new, 4)) == outcome(function, (ints(30), new, 4))


def test_leaving_in_the_middle() -> None:
    compiled = optimized(too_far, lambda: (ints(30), 0))
    for by in (1, 5, 29, 40, -31):
        for _ in range(3):
            assert outcome(compiled, (ints(30), by)) == outcome(too_far, (ints(30), by))


def test_the_last_reference_is_on_the_stack() -> None:
    # The list is all that has the objects, and the code is left between taking one out and putting it back.
    def swap(items, by):
        for _ in range(3):
            for i in range(len(items)):
                items[i], items[i + by] = items[i + by], items[i]

    compiled = optimized(swap, lambda: (ints(30), 0))
    for by in (1, 2, 30):
        for _ in range(3):
            assert outcome(compiled, (ints(30), by)) == outcome(swap, (ints(30), by))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the platform has no interval timers")
def test_signals_find_all_objects() -> None:
    compiled = optimized(insertion_sort, lambda: (ints(40),))
    items = ints(3_000)
    every = sorted(map(id, items))
    seen: list[int] = []

    def look(*_: object) -> None:
        # One is in a local variable while another one is there twice.
        seen.append(len(set(every) - set(map(id, items))))

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        compiled(items)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen
    assert max(seen) <= 1
    assert sorted(map(id, items)) == every
    assert items == sorted(items)
    assert {sys.getrefcount(item) for item in items} == {sys.getrefcount(ints(3)[0]) + 2}


def test_threads_find_all_objects() -> None:
    compiled = optimized(insertion_sort, lambda: (ints(40),))
    items = ints(3_000)
    every = set(map(id, items))
    wrong: list[object] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            now = list(items)
            if len(every - set(map(id, now))) > 1 or any(type(one) is not int for one in now):
                wrong.append(now)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        compiled(items)
    finally:
        done.set()
        watcher.join()
        sys.setswitchinterval(interval)
    assert not wrong
    assert items == sorted(items)
