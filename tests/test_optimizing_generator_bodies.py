"""Bodies of generators in optimized code: entered behind their ``yield``s, suspended again, and nobody can tell.

Each program is run twice, as it is and optimized, and both have to say the same.
"""

import gc
import sys
import textwrap
import types
from typing import Any

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import optimizing_and_leaving as optimizing_and_leaving
from tests.test_optimizing_generators import frames_of, namespace

# Goes through what it is given, which cannot be inlined.
DRIVERS = """
def collect(source):
    found = []
    for x in source:
        found.append(x)
    return found

def drive(generator, sent):
    found = [next(generator)]
    for value in sent:
        try:
            found.append(generator.send(value))
        except StopIteration as end:
            found.append(("returned", end.value))
            break
    return found
"""


def optimized(function: Any) -> bool:
    return any(form["tier"] == "optimizing" for form in _core.function_stats(function)["forms"])


def outcome(names: dict[str, Any], call: Any) -> Any:
    try:
        return repr(call(names))
    except Exception as error:
        return type(error).__name__, str(error), frames_of(error), type(error.__context__).__name__


def both(source: str, call: Any, *edges: Any, bodies: tuple[str, ...] = ("g",)) -> None:
    """Makes a call until the bodies are optimized, then others, and again the first."""
    plain, fast = (
        namespace(DRIVERS + textwrap.dedent(source), False),
        namespace(DRIVERS + textwrap.dedent(source), True),
    )
    for _ in range(40):
        assert outcome(fast, call) == outcome(plain, call)
    for name in bodies:
        assert optimized(fast[name]), justjit.explain(fast[name])
    for _ in range(3):
        for edge in [*edges, call]:
            assert outcome(fast, edge) == outcome(plain, edge)


def test_numbers_in_locals() -> None:
    source = """
        def g(n, step):
            total = 0
            for i in range(n):
                for j in range(5):
                    total += i * j
                yield total
                total -= step
    """
    both(
        source,
        lambda p: p["collect"](p["g"](60, 1)),
        lambda p: p["collect"](p["g"](0, 1)),
        lambda p: p["collect"](p["g"](60, 0.5)),
        lambda p: p["collect"](p["g"](60, 2**62)),
        lambda p: p["collect"](p["g"](60, "x")),
        lambda p: p["collect"](p["g"](3, None)),
    )


def test_iterators_over_suspensions() -> None:
    source = """
        def g(items, pairs, n):
            for a in items:
                for b, c in pairs:
                    yield a + b * c
                for i in range(n, 0, -2):
                    yield a - i
    """
    both(
        source,
        lambda p: p["collect"](p["g"]([1, 2, 3] * 10, ((1, 2), (3, 4)), 7)),
        lambda p: p["collect"](p["g"]([], ((1, 2),), 7)),
        lambda p: p["collect"](p["g"]((1, 2.5), [(1, 2), [3, 4]], 0)),
        lambda p: p["collect"](p["g"]("ab", [(1, 2)], 1)),
        lambda p: p["collect"](p["g"]([1], [(1, 2, 3)], 1)),
        lambda p: p["collect"](p["g"](iter([1, 2]), iter([(1, 2)]), True)),
    )


def test_a_list_that_changes_between() -> None:
    source = """
        def g(items):
            for a in items:
                yield a * 2

        def f(items, more):
            found = []
            source = g(items)
            for x in source:
                found.append(x)
                if more and len(found) == 3:
                    items.extend(more)
                if x == 8:
                    items.clear()
            return found, items
    """
    both(
        source,
        lambda p: p["f"]([1, 2, 3] * 20, []),
        lambda p: p["f"]([1, 2, 3], [5, 6]),
        lambda p: p["f"]([1, 2, 3, 4, 5, 6], [9]),
    )


def test_an_iterator_that_others_have() -> None:
    source = """
        def g(numbers):
            for a in numbers:
                yield a + 1
            yield list(numbers)

        def f(numbers, at):
            found = []
            for x in g(numbers):
                found.append(x)
                if len(found) == at:
                    found.append(next(numbers, None))
            return found
    """
    both(
        source,
        lambda p: p["f"](iter([1, 2, 3] * 20), 5),
        lambda p: p["f"](iter([1]), 1),
        lambda p: p["f"](iter(range(10)), 3),
        lambda p: p["f"](iter(()), 3),
    )


def test_yield_from() -> None:
    source = """
        class Tree:
            def __init__(self, left, value, right):
                self.left, self.value, self.right = left, value, right
            def walk(self):
                if self.left:
                    yield from self.left.walk()
                yield self.value
                if self.right:
                    yield from self.right.walk()

        def tree(depth, value):
            return Tree(tree(depth - 1, value - 1), value, tree(depth - 1, value + 1)) if depth else None

        def g(depth, more):
            got = yield from tree(depth, 7).walk()
            yield got
            got = yield from more
            return got
    """
    both(
        source,
        lambda p: p["drive"](p["g"](5, [1, 2, 3]), [None] * 60),
        lambda p: p["drive"](p["g"](3, p["g"](2, (4,))), [None] * 60),
        lambda p: p["drive"](p["g"](2, []), [None, None, None, 5]),
        lambda p: p["drive"](p["g"](1, 5), [None] * 10),
        bodies=("g",),
    )


def test_what_is_sent() -> None:
    source = """
        def g(n):
            i, got = 0, []
            while i < n:
                x = yield i
                if x is None:
                    i += 1
                else:
                    got.append(x)
                    i += x
            return got
    """
    both(
        source,
        lambda p: p["drive"](p["g"](50), [None] * 60),
        lambda p: p["drive"](p["g"](50), [1, 2, 3] * 20),
        lambda p: p["drive"](p["g"](50), [0.5] * 200),
        lambda p: p["drive"](p["g"](50), [None, "x"]),
        lambda p: p["drive"](p["g"](3), [2**70]),
    )


def test_tuples_below_a_yield() -> None:
    source = """
        def g(n):
            found = []
            for i in range(n):
                found.append(((i, (yield "a")), (i + 1, i), (yield "b"), [(yield "c")]))
            return found
    """
    both(
        source,
        lambda p: p["drive"](p["g"](20), range(100)),
        lambda p: p["drive"](p["g"](3), [None, 0.5, "x"] * 4),
    )


def test_a_yield_among_operands() -> None:
    source = """
        def add(a, b, c):
            return a + b + c

        def g(n):
            total = 0
            for i in range(n):
                total += add(i, (yield total), i * 2)
            return total
    """
    both(
        source,
        lambda p: p["drive"](p["g"](30), [1] * 40),
        lambda p: p["drive"](p["g"](30), [1, None]),
        lambda p: p["drive"](p["g"](30), [0.5] * 40),
        bodies=(),
    )


def test_exceptions_that_are_thrown_in() -> None:
    source = """
        def g(n):
            caught = 0
            for i in range(n):
                try:
                    yield i + caught
                except KeyError:
                    caught += 10
                finally:
                    caught += 1
            return caught

        def f(n, kinds):
            source, found = g(n), []
            try:
                for x in source:
                    found.append(x)
                    kind = kinds.get(x)
                    if kind is not None:
                        found.append(source.throw(kind))
            except Exception as error:
                found.append(type(error).__name__)
            return found
    """
    both(
        source,
        lambda p: p["f"](50, {}),
        lambda p: p["f"](50, {4: KeyError}),
        lambda p: p["f"](50, {6: ValueError}),
        lambda p: p["f"](50, {6: KeyError, 19: KeyError(3)}),
        lambda p: p["f"](50, {98: KeyError}),
    )


def test_closing_early() -> None:
    source = """
        def g(n, log):
            try:
                for i in range(n):
                    yield i * i
            finally:
                log.append("end")

        def f(n, stop):
            log = []
            for x in g(n, log):
                if x >= stop:
                    log.append(x)
                    break
            return log
    """
    both(
        source,
        lambda p: p["f"](60, 900),
        lambda p: p["f"](60, 0),
        lambda p: p["f"](60, 10**6),
        lambda p: p["f"](0, 0),
    )


def test_exceptions_inside() -> None:
    source = """
        def g(items, by):
            total = 0
            for x in items:
                total += x // by
                yield total
    """
    both(
        source,
        lambda p: p["collect"](p["g"]([5, 6, 7] * 10, 2)),
        lambda p: p["collect"](p["g"]([5, 6, 7] * 10, 0)),
        lambda p: p["collect"](p["g"]([5, "a"], 2)),
        lambda p: p["collect"](p["g"]([5, 2**64, 2.5], 2)),
    )


def test_frames_that_are_looked_at() -> None:
    source = """
        def g(n):
            a = 1
            for i in range(n):
                a += i
                yield a

        def f(n, look):
            source, found = g(n), []
            for x in source:
                if x in look:
                    frame = source.gi_frame
                    found.append((sorted(frame.f_locals.items()), frame.f_lineno - frame.f_code.co_firstlineno))
                    frame.f_locals["a"] = x + 100
                found.append(x)
            return found, source.gi_frame
    """
    both(source, lambda p: p["f"](40, ()), lambda p: p["f"](40, (4, 7, 11)), lambda p: p["f"](40, range(1000)))


def test_globals_that_are_rebound_between() -> None:
    source = """
        def scale(x):
            return x * 2

        def g(n):
            for i in range(n):
                yield scale(i) + scale(i + 1)

        def f(n, at):
            found, before = [], scale
            for x in g(n):
                found.append(x)
                if len(found) == at:
                    globals()["scale"] = lambda x: -x
            globals()["scale"] = before
            return found
    """
    both(source, lambda p: p["f"](40, -1), lambda p: p["f"](40, 7), lambda p: p["f"](40, 39))


def test_several_yields_and_variables_that_are_not_there() -> None:
    source = """
        def g(n, late):
            for i in range(n):
                if i > late:
                    del value
                    late += 20
                elif i % 3 != 2:
                    value = i * 2
                yield i
                yield value + 1
    """
    both(
        source,
        lambda p: p["collect"](p["g"](50, 100)),
        lambda p: p["collect"](p["g"](50, 3)),
        lambda p: p["collect"](p["g"](50, -1)),
    )


def test_cells_and_generators_in_generators() -> None:
    source = """
        def g(items, limit):
            for a in items:
                near = set(a + b for b in items if abs(a - b) < limit)
                if len(near) > 1:
                    yield sum(near), a
                limit += 1
    """
    both(
        source,
        lambda p: p["collect"](p["g"]([1, 5, 9, 12] * 5, 3)),
        lambda p: p["collect"](p["g"]([1, 2.5, 3], 3)),
        lambda p: p["collect"](p["g"]([1, "a"], 3)),
        lambda p: p["collect"](p["g"]([2**62, 2**62 + 1], 3)),
    )


def test_sets_of_what_runs_code() -> None:
    source = """
        class Key:
            def __init__(self, x):
                self.x = x
            def __hash__(self):
                log.append(self.x)
                return self.x % 3
            def __eq__(self, other):
                log.append((self.x, other.x))
                return self.x == other.x

        log = []

        def g(n, make):
            for i in range(n):
                yield len(set(make(j % 4) for j in range(i)))

        def f(n, make):
            log.clear()
            return collect(g(n, Key if make else float)), list(log)
    """
    both(source, lambda p: p["f"](12, 0), lambda p: p["f"](12, 1))


def test_finalizers_between() -> None:
    source = """
        class Noisy:
            def __init__(self, x):
                self.x = x
            def __del__(self):
                log.append(self.x)

        log = []

        def g(n):
            for i in range(n):
                kept = Noisy(i)
                yield kept.x * 2
                log.append("after")

        def f(n, stop):
            log.clear()
            source = g(n)
            for x in source:
                if x == stop:
                    break
            del source
            return list(log)
    """
    both(source, lambda p: p["f"](30, -1), lambda p: p["f"](30, 10), bodies=())


@pytest.mark.parametrize("what", ["trace", "profile"])
def test_somebody_begins_to_watch(what: str) -> None:
    source = """
        def g(n):
            total = 0
            for i in range(n):
                total += i
                yield total
    """
    names = [namespace(DRIVERS + textwrap.dedent(source), jitted) for jitted in (False, True)]
    for _ in range(40):
        for one in names:
            one["collect"](one["g"](40))
    assert optimized(names[1]["g"])
    found = []
    for one in names:
        events: list[Any] = []

        def watch(frame: types.FrameType, event: str, argument: Any, events: list[Any] = events) -> Any:
            if frame.f_code.co_name == "g":
                events.append((event, frame.f_lineno, dict(frame.f_locals), argument))
            return watch

        source_ = one["g"](6)
        next(source_)
        start = sys.settrace if what == "trace" else sys.setprofile
        start(watch)
        try:
            rest = list(source_)
        finally:
            start(None)
        found.append((rest, events))
    assert found[0] == found[1]


def test_references_are_given_up() -> None:
    source = """
        def g(items):
            for a, b in zip(items, items[1:]):
                yield a, b, [a]
                yield (b, a)
    """
    names = namespace(DRIVERS + textwrap.dedent(source), True)
    marks = [object() for _ in range(10)]
    for _ in range(60):
        names["collect"](names["g"](marks))
    gc.collect()
    before = [sys.getrefcount(mark) for mark in marks]
    for _ in range(200):
        names["collect"](names["g"](marks))
        # One that is left early.
        next(names["g"](marks))
    gc.collect()
    assert [sys.getrefcount(mark) for mark in marks] == before
