"""The first call of a function that loops for long: code for its loops is made while they run."""

import types
from collections.abc import Callable
from typing import Any

import justjit
import pytest
from justjit import _core

UNSEEN = "a path that had not been taken before"
PENDING = "something was pending at a safepoint"


@pytest.fixture(autouse=True)
def cranelift_only() -> Any:
    with justjit.config(background=False, backend="cranelift"):
        yield


def called_once(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a new function of this code, compiled and interpreted; gives what there is of it."""
    assert isinstance(function, types.FunctionType)
    copy = types.FunctionType(function.__code__.replace(), function.__globals__, function.__name__)
    justjit.jit(copy)
    expected = function(*arguments)
    assert copy(*arguments) == expected
    return _core.function_stats(copy)


def forms(stats: Any, tier: str) -> list[Any]:
    return [form for form in stats["forms"] if form["tier"] == tier]


def inner_loop_is_long(outer: int, inner: int, values: list[float]) -> tuple[float, float]:
    count, total = 0.0, 0.5
    for a in range(outer):
        for b in range(inner):
            total += b & 3
        count += values[a & 1]
        total *= values[0]
    return count, total


def several_inner_loops(outer: int, inner: int) -> int:
    total = 0
    items = list(range(inner))
    for a in range(outer):
        for item in items:
            total += item & a
        b = inner
        while b > 0:
            b -= 1
            items[b] = b ^ a
        for b in range(inner):
            total -= items[b] & 1
    return total


def loops_one_after_the_other(inner: int, values: list[int], others: dict[int, int]) -> int:
    total = 0
    for a in range(inner):
        total += a & 3
    for a in range(inner):
        total += values[a & 1]
    for a in range(inner):
        total -= others[a & 3]
    return total


def rises_behind_the_inner_loop(outer: int, inner: int) -> tuple[int, int]:
    failed = total = 0
    for a in range(outer):
        for b in range(inner):
            total += b & 7
        try:
            if a % 3 == 1:
                raise ValueError(a)
            total += 1
        except ValueError as error:
            failed += error.args[0]
    return failed, total


def types_change_behind_the_inner_loop(outer: int, inner: int) -> list[Any]:
    found: list[Any] = []
    value: Any = 0
    for a in range(outer):
        for b in range(inner):
            value += b & 1
        found.append(value)
        value = [0, 0.5, 2**70][a % 3]
    return found


def test_what_is_behind_an_inner_loop_is_found_out_at_once() -> None:
    stats = called_once(inner_loop_is_long, 60, 40_000, [0.5, 2.5])
    assert len(forms(stats, "optimizing")) <= 3
    assert len(forms(stats, "sampling")) == 1
    assert stats["deopts"][UNSEEN] <= 3


def test_several_inner_loops() -> None:
    stats = called_once(several_inner_loops, 300, 1_500)
    assert len(forms(stats, "sampling")) == 1
    # None, where the samples have come round the outer loop.
    assert stats["deopts"].get(UNSEEN, 0) <= 8


def test_the_end_of_a_loop_that_does_not_come_again_is_no_reason_to_make_code() -> None:
    stats = called_once(loops_one_after_the_other, 100_000, [3, 4], dict.fromkeys(range(4), 7))
    entries = [form["entry"] for form in forms(stats, "optimizing")]
    assert len(entries) == len(set(entries)) == 3


@pytest.mark.parametrize("inner", [30, 700, 15_000])
@pytest.mark.parametrize("function", [rises_behind_the_inner_loop, types_change_behind_the_inner_loop])
def test_what_is_done_behind_the_inner_loop(function: Callable[..., Any], inner: int) -> None:
    stats = called_once(function, 400_000 // inner, inner)
    assert forms(stats, "optimizing")


def test_a_loop_is_not_left_because_its_code_was_taken_over() -> None:
    stats = called_once(loops_one_after_the_other, 100_000, [3, 4], dict.fromkeys(range(4), 7))
    assert PENDING not in stats["deopts"]


def swap(rows: list[list[float]], i: int, j: int) -> None:
    rows[i], rows[j] = rows[j], rows[i]


def calls_outside_the_inner_loops(rows: list[list[float]], rounds: int) -> list[float]:
    n = len(rows)
    for a in range(rounds):
        swap(rows, a % n, (3 * a + 1) % n)
        above = rows[a % n]
        for i in range(n):
            row = rows[i]
            for k in range(n):
                row[k] += 0.25 * above[k]
    return [sum(row) for row in rows]


def test_what_is_called_outside_the_inner_loops_is_inlined() -> None:
    # The callee has been called too seldom to be compiled when its caller is optimized for the first time.
    module = {"__name__": "calls"}
    for function in (swap, calls_outside_the_inner_loops):
        module[function.__name__] = types.FunctionType(function.__code__.replace(), module, function.__name__)
        justjit.jit(module[function.__name__])
    callee, caller = module["swap"], module["calls_outside_the_inner_loops"]

    def rows() -> list[list[float]]:
        return [[float(i * j % 7) for j in range(40)] for i in range(40)]

    expected = calls_outside_the_inner_loops(rows(), 40)
    for _ in range(12):
        assert caller(rows(), 40) == expected
    last = forms(_core.function_stats(caller), "optimizing")[-1]
    assert last["entry"] == "call"
    assert last["dropped"] is None
    before = _core.function_stats(callee)["calls"]
    assert caller(rows(), 40) == expected
    assert _core.function_stats(callee)["calls"] == before
    # Only for that it has taken samples: it is not hot itself.
    assert [form["why"] for form in forms(_core.function_stats(callee), "optimizing")] == []
