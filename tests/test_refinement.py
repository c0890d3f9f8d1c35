"""Code that Cranelift makes at once, and LLVM again while it runs."""

import gc
import os
import threading
import time
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Literal

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import has_llvm

pytestmark = pytest.mark.skipif(not has_llvm(), reason="LLVM is not built in: there is one code generator only")


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    with justjit.config(tier="auto", backend="auto", background=True, optimize_calls=20, optimize_loops=100):
        yield
    wait()


def wait() -> None:
    """Until nothing is being compiled."""
    end = time.monotonic() + 60
    while _core.pending_compilations():
        assert time.monotonic() < end
        time.sleep(0.001)


def define(source: str, name: str) -> Any:
    """A hooked function of a namespace of its own."""
    names: dict[str, Any] = {}
    exec(source, names)
    for value in list(names.values()):
        if isinstance(value, types.FunctionType):
            justjit.jit(value)
    return names[name]


def optimized(function: Callable[..., Any]) -> list[Any]:
    return [form for form in justjit.stats(function).forms if form.tier == "optimizing"]


def is_refined(function: Callable[..., Any]) -> bool:
    """Whether what is entered is LLVM's: the newest, where more was found out about a loop meanwhile."""
    forms = optimized(function)
    return bool(forms) and "LLVM" in forms[-1].phases


LONG = """
def add_up(done):
    total = 0
    number = 0
    while not done:
        number += 1
        total += number & 7
    return number, total
"""


def test_a_loop_that_runs_goes_on_in_the_better_code() -> None:
    forms: list[Any] = []
    # Nothing else is asked meanwhile, which would take the better code over outside the loop: it runs for some time, and for
    # longer where compiling takes longer than that.
    for seconds in (0.25, 1, 4, 16, 60):
        names: dict[str, Any] = {}
        exec(LONG, names)
        add_up = justjit.jit(names["add_up"])
        done: list[int] = []
        timer = threading.Timer(seconds, done.append, [1])
        timer.start()
        number, total = add_up(done)
        timer.join()
        assert total == sum(n & 7 for n in range(1, 9)) * (number // 8) + sum(n & 7 for n in range(1, number % 8 + 1))
        forms = [form for form in optimized(add_up) if "LLVM" in form.phases]
        assert all("Cranelift" in form.phases for form in forms)
        # It was left for the better code, and entered again.
        if max((form.loop_entries for form in forms), default=0) >= 2:
            return
    assert forms, "it was never compiled by LLVM"
    raise AssertionError("the loop was not left for the better code")


def test_typed_bodies_call_the_better_ones() -> None:
    fib = define("def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n", "fib")
    expected = [0, 1]
    while len(expected) < 26:
        expected.append(expected[-1] + expected[-2])
    end = time.monotonic() + 60
    while not is_refined(fib):
        assert [fib(n) for n in range(15)] == expected[:15]
        assert time.monotonic() < end
    wait()
    assert [fib(n) for n in range(26)] == expected
    with pytest.raises(RecursionError):
        fib(10**6)
    with pytest.raises(TypeError):
        fib("x")


def test_what_it_bets_on_changes_while_llvm_is_at_work() -> None:
    for _ in range(5):
        scaled = define("factor = 2\ndef scaled(n):\n    return n * factor\n", "scaled")
        while not optimized(scaled):
            assert [scaled(n) for n in range(50)] == [2 * n for n in range(50)]
            time.sleep(0.001)
        scaled.__globals__["factor"] = 3
        assert scaled(5) == 15
        wait()
        assert scaled(5) == 15
        for _ in range(200):
            assert scaled(7) == 21
        wait()
        assert scaled(7) == 21


def test_a_function_that_dies_meanwhile() -> None:
    living = []
    for _ in range(5):
        double = define("def double(n):\n    return n + n\n", "double")
        while not optimized(double):
            for n in range(50):
                assert double(n) == 2 * n
            time.sleep(0.001)
        living.append(weakref.ref(double))
        del double
    wait()
    gc.collect()
    assert [one() for one in living] == [None] * 5


def test_calls_from_other_code_reach_the_better_code() -> None:
    call = define("def inner(n):\n    return n * 3 + 1\ndef call(f, n):\n    return f(n)\n", "call")
    inner = call.__globals__["inner"]
    end = time.monotonic() + 60
    while not is_refined(inner):
        assert [call(inner, n) for n in range(100)] == [3 * n + 1 for n in range(100)]
        assert time.monotonic() < end
    before = sum(form.calls for form in optimized(inner))
    assert [inner(n) for n in range(100)] == [3 * n + 1 for n in range(100)]
    assert sum(form.calls for form in optimized(inner)) >= before + 100


def test_threads_in_the_code_that_is_replaced() -> None:
    work = define("def work(n):\n    s = 0\n    for i in range(n):\n        s += i % 3\n    return s\n", "work")
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(work(300_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait()
    assert results == [sum(i % 3 for i in range(300_000))] * 4
    assert work(1000) == sum(i % 3 for i in range(1000))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_goes_on_in_what_there_is() -> None:
    count = define("def count(n):\n    s = 0\n    for i in range(n):\n        s += i & 1\n    return s\n", "count")
    while not optimized(count):
        assert count(2000) == 1000
        time.sleep(0.001)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            right = all(count(2000) == 1000 for _ in range(200))
            # What the parent waits for does not come here.
            wait()
            status = 0 if right and count(2000) == 1000 else 1
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    wait()
    assert count(2000) == 1000


def test_one_code_generator_where_one_is_asked_for() -> None:
    backends: tuple[Literal["cranelift", "llvm"], ...] = ("cranelift", "llvm")
    for backend in backends:
        with justjit.config(backend=backend):
            negated = define("def negated(n):\n    return -n\n", "negated")
            while not optimized(negated):
                assert [negated(n) for n in range(50)] == [-n for n in range(50)]
                time.sleep(0.001)
            wait()
            (form,) = optimized(negated)
            assert ("LLVM" in form.phases, "Cranelift" in form.phases) == (backend == "llvm", backend == "cranelift")


AVERAGE = """
import numpy as np

def average(source, target, rounds):
    width = source.shape[0]
    for _ in range(rounds):
        for i in range(1, width - 1):
            target[i] = 0.5 * (source[i - 1] + source[i + 1])
    return target.tolist()
"""


def test_vector_code_is_made_of_what_had_none() -> None:
    """Cranelift makes no vector code, so that loops are split for it only when LLVM gets them."""
    numpy = pytest.importorskip("numpy")
    average = define(AVERAGE, "average")
    arguments = numpy.arange(40.0), numpy.zeros(40)
    expected = [0.0, *(float(i) for i in range(1, 39)), 0.0]
    for _ in range(60):
        assert average(*arguments, 30) == expected
        wait()
    assert is_refined(average)
    phases = optimized(average)[-1].phases
    assert {"Cranelift", "LLVM", "ahead"} <= phases.keys()
    assert average(*arguments, 30) == expected
