"""What compiling may cost: functions wait once it has taken much of the program's time, but for those that are asked for."""

import os
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

BEGIN = """
import justjit
from justjit import _core

def make(count, body="a + b * 2 - 1"):
    made = []
    for i in range(count):
        namespace = {}
        exec(f"def f{i}(a, b):\\n    return {body} + {i}", namespace)
        made.append(namespace[f"f{i}"])
    return made

def tier(f):
    stats = _core.function_stats(f)
    return stats["tier"] if stats else "interpreter"

def deep(f, *args, depth=20):
    # As where much else is running.
    return f(*args) if depth == 0 else deep(f, *args, depth=depth - 1)

def spend():
    # What is named is compiled, whatever it costs.
    for f in make(600):
        justjit.jit(f)
        for _ in range(9):
            f(1, 2)
        assert tier(f) == "baseline", tier(f)
"""
"""Much is spent here by what is named, so that all else has to wait."""


@pytest.fixture
def run(run_python: Callable[..., Any]) -> Callable[[str], None]:
    """Runs code behind BEGIN, in a process of its own."""

    def run(code: str) -> None:
        done = run_python(BEGIN + textwrap.dedent(code))
        assert done.returncode == 0, done.stderr
        assert done.stdout == "done\n"

    return run


def test_few_functions_are_compiled_at_once(run: Callable[[str], None]) -> None:
    """A small program is compiled as soon as it may be worth it."""
    run("""
        justjit.enable()
        for f in make(3):
            for i in range(9):
                assert f(i, 2) == i + 3 + int(f.__name__[1:])
            assert tier(f) == "baseline"
        print("done")
    """)


def test_of_many_functions_most_wait(run: Callable[[str], None]) -> None:
    """Each of a thousand is called a few times: most stay in the interpreter, and all compute the same."""
    run("""
        justjit.enable()
        functions = make(1000, "[a, b][0] * 3 + len(str(b)) - max(a, b)")
        for f in functions:
            for i in range(20):
                assert f(i, 2) == i * 3 + 1 - max(i, 2) + int(f.__name__[1:])
        assert 0 < justjit.stats().functions_compiled < 700
        print("done")
    """)


def test_what_runs_often_is_compiled_all_the_same(run: Callable[[str], None]) -> None:
    """There is an end to waiting."""
    run("""
        spend()
        justjit.enable()
        f, g = make(2)
        for i in range(9):
            f(i, 2)
        assert tier(f) == "interpreter"
        for i in range(9000):
            assert g(i, 2) == i + 4
        assert tier(g) == "baseline"
        print("done")
    """)


def test_what_is_asked_for_does_not_wait(run: Callable[[str], None]) -> None:
    """Functions that were named, and numbers of calls that were given."""
    run("""
        spend()
        f, g, h, k = make(4)
        justjit.jit(f, baseline_calls=2)
        for i in range(3):
            f(i, 2)
        assert tier(f) == "baseline"
        justjit.enable()
        with justjit.config(baseline_calls=0):
            assert g(3, 2) == 7
        assert tier(g) == "baseline"
        with justjit.config(tier="baseline"):
            for i in range(9):
                h(i, 2)
        assert tier(h) == "baseline"
        for i in range(9):
            k(i, 2)
        assert tier(k) == "interpreter"
        print("done")
    """)


def test_loops_that_may_be_all_of_the_program_do_not_wait(run: Callable[[str], None]) -> None:
    """A loop that computes, and what the program calls first, may be called once only."""
    run("""
        def computes(n):
            total = 0
            for i in range(n):
                total += i * i
            return total

        def calls(items):
            found = []
            for item in items:
                found.append(item.upper())
            return found

        def filters(items):
            return [item for item in items if item]

        def first(items):
            return calls(items)

        spend()
        justjit.enable()
        assert deep(computes, 1000) == 332833500
        assert tier(computes) in ("baseline", "optimizing")
        assert deep(calls, ["a", "b"]) == ["A", "B"]
        assert deep(filters, [0, 1, 2]) == [1, 2]
        assert tier(calls) == tier(filters) == "interpreter"
        assert first(["a"]) == ["A"]
        assert tier(calls) == "baseline"
        for _ in range(1100):
            assert deep(filters, [0, 1, 2]) == [1, 2]
        assert tier(filters) in ("baseline", "optimizing")
        print("done")
    """)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_begins_with_an_account_of_its_own(run: Callable[[str], None]) -> None:
    """What the parent has spent does not hold the child up."""
    run("""
        import os

        spend()
        justjit.enable()
        f, g = make(2)
        for i in range(9):
            f(i, 2)
        assert tier(f) == "interpreter"
        pid = os.fork()
        if pid == 0:
            for i in range(9):
                g(i, 2)
            os._exit(0 if g(5, 2) == 9 and tier(g) == "baseline" else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        print("done")
    """)
