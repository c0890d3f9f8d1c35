"""Generators in optimized code: those that only a loop or a builtin goes through are not made, and nobody can tell.

Each program is run twice, as it is and optimized, and both have to say the same.
"""

import gc
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import optimizing_and_leaving as optimizing_and_leaving

# Every program has it.
COUNT = """
def count(n):
    for i in range(n):
        yield i
"""


def namespace(source: str, jitted: bool) -> dict[str, Any]:
    """What a program defines; its functions are hooked if wanted."""
    names: dict[str, Any] = {"__name__": "program", "gc": gc, "sys": sys}
    exec(compile(COUNT + textwrap.dedent(source), "<program>", "exec"), names)
    if jitted:
        for value in list(names.values()):
            if isinstance(value, types.FunctionType):
                justjit.jit(value)
    return names


def frames_of(error: BaseException) -> list[tuple[str, int, list[str]]]:
    """A traceback: the program's functions, lines and variables."""
    found = []
    tb = error.__traceback__
    while tb is not None:
        if tb.tb_frame.f_code.co_filename == "<program>":
            found.append((tb.tb_frame.f_code.co_name, tb.tb_lineno, sorted(tb.tb_frame.f_locals)))
        tb = tb.tb_next
    return found


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return repr(call())
    except Exception as error:
        causes = []
        at: BaseException | None = error
        while at is not None:
            causes.append((type(at).__name__, str(at), frames_of(at)))
            at = at.__cause__ or at.__context__
        return causes


def both(source: str, usual: list[Any], *edges: list[Any], name: str = "f", inlined: bool = True) -> None:
    """Calls a program's ``f`` with the usual arguments until it is optimized, then with others and again with the usual;
    with ``inlined``, the optimized code must have a generator that is not made."""
    plain = namespace(source, jitted=False)
    fast = namespace(source, jitted=True)
    for _ in range(40):
        expected = outcome(lambda: plain[name](*usual))
        assert outcome(lambda: fast[name](*usual)) == expected
    if inlined:
        text = justjit.dump(fast[name], "ir:build")
        assert _core.function_stats(fast[name])
        assert " next " in text or " consume " in text, justjit.explain(fast[name])
    for _ in range(3):
        for edge in [*edges, usual]:
            before = outcome(lambda: plain[name](*edge))  # noqa: B023 - called at once
            assert outcome(lambda: fast[name](*edge)) == before  # noqa: B023


def test_a_loop_over_a_generator() -> None:
    source = """
        def f(n):
            total = 0
            for x in count(n):
                total += x * 2
            return total
    """
    both(source, [20], [0], [1], [2**40 and 7], [True])


def test_several_yields_and_locals_of_many_types() -> None:
    source = """
        def mixed(n, text):
            yield n
            i = 0
            step = 0.5
            while i < n:
                yield i, text
                i += 1
                yield step
                step *= 3
            yield text, step

        def f(n, text="a"):
            found = []
            for x in mixed(n, text):
                found.append(x)
            return found
    """
    both(source, [5], [0], [1, "b"], [2.5, None], [-3])


def test_chains() -> None:
    source = """
        def scaled(items, by):
            for x in items:
                yield x * by

        def kept(items):
            for x in items:
                if x % 3:
                    yield x + 1

        def f(n, by=2):
            total = 0
            for x in kept(scaled(count(n), by)):
                total += x
            return total
    """
    both(source, [30], [0], [3, 2**62], [4, 2**80], [5, 0.5], [6, "x"], [-1])


def test_overflow_goes_on_in_the_generator() -> None:
    source = """
        def powers(n):
            x = 1
            for i in range(n):
                yield x
                x *= 2

        def f(n):
            last = 0
            for x in powers(n):
                last = x - last
            return last
    """
    both(source, [20], [62], [63], [64], [65], [200])


def test_an_exception_inside() -> None:
    source = """
        def divided(n, by):
            for i in range(n):
                yield 100 // (by - i)

        def f(n, by):
            total = 0
            for x in divided(n, by):
                total += x
            return total
    """
    both(source, [10, 20], [10, 5], [10, 0], [3, "x"], [3, 1.5])


def test_stop_iteration_inside_is_a_runtime_error() -> None:
    source = """
        def stopping(n, at):
            for i in range(n):
                if i == at:
                    raise StopIteration(i)
                yield i

        def f(n, at):
            total = 0
            for x in stopping(n, at):
                total += x
            return total
    """
    both(source, [10, 20], [10, 3], [10, 0])


def test_an_exception_in_the_loop_s_body() -> None:
    source = """
        def f(n, by):
            total = 0
            for x in count(n):
                total += 10 // (x - by)
            return total
    """
    both(source, [10, 20], [10, 5], [10, 0])


def test_handled_in_the_caller() -> None:
    source = """
        def divided(n, by):
            for i in range(n):
                yield 100 // (by - i)

        def f(n, by):
            total = 0
            try:
                for x in divided(n, by):
                    total += x
            except ZeroDivisionError as error:
                return total, str(error), error.__traceback__.tb_next.tb_lineno
            return total
    """
    both(source, [10, 20], [10, 5], [10, 0])


def test_left_early() -> None:
    source = """
        def f(n, at):
            for x in count(n):
                if x == at:
                    break
            else:
                return "end"
            for x in count(n):
                if x > at:
                    return x
            return None
    """
    both(source, [20, 30], [20, 5], [20, 19], [0, 0])


def test_finally_runs_where_a_generator_is_left() -> None:
    source = """
        events = []

        def careful(n):
            try:
                for i in range(n):
                    yield i
            finally:
                events.append("closed")

        def f(n, at):
            for x in careful(n):
                if x == at:
                    events.append(x)
                    break
            events.append("left")
            found = events[:]
            events.clear()
            return found
    """
    both(source, [10, 5], [10, 20], [0, 0], inlined=False)


def test_finalizers_run_in_order() -> None:
    source = """
        events = []

        class Noisy:
            def __init__(self, name):
                self.name = name
            def __del__(self):
                frame = sys._getframe(1)
                events.append((self.name, frame.f_code.co_name, frame.f_lineno))

        def holding(a, b, n):
            for i in range(n):
                yield i

        def f(n, at):
            for x in holding(Noisy("a"), Noisy("b"), n):
                if x == at:
                    break
            events.append("left")
            found = events[:]
            events.clear()
            return found
    """
    both(source, [10, 5], [10, 20], [0, 0], inlined=False)


def test_reference_counts() -> None:
    source = """
        class Thing:
            pass

        def same(thing, n):
            for i in range(n):
                yield thing

        def f(n, at):
            thing = Thing()
            seen = None
            for i, x in enumerate(range(n)):
                for y in same(thing, n):
                    seen = y
                    if x == at:
                        break
            return sys.getrefcount(thing), seen is thing
    """
    both(source, [6, 3], [6, 10], [0, 0], [1, 0])


def test_a_generator_that_is_looked_at() -> None:
    source = """
        def f(n):
            g = count(n)
            total = 0
            for x in g:
                total += x
                if x == 2:
                    total += g.gi_frame.f_locals["i"] + g.gi_frame.f_lineno
            return total, g.gi_frame, g.gi_running
    """
    both(source, [10], [1], [0], inlined=False)


def test_send_throw_close_and_a_value() -> None:
    source = """
        def echo(n):
            got = None
            for i in range(n):
                try:
                    got = yield i, got
                except KeyError as error:
                    got = repr(error)
            return "end"

        def f(n):
            g = echo(n)
            found = [next(g), g.send("a"), g.throw(KeyError("k"))]
            for x in g:
                found.append(x)
            try:
                next(g)
            except StopIteration as stop:
                found.append(stop.value)
            h = echo(2)
            next(h), next(h)
            try:
                next(h)
            except StopIteration as stop:
                found.append(stop.value)
            h.close()
            return found
    """
    both(source, [8], [4], inlined=False)


def test_recursion() -> None:
    source = """
        def tree(n):
            if n > 0:
                for x in tree(n - 1):
                    yield x
                yield n
                for x in tree(n - 2):
                    yield -x

        def f(n):
            total = 0
            for x in tree(n):
                total = total * 3 + x
            return total
    """
    both(source, [6], [0], [1], [9], inlined=False)


def test_one_that_goes_through_itself() -> None:
    source = """
        def loop(box):
            yield 1
            for x in box[0]:
                yield x

        def f(n):
            box = []
            box.append(loop(box))
            total = 0
            for x in box[0]:
                total += x
            return total
    """
    both(source, [3], inlined=False)


def test_generator_expressions_in_builtins() -> None:
    source = """
        def f(items, k):
            return (
                sum(x * k for x in items),
                any(x == k for x in items),
                all(x != k for x in items),
                list(x + k for x in items if x),
                tuple(x - k for x in items),
                sum(x for x in range(len(items))),
            )
    """
    ints = list(range(10))
    edges: list[list[Any]] = [
        [[], 3],
        [ints, 100],
        [ints, 2**62],
        [ints, 0.5],
        [[*ints, 2**70], 3],
        [[1, "a"], 3],
        [[None], 1],
    ]
    both(source, [ints, 3], *edges)


def test_sums_of_floats() -> None:
    source = """
        def f(items, by):
            return sum(x * by for x in items)
    """
    floats = [0.1 * i for i in range(20)]
    inf = float("inf")
    edges: list[list[Any]] = [
        [[1e100, 1.0, -1e100], 1.0],
        [[-0.0, -0.0], 1.0],
        [[], 1.0],
        [[1, 2, 0.5, 3, 2**70], 1],
        [[1e308, 1e308, -1e308], 1.0],
        [[inf, 1.0, -inf], 1.0],
        [[0.1, True, 2**64, 0.3], 1],
        [[0.1, 1j, 0.3], 1],
        [[0.1, "a"], 1],
        [[2**62, 2**62, 2**62, 0.5], 1],
    ]
    both(source, [floats, 1.5], *edges)


@pytest.mark.parametrize("builtin", ["min", "max"])
def test_min_and_max(builtin: str) -> None:
    source = f"""
        def f(items, by):
            return {builtin}(x * by for x in items), {builtin}(x for x in items if x != by)
    """
    floats = [0.1 * (i * 7 % 20) for i in range(20)]
    edges: list[list[Any]] = [
        [[], 1.0],
        [[1.0], 1.0],
        [[1.5, float("nan"), 0.5], 1.0],
        [[-0.0, 0.0], 1.0],
        [[0.5, 1, True, 2**70], 1],
        [["b", "a"], 1],
        [[0.5, "a"], 1],
        [[1j], 1],
    ]
    both(source, [floats, 1.5], *edges)
    both(source, [[3, 1, 2], 3], [[2**62, 2**62 + 1], 2], [[], 3])


def test_an_exception_inside_a_builtin() -> None:
    source = """
        def f(n, by):
            return sum(100 // (by - i) for i in range(n)), any(1 // (by - i) > 5 for i in range(n))
    """
    both(source, [10, 20], [10, 5], [10, 0])


def test_any_leaves_early_and_drops() -> None:
    source = """
        def matching(items, wanted):
            for x in items:
                yield x == wanted

        def f(items, wanted):
            before = sys.getrefcount(items)
            found = any(matching(items, wanted))
            return found, sys.getrefcount(items) - before
    """
    items = list(range(10))
    both(source, [items, 5], [items, 50], [[], 5], [items, "x"])


def test_a_builtin_that_is_replaced() -> None:
    source = """
        def f(n, other):
            global sum
            if other:
                sum = max
            try:
                return sum(i * i for i in range(n))
            finally:
                if other:
                    del sum
    """
    both(source, [10, False], [10, True], [0, False], inlined=False)


def test_a_generator_function_that_is_replaced() -> None:
    source = """
        def f(n, other):
            global count
            before = count
            if other:
                count = range
            total = 0
            for x in count(n):
                total += x
                if other == x:
                    count = before
            count = before
            return total
    """
    both(source, [10, 0], [10, 3], [4, 0], inlined=False)


def test_closures_and_cells() -> None:
    source = """
        def f(n, k):
            total = 0
            def bump(x):
                nonlocal total
                total += x * k
            for i in range(n):
                bump(i)
            return total, sum(i * k + total for i in range(n))
    """
    both(source, [10, 2], [0, 2], [10, 2**62], [4, "x"], inlined=False)


def test_a_helper_inside_a_generator() -> None:
    source = """
        def half(x, by):
            return x / by

        def halves(n, by):
            for i in range(n):
                yield half(i, by)

        def f(n, by):
            total = 0.0
            for x in halves(n, by):
                total += x
            return total
    """
    both(source, [10, 2], [10, 0], [3, "x"], [10, 2.5])


def test_a_loop_in_a_loop_over_generators() -> None:
    source = """
        def pairs(n):
            for i in count(n):
                for j in count(i):
                    yield i, j

        def f(n):
            total = 0
            for a, b in pairs(n):
                for c in count(b):
                    total += a * b + c
            return total
    """
    both(source, [6], [0], [1], [12], inlined=False)


def test_default_arguments_and_keywords() -> None:
    source = """
        def steps(start, stop=10, by=1):
            while start < stop:
                yield start
                start += by

        def f(start, by):
            found = 0
            for x in steps(start, by=by):
                found += x
            for x in steps(start):
                found -= x
            return found
    """
    both(source, [0, 2], [0.5, 0.25], [20, 1], [0, 2**70])


def test_with_statements() -> None:
    source = """
        class Manager:
            def __init__(self, swallow, log):
                self.swallow, self.log = swallow, log
            def __enter__(self):
                self.log.append("in")
                return self
            def __exit__(self, kind, error, traceback):
                self.log.append((kind and kind.__name__, str(error), traceback and traceback.tb_lineno))
                return self.swallow

        def f(n, by, swallow=False):
            log = []
            total = 0
            for i in range(n):
                with Manager(swallow, log) as manager:
                    total += 100 // (by - i)
                    if total > 500:
                        log.append(manager is not None)
                        continue
            return total, log

        def g(n):
            with n:
                return 1
    """
    both(source, [10, 20], [10, 5], [10, 5, True], [10, 0, True], [0, 0], inlined=False)
    both(source, [5], [None], name="g", inlined=False)


def test_try_and_finally() -> None:
    source = """
        def f(n, by, log):
            total = 0.0
            for i in range(n):
                try:
                    total += 1.5 / (by - i)
                except ZeroDivisionError as error:
                    total -= 1
                    log.append(str(error))
                else:
                    total += 0.25
                finally:
                    log.append(i)
            return total, log[-5:]
    """
    both(source, [10, 20, []], [10, 5, []], [3, "x", []], [2000, 1000, []], inlined=False)


def test_containers_built_piece_by_piece() -> None:
    source = """
        def g(*args, **names):
            return args, sorted(names)

        def f(items, more, names):
            a, *b = items
            *c, d = items
            found = {x % 3 for x in items}
            squares = {x: x * x for x in items}
            both = {*items, *more}
            merged = {**squares, **names}
            called = g(*items, **names)
            again = g(*items, *more)
            text = f"{a:>4}|{b!r}|{a!s:<3}|"
            return a, b, c, d, sorted(found), squares, sorted(both), merged, called, again, text, +a
    """
    edges: list[list[Any]] = [
        [[1], [], {}],
        [[], [1], {}],
        [[1, 2], [3], {1: 2}],
        [[1, [2]], [3], {"k": 2}],
        [[1, "a"], [3], {}],
        [(4, 5, 6.5), (), {"z": 1}],
        [[1, 2], 3, {}],
    ]
    both(source, [[3, 1, 2], [9, 1], {"k": 1, "l": 2}], *edges, inlined=False)


def test_a_global_that_the_loop_stores() -> None:
    source = """
        total = 0

        def f(n, by):
            global total
            total = 0
            for i in range(n):
                total = total + i * by
            return total
    """
    both(source, [10, 2], [10, 2**62], [0, 1], [3, 0.5], inlined=False)


def test_functions_that_are_made_in_a_loop() -> None:
    source = """
        def f(n, k):
            made = []
            for i in range(n):
                def add(x, y=i, *, z: int = 3):
                    return x + y + z + k
                made.append(add)
            k += 1
            last = made[-1]
            return [one(10) for one in made], last.__name__, last.__qualname__, last.__defaults__, last.__kwdefaults__
    """
    both(source, [5, 2], [1, 2**70], [0, 0], [3, 0.5], [2, "x"], inlined=False)


def test_a_format_that_gives_a_strange_string() -> None:
    source = """
        class Text(str):
            def __eq__(self, other):
                return "mine"
            __hash__ = str.__hash__

        class Strange:
            def __format__(self, spec):
                return Text("a" + spec)

        def f(x, n):
            found = []
            for i in range(n):
                found.append((f"{x}" == "a", f"{x:b}" == "ab"))
            return found
    """
    plain = namespace(source, jitted=False)
    fast = namespace(source, jitted=True)
    for one in [1, 1.5, "a"]:
        for _ in range(20):
            assert outcome(lambda: fast["f"](one, 3)) == outcome(lambda: plain["f"](one, 3))  # noqa: B023
    assert outcome(lambda: fast["f"](fast["Strange"](), 3)) == outcome(lambda: plain["f"](plain["Strange"](), 3))
