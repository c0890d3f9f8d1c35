"""Elements of NumPy's arrays of objects that end when they are written over, and what the code that runs then may do."""

from __future__ import annotations

import random
import sys
import weakref
from typing import TYPE_CHECKING, Any

import justjit
import pytest

from tests.array_programs import copy_of, fill, np
from tests.numpy_numbers import compare
from tests.object_arrays import (
    ACTS,
    LOG,
    Part,
    check_logged,
    lock,
    loud_array,
    objects,
    overwrite,
    reshape,
    seen_from,
)
from tests.optimized_programs import optimizing_soon  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(np is None, reason="NumPy is not installed")


def test_finalizers_see_the_array_as_they_would() -> None:
    """NumPy gives the old element up first: its finalizer finds itself."""
    check_logged(
        fill,
        lambda: (objects(*range(30)), None),
        lambda: (loud_array(30, 3, 17), None),
        lambda: (loud_array(30, *range(30)), 1.5),
        lambda: (loud_array(30, 29), "x"),
    )


def tuples(data: Any, value: Any) -> None:
    for i in range(len(data)):
        data[i] = (value, i)


def test_finalizers_of_parts() -> None:
    def nested() -> Any:
        data = np.empty(30, dtype=object)
        for i in range(0, 30, 7):
            data[i] = [(Part(i), i)]
        return data

    for function in (fill, tuples):
        check_logged(function, lambda: (objects(*range(30)), 7), lambda: (nested(), 7))


def test_weak_references() -> None:
    class Plain:
        def __repr__(self) -> str:
            return "plain"

    def watched() -> Any:
        data = np.empty(30, dtype=object)
        for i in range(30):
            data[i] = Plain()
        refs.append(weakref.ref(data[5], lambda _: LOG.append(seen_from(sys._getframe(1)))))
        return data

    refs: list = []
    check_logged(fill, lambda: (objects(*[Plain() for _ in range(30)]), 7), lambda: (watched(), 7))


@pytest.mark.parametrize("act", [lock, overwrite, reshape])
def test_finalizers_that_change_the_array(act: Callable) -> None:
    """While an element is written over. (NumPy itself does not survive it if the array's memory goes then.)"""
    check_logged(
        fill,
        lambda: (objects(*range(30)), None),
        lambda: (loud_array(30, 12, act=act), None),
        lambda: (loud_array(30, 12, 13, 29, act=act), 1.5),
    )


@pytest.mark.parametrize("act", ACTS)
def test_the_array_changes_behind_an_element(act: Callable) -> None:
    """What was read is the last reference, and ends when the next element is read."""

    def take(data: Any) -> Any:
        result = []
        item = None
        for i in range(30):
            item = data[i]
            data[i] = None
            result.append(item is None)
        return result, item

    def take_items(data: Any) -> Any:
        result = []
        i = 0
        for item in data:
            data[i] = None
            i += 1
            result.append(item is None)
        return result

    def take_pairs(data: Any, other: Any) -> Any:
        result = []
        for i, (item, number) in enumerate(zip(data, other, strict=False)):
            data[i] = None
            result.append((item is None, number, i))
        return result

    def ring(_: Any) -> Any:
        return objects(*range(40))

    for function in (take, take_items):
        check_logged(
            function,
            lambda: (objects(*["x"] * 40),),
            lambda: (loud_array(40, 12, act=act),),
            lambda: (loud_array(40, 0, 3, act=act),),
        )
    check_logged(
        take_pairs,
        lambda: (objects(*["x"] * 40), ring(0)),
        lambda: (loud_array(40, 12, act=act), ring(0)),
        lambda: (loud_array(40, 0, 4, act=act), np.arange(40)),
    )


@pytest.mark.parametrize("act", ACTS)
def test_code_that_runs_between_accesses(act: Callable) -> None:
    def work(data: Any, when: int, change: Callable) -> Any:
        result = []
        for i in range(8):
            first = data[i]
            if i == when:
                change(data)
            result.append(first is data[i])
            data[i] = first
        return result

    compare(
        work,
        lambda: (objects(*range(8)), 99, act),
        lambda: (objects(*range(8)), 2, act),
        lambda: (objects(*range(8)), 7, act),
        lambda: (objects(*map(str, range(8))), 5, act),
    )


def get(data: Any, i: int) -> Any:
    return data[i]


def put(data: Any, i: int, value: Any) -> None:
    data[i] = value


def deep(data: Any, i: int) -> Any:
    if i == 0:
        return 0
    data[i] = data[i - 1]
    return deep(data, i - 1) + 1


def test_in_functions_that_are_called() -> None:
    """Accesses in what is inlined, and in typed bodies."""

    def work(data: Any, value: Any) -> Any:
        result = 0
        for i in range(len(data)):
            if get(data, i) is None:
                result += 1
            put(data, i, value)
        result += deep(data, len(data) - 1)
        return result

    for one in (get, put, deep):
        justjit.jit(one)
    check_logged(
        work,
        lambda: (objects(*["x", None] * 10), 0.5),
        lambda: (loud_array(20, 3, 7, 8), 0.5),
        lambda: (loud_array(20, *range(20), act=overwrite), "y"),
        lambda: (np.arange(20), 5),
        lambda: (list(range(20)), 5),
    )


def test_an_array_in_itself() -> None:
    def work(data: Any) -> Any:
        result = 0
        for i in range(len(data)):
            data[i] = data
            result += len(data[i])
            data[i] = data[i][i - 1]
            result += data[i] is data
            data[i] = None
        return result

    check_logged(work, lambda: (objects(*range(20)),), lambda: (loud_array(20, 4, 5),))


# ---- at random -----------------------------------------------------------------------------------------------------


def run(data: Any, table: Any, values: list, plan: list, log: list) -> Any:
    number = 0.5
    kept = None
    for op, i, j, v in plan:
        if op == 0:
            data[i] = values[v]
        elif op == 1:
            data[i], data[j] = data[j], data[i]
        elif op == 2:
            kept = data[i]
        elif op == 3:
            data[j] = kept
        elif op == 4:
            data[i] = (data[j], i)
        elif op == 5:
            data[i] = Part((i, j))
        elif op == 6:
            number = number + data[i] if type(data[i]) is float else number + 0.25
            data[i] = number
        elif op == 7:
            table[i, j] = data[j]
        elif op == 8:
            data[i] = table[j][i]
        elif op == 9:
            for item in data:
                log.append(item is kept)
        elif op == 10:
            table[i][j] = [kept]
        elif op == 11:
            data[i] = i + v
        elif op == 12:
            data[i] = None
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_random_programs(seed: int) -> None:
    def plan(generator: random.Random, loud: bool) -> list:
        kinds = [op for op in range(13) if loud or op != 5]
        return [
            (generator.choice(kinds), generator.randrange(-6, 6), generator.randrange(6), generator.randrange(9))
            for _ in range(60)
        ]

    generator = random.Random(seed)
    plans = [plan(generator, loud=seed % 2 == 1) for _ in range(6)] + [plan(generator, loud=True) for _ in range(4)]

    def results(function: Callable) -> list:
        found: list = []
        values = [None, 1.5, 7, "x", [1], object(), np.float64(2), np.arange(2), (3, [4])]
        before = [sys.getrefcount(value) for value in values]
        for repeat in range(2):
            for one in plans:
                LOG.clear()
                log: list = []
                data, table = objects(*range(6)), np.empty((6, 6), dtype=object)
                table[:] = 0.25
                kept = function(data, table, values, one, log)
                found.append((repeat, log, list(map(str, LOG)), repr(kept).split(" object at")[0]))
                found.append([type(item) for item in (*data, *table.ravel())])
                del data, table, kept
                found.append(list(map(str, LOG)))
        found.append([now - then for now, then in zip(map(sys.getrefcount, values), before, strict=True)][1:])
        return found

    for stress in ("off", "deopt"):
        with justjit.config(stress=stress):  # type: ignore[arg-type]
            compiled = copy_of(run)
            justjit.jit(compiled)
            assert results(compiled) == results(copy_of(run))
            assert results(compiled) == results(copy_of(run))


def test_loud_elements_stay_compiled() -> None:
    """Where each end runs code, NumPy writes, and the code stays."""
    ended = []

    class Counted:
        def __del__(self) -> None:
            ended.append(1)

    def work(data: Any) -> None:
        for i in range(len(data)):
            data[i] = None

    justjit.jit(work)
    for _ in range(40):
        work(objects(*[Counted() for _ in range(30)]))
    before = sum(justjit.stats(work).deopts.values())
    for _ in range(10):
        work(objects(*[Counted() for _ in range(30)]))
    assert len(ended) == 1500
    assert sum(justjit.stats(work).deopts.values()) == before
    assert justjit.stats(work).tier == "optimizing"
