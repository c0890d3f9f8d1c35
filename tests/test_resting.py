"""Small functions that nobody but interpreted code calls are left to the interpreter, and come back when that changes."""

import dis
import gc
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any

import justjit
import pytest
from justjit import _core

CALLS = 3000


@pytest.fixture(autouse=True)
def auto() -> Iterator[None]:
    with justjit.config(tier="auto", baseline_calls=0, background=False):
        yield


def program(source: str, *hooked: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(textwrap.dedent(source), "<program>", "exec"), names)
    for name in hooked:
        justjit.jit(names[name])
    return names


ADD = """
    def f(a, b=1):
        return a + b

    def loop(n):
        total = 0
        for i in range(n):
            total = f(total, i)
        return total
"""
EXPECTED = sum(range(CALLS))


def resting() -> dict[str, Any]:
    names = program(ADD, "f")
    assert names["loop"](CALLS) == EXPECTED
    assert justjit.stats(names["f"]).left_to_interpreter
    return names


def test_said_everywhere() -> None:
    f = resting()["f"]
    stats = justjit.stats(f)
    assert stats.tier == "interpreter" and stats.versions and stats.declined is None
    assert stats.as_dict()["left_to_interpreter"] is True
    assert "left to the interpreter" in repr(stats)
    assert "left to the interpreter: only interpreted code calls it" in justjit.explain(f)
    assert _core.is_hooked(f)


def test_results_errors_and_keywords() -> None:
    f = resting()["f"]
    assert f(2, b=3) == 5 and f(2**80) == 2**80 + 1 and f("a", "b") == "ab"
    with pytest.raises(TypeError, match="unsupported operand"):
        f(1, "b")
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        f()


def test_compiled_code_wakes_it_for_good() -> None:
    names = resting()
    justjit.jit(names["loop"])
    assert names["loop"](CALLS) == EXPECTED
    assert not justjit.stats(names["f"]).left_to_interpreter
    assert justjit.stats(names["f"]).tier != "interpreter"
    # Both call it now: it does not go to and fro.
    again = types.FunctionType(names["loop"].__code__.replace(), names)
    assert again(3 * CALLS) == sum(range(3 * CALLS))
    assert not justjit.stats(names["f"]).left_to_interpreter


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("list(map(f, range(n)))", "C calls it"),
        ("sorted(range(n), key=f)", "C calls it"),
        ("[f(*(i, 2)) for i in range(n)]", "the arguments are no values on the operand stack"),
        ("[f(a=i) for i in range(n)]", "keywords are bound by us"),
    ],
)
def test_other_calls_do_not_count(call: str, why: str) -> None:
    names = program(f"{ADD}\n    def use(n):\n        return {call}", "f")
    names["use"](CALLS)
    assert not justjit.stats(names["f"]).left_to_interpreter, why


@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("def f(x):\n    for _ in range(2):\n        x += 1\n    return x", "f(i)"),
        ("def f(x):\n    return x*x + x*x + x*x + x*x + x*x", "f(i)"),
        ("def g(x):\n    return x\ndef f(x):\n    return g(x)", "f(i)"),
        ("class P:\n    def __init__(self):\n        self.x = 1\ndef f(x):\n    return P()", "f(i)"),
        ("def f(x):\n    return f(x - 1) if x > 0 else 0", "f(2)"),
        ("def f(x):\n    yield x", "f(i)"),
        ("async def f(x):\n    return x", "f(i).close()"),
    ],
)
def test_more_than_a_few_instructions(function: str, call: str) -> None:
    source = f"{function}\ndef loop(n):\n    for i in range(n):\n        {call}\n"
    names = program(source, "f")
    for name in "gP":
        if name in names:
            justjit.jit(names[name])
    names["loop"](CALLS)
    assert not justjit.stats(names["f"]).left_to_interpreter


def test_methods() -> None:
    names = program(
        """
        class Point:
            def __init__(self, x):
                self.x = x

            def get(self):
                return self.x

            @classmethod
            def name(cls):
                return cls.__name__

        def loop(n):
            point = Point(5)
            return sum([point.get() for _ in range(n)]), {Point.name() for _ in range(n)}
        """,
        "Point",
    )
    assert names["loop"](CALLS) == (5 * CALLS, {"Point"})
    assert justjit.stats(names["Point"].get).left_to_interpreter
    assert justjit.stats(vars(names["Point"])["name"].__func__).left_to_interpreter


@pytest.mark.parametrize("tier", ["baseline", "optimizing"])
def test_another_tier_wakes_it(tier: Any) -> None:
    f, loop = (resting()[name] for name in ("f", "loop"))
    f = loop.__globals__["f"]
    with justjit.config(tier=tier):
        assert not justjit.stats(f).left_to_interpreter
        assert loop(CALLS) == EXPECTED
        assert justjit.stats(f).tier == tier


def test_options_of_a_function_wake_it() -> None:
    names = resting()
    justjit.jit(tier="baseline")(names["f"])
    assert not justjit.stats(names["f"]).left_to_interpreter
    assert names["loop"](CALLS) == EXPECTED
    assert justjit.stats(names["f"]).tier == "baseline"


def test_hooking_again_changes_nothing() -> None:
    names = resting()
    assert justjit.jit(names["f"]) is names["f"]
    assert justjit.stats(names["f"]).left_to_interpreter


def test_other_code() -> None:
    names = resting()
    names["f"].__code__ = (lambda a, b=1: a - b).__code__
    assert names["loop"](CALLS) == -EXPECTED
    assert names["f"](5) == 4


def test_other_defaults() -> None:
    names = resting()
    names["f"].__defaults__ = (7,)
    assert names["f"](1) == 8
    assert names["loop"](CALLS) == EXPECTED
    names["f"].__kwdefaults__ = {"a": 1}
    assert names["f"](1) == 8


def test_unhooked() -> None:
    names = resting()
    _core.unhook(names["f"])
    assert not _core.is_hooked(names["f"])
    justjit.jit(names["loop"])
    assert names["loop"](CALLS) == EXPECTED
    assert not _core.is_hooked(names["f"])


def test_closures_of_one_code() -> None:
    names = program(
        """
        def adder(k):
            def add(x):
                return x + k
            return add

        def loop(functions, n):
            return sum([function(i) for i in range(n) for function in functions])
        """
    )
    functions = [justjit.jit(names["adder"](k)) for k in range(4)]
    assert names["loop"](functions, CALLS) == 4 * EXPECTED + 6 * CALLS
    assert all(justjit.stats(function).left_to_interpreter for function in functions)


def test_the_interpreter_specializes_the_call() -> None:
    names = resting()
    names["loop"](10 * CALLS)
    names_of = [one.opname for one in dis.get_instructions(names["loop"], adaptive=True)]
    assert "CALL_PY_EXACT_ARGS" in names_of, names_of


def test_functions_end() -> None:
    counts = []
    for _ in range(5):
        for _ in range(10):
            resting()
        gc.collect()
        counts.append(sum(isinstance(one, types.FunctionType) for one in gc.get_objects()))
    assert counts[-1] <= counts[0]


def test_tracing_sees_the_calls() -> None:
    names = resting()
    seen: list[str] = []

    def trace(frame: types.FrameType, event: str, argument: object) -> Callable[..., Any]:
        if frame.f_code.co_filename == "<program>":
            seen.append(f"{event} {frame.f_code.co_name}")
        return trace

    sys.settrace(trace)
    try:
        names["loop"](2)
    finally:
        sys.settrace(None)
    assert seen.count("call f") == seen.count("return f") == 2


def test_the_recursion_limit() -> None:
    names = program(
        """
        def leaf(x):
            return x

        def down(n):
            return leaf(n) if n == 0 else down(n - 1)

        def loop(n):
            for i in range(n):
                leaf(i)
        """,
        "leaf",
    )
    names["loop"](CALLS)
    assert justjit.stats(names["leaf"]).left_to_interpreter
    deepest = 0
    with pytest.raises(RecursionError):
        for deepest in range(1, 10_000):
            names["down"](deepest)
    plain = program("def leaf(x):\n    return x\ndef down(n):\n    return leaf(n) if n == 0 else down(n - 1)\n")
    with pytest.raises(RecursionError):
        plain["down"](deepest)
    assert plain["down"](deepest - 1) == 0
