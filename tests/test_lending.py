"""Functions that go through generators are optimized for the generators' rounds, however seldom they are called."""

import textwrap
import threading
import types
from collections.abc import Iterator
from typing import Any

import justjit
import pytest
from justjit import _core

# Calls of a function that goes through its generators after which it has to be optimized.
CALLS = 10

GENERATORS = """
def numbers(n):
    for i in range(n):
        yield i

def squares(source):
    for x in source:
        yield x * x

def odd(source):
    for x in source:
        if x & 1:
            yield x

def hundredth(source):
    for x in source:
        if x % 100 == 0:
            yield x

def hundredfold(source):
    hundred = 100
    for x in source:
        for y in range(hundred):
            yield x + y
"""


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    with justjit.config(tier="auto", background=False, optimize_loops=2_000):
        yield


def program(source: str, **more: Any) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "program", **more}
    exec(compile(GENERATORS + textwrap.dedent(source), "<program>", "exec"), names)
    for value in list(names.values()):
        if isinstance(value, types.FunctionType) and value.__globals__ is names:
            justjit.jit(value)
    return names


def plain(source: str, **more: Any) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "program", **more}
    exec(compile(GENERATORS + textwrap.dedent(source), "<program>", "exec"), names)
    return names


def versions(function: Any) -> list[Any]:
    return [form for form in justjit.stats(function).forms if form.tier == "optimizing"]


@pytest.mark.parametrize(
    "expression",
    [
        "sum(odd(squares(numbers(n))))",
        "sum(x * 2 for x in (y + 1 for y in (z for z in range(n))))",
        # The innermost generator is hot, the outermost is not, and the other way round.
        "sum(hundredth(squares(numbers(n))))",
        "sum(squares(hundredfold(numbers(n // 100))))",
        "len(list(odd(numbers(n)))) + len(tuple(odd(numbers(n))))",
        "any(x < 0 for x in numbers(n)) or all(x >= 0 for x in numbers(n))",
    ],
)
def test_a_function_that_is_called_seldom(expression: str) -> None:
    source = f"def f(n):\n    return {expression}\n"
    f, expected = program(source)["f"], plain(source)["f"]
    for _ in range(CALLS):
        assert f(5_000) == expected(5_000)
    assert versions(f), justjit.explain(f)
    assert "generators that it goes through" in versions(f)[0].why
    assert " consume " in justjit.dump(f, "ir:build")
    deopts = sum(_core.function_stats(f)["deopts"].values())
    for n in (0, 1, 2, 99, 5_000, 5_000, 7_000):
        assert f(n) == expected(n)
    # None but those at an end that comes earlier than ever.
    assert sum(_core.function_stats(f)["deopts"].values()) <= deopts + 4


def test_the_rounds_of_some_calls_add_up() -> None:
    source = "def f(n):\n    return sum(odd(numbers(n)))\n"
    f, calls = program(source)["f"], 0
    while not versions(f):
        assert f(200) == 10_000
        calls += 1
        assert calls < 500, justjit.explain(f)
    # 2,000 rounds, and samples after them; a function that is only called takes 2,000 calls.
    assert calls > 5


def test_those_in_between_and_those_that_are_not_hooked() -> None:
    source = """
    def inner(n):
        return sum(numbers(n))
    def outer(n):
        return inner(n) + 1
    """
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(GENERATORS + textwrap.dedent(source), "<program>", "exec"), names)
    for name in ("numbers", "outer"):
        justjit.jit(names[name])
    for _ in range(CALLS):
        assert names["outer"](5_000) == 12_497_501
    # The frame in between is the interpreter's, and the first function that is no generator's.
    assert not versions(names["outer"])


def test_a_generator_that_comes_from_elsewhere() -> None:
    source = """
    def f(source):
        return sum(source)
    """
    names = program(source)
    for _ in range(CALLS):
        assert names["f"](names["squares"](names["numbers"](3_000))) == sum(i * i for i in range(3_000))


def test_its_code_is_replaced_while_it_waits() -> None:
    source = """
    def numbers_then(n, change):
        for i in range(n):
            if i == change:
                f.__code__ = g.__code__
            yield i
    def f(n, change):
        return sum(numbers_then(n, change))
    def g(n, change):
        return -n
    """
    for when in (0, 1_999, 2_500, 4_999):
        names = program(source)
        assert names["f"](5_000, when) == 12_497_500
        assert names["f"](5_000, -1) == -5_000
        names = program(source)
        for _ in range(CALLS):
            assert names["f"](5_000, -1) == 12_497_500
        assert names["f"](5_000, when) == 12_497_500
        assert names["f"](5_000, -1) == -5_000


def test_it_is_deleted_while_it_waits() -> None:
    source = """
    def numbers_then(n):
        for i in range(n):
            if i == 2_500:
                del globals()["f"]
            yield i
    def f(n):
        return sum(numbers_then(n))
    """
    names = program(source)
    assert names["f"](5_000) == 12_497_500
    assert "f" not in names


def test_a_generator_is_rebound_while_it_runs() -> None:
    source = """
    def swap(n):
        for i in range(n):
            if i == 3_000:
                globals()["numbers"] = lambda n: iter([1] * n)
            yield i
    def f(n):
        return sum(swap(n)) + sum(numbers(n))
    """
    mine, expected = program(source), plain(source)
    original = mine["numbers"], expected["numbers"]
    for _ in range(CALLS):
        for names, numbers in zip((mine, expected), original, strict=True):
            names["numbers"] = numbers
        for _ in range(2):
            assert mine["f"](5_000) == expected["f"](5_000)


def test_exceptions_on_the_way() -> None:
    source = """
    def failing(n, at):
        for i in range(n):
            if i == at:
                raise ValueError(i)
            yield i
    def f(n, at):
        return sum(squares(failing(n, at)))
    """
    mine, expected = program(source)["f"], plain(source)["f"]
    for at in (-1, 2_500, 4_999, -1, -1, -1, 2_500, 0, -1, 4_999):
        outcomes = []
        for f in (mine, expected):
            try:
                outcomes.append((f(5_000, at), None, None))
            except ValueError as error:
                lines = []
                tb = error.__traceback__
                while tb is not None:
                    lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno))
                    tb = tb.tb_next
                outcomes.append((None, str(error), lines))
        assert outcomes[0] == outcomes[1]


def test_recursion_through_generators() -> None:
    source = """
    def leaves(depth):
        if depth == 0:
            yield 1
            return
        for x in leaves(depth - 1):
            yield x
        for x in leaves(depth - 1):
            yield x
    def f(depth):
        return sum(leaves(depth))
    """
    f = program(source)["f"]
    for _ in range(CALLS):
        assert f(9) == 512


def test_threads() -> None:
    source = "def f(n):\n    return sum(odd(squares(numbers(n))))\n"
    f, expected = program(source)["f"], plain(source)["f"](4_000)
    found: list[int] = []

    def work() -> None:
        found.extend(f(4_000) for _ in range(CALLS))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * (4 * CALLS)
