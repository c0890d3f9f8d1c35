"""Calls between optimized functions: what is passed in registers, and that nobody can tell.

Each program is run twice, as it is and optimized, and both have to say the same.
"""

import gc
import signal
import sys
import textwrap
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any

import justjit
import pytest

from tests.optimized_programs import namespace, optimizing  # noqa: F401


def typed_calls(function: Any) -> set[str]:
    """What the function's present versions call with numbers in registers."""
    forms = justjit.stats(function).forms
    return {name for form in forms if form.dropped is None for name in form.typed_calls}


def both(
    source: str,
    use: Callable[[dict[str, Any]], Any],
    warm: Callable[[dict[str, Any]], Any],
    typed: str | None,
    rounds: int = 60,
) -> None:
    """Uses a program, interpreted and after it was optimized; ``typed`` is a function that must call itself or another with
    numbers in registers by then."""
    plain = namespace(source, jitted=False)
    fast = namespace(source, jitted=True)
    for _ in range(rounds):
        expected = warm(plain)
        assert repr(warm(fast)) == repr(expected)
    if typed is not None:
        assert typed_calls(fast[typed]), justjit.explain(fast[typed])
    assert use(fast) == use(plain)
    # And again, with what has been learned by then.
    assert use(fast) == use(plain)


def frames_of(error: BaseException) -> list[tuple[str, int, dict[str, Any]]]:
    """A traceback: the program's functions, lines and variables."""
    found = []
    tb = error.__traceback__
    while tb is not None:
        if tb.tb_frame.f_code.co_filename == "<program>":
            found.append((tb.tb_frame.f_code.co_name, tb.tb_lineno, dict(tb.tb_frame.f_locals)))
        tb = tb.tb_next
    return found


def raised(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return type(error).__name__, str(error), frames_of(error)


FIB = """
    def fib(n):
        if n < 2:
            return n
        return fib(n - 1) + fib(n - 2)
"""


def test_numbers_in_registers() -> None:
    both(FIB, lambda names: [names["fib"](n) for n in range(20)], lambda names: names["fib"](12), "fib")


def test_floats_bools_and_nothing() -> None:
    source = """
        def even(n):
            if n == 0:
                return True
            return not even(n - 1)

        def halves(x, n):
            if n == 0:
                return x
            return halves(x / 2.0, n - 1) + 0.25

        def fill(items, low, high):
            if low >= high:
                return
            middle = (low + high) // 2
            items[middle] += low
            fill(items, low, middle)
            fill(items, middle + 1, high)

        def run(n):
            items = [0] * n
            fill(items, 0, n)
            return even(n), halves(float(n), n), items
    """
    for name in ["even", "halves", "fill"]:
        both(source, lambda names: [names["run"](n) for n in range(40)], lambda names: names["run"](20), name)


def test_the_recursion_limit_is_met_exactly() -> None:
    source = """
        def down(n):
            if n == 0:
                return 0
            return down(n - 1) + 1

        def deepest(function):
            low, high = 0, 5000
            while low < high:
                middle = (low + high + 1) // 2
                try:
                    assert function(middle) == middle
                    low = middle
                except RecursionError:
                    high = middle - 1
            return low
    """

    def use(names: dict[str, Any]) -> list[Any]:
        found = []
        before = sys.getrecursionlimit()
        try:
            for limit in [before, 301, 302, 1500]:
                sys.setrecursionlimit(limit)
                found.append(names["deepest"](names["down"]))
            found.append(raised(lambda: names["down"](3000)))
        finally:
            sys.setrecursionlimit(before)
        return found

    both(source, use, lambda names: names["down"](50), "down")


def test_a_small_stack_is_no_limit() -> None:
    names = namespace("def down(n):\n    if n == 0:\n        return 0\n    return down(n - 1) + 1\n", jitted=True)
    down = names["down"]
    for _ in range(100):
        down(50)
    assert typed_calls(down)
    outcomes: list[Any] = []

    def run() -> None:
        outcomes.append(down(40_000))
        sys.setrecursionlimit(2000)
        try:
            outcomes.append(down(10_000_000))
        except RecursionError as error:
            outcomes.append(len(frames_of(error)))
        outcomes.append(down(40))

    before = sys.getrecursionlimit(), threading.stack_size(256 * 1024)
    try:
        sys.setrecursionlimit(100_000)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(before[0])
        threading.stack_size(before[1])
    # The limit, without the frames of the thread itself.
    assert outcomes[0] == 40_000 and 1990 <= outcomes[1] < 2000 and outcomes[2] == 40


def test_exceptions_have_all_frames() -> None:
    source = """
        def inner(n, items):
            if n == 0:
                return 10 // items[0]
            return inner(n - 1, items) * 2

        def outer(n, items):
            try:
                return inner(n, items)
            except ZeroDivisionError:
                return "caught"

        def passes(n, items):
            total = 1
            for i in range(3):
                total += inner(n + i, items)
            return total
    """

    def use(names: dict[str, Any]) -> list[Any]:
        inner, outer, passes = names["inner"], names["outer"], names["passes"]
        return [
            raised(lambda: inner(7, [0])),
            raised(lambda: inner(7, [])),
            raised(lambda: inner(7, ["a"])),
            raised(lambda: passes(4, [0])),
            outer(9, [0]),
            passes(4, [3]),
        ]

    both(source, use, lambda names: (names["passes"](5, [1]), names["outer"](3, [2])), "inner")


def test_frames_are_there_for_who_looks() -> None:
    source = """
        import sys

        def look():
            frame, found = sys._getframe(1), []
            while frame is not None and frame.f_code.co_filename == "<program>":
                found.append((frame.f_code.co_name, frame.f_lineno, dict(frame.f_locals)))
                frame = frame.f_back
            return found

        def walk(n, x, deep):
            y = x * 2.0
            if n == 0:
                if deep:
                    seen.append(look())
                return 1
            before = n * n
            return (
                walk(n - 1, y, deep) +
                walk(n - 1, y + before, False)
            )

        seen = []
    """

    def use(names: dict[str, Any]) -> Any:
        del names["seen"][:]
        total = names["walk"](6, 1.5, True)
        return total, names["seen"]

    both(source, use, lambda names: names["walk"](5, 1.5, False), "walk")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_a_signal_handler_sees_true_frames() -> None:
    fast = namespace(
        """
        def count(n, depth):
            if n == 0:
                return 1
            left = count(n - 1, depth + 1)
            return left + count(n - 1, depth + 1)
        """,
        jitted=True,
    )
    for _ in range(60):
        fast["count"](6, 0)
    assert typed_calls(fast["count"])
    seen: list[int] = []

    def handler(number: int, frame: types.FrameType | None) -> None:
        chain = []
        while frame is not None:
            if frame.f_code.co_filename == "<program>":
                chain.append((frame.f_lineno, dict(frame.f_locals)))
            frame = frame.f_back
        chain.reverse()
        for depth, (line, variables) in enumerate(chain):
            assert variables["depth"] == depth
            assert variables["n"] == 16 - depth
            innermost = depth == len(chain) - 1
            # A frame that waits is at one of its calls, and has what the first one gave by the second.
            assert line in ((5, 6) if not innermost else (2, 3, 4, 5, 6))
            if line == 6:
                assert variables["left"] == 2 ** (variables["n"] - 1)
            elif line == 5:
                assert "left" not in variables
        seen.append(len(chain))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    try:
        end = time.monotonic() + 0.4
        while time.monotonic() < end or max(seen, default=0) < 3:
            assert fast["count"](16, 0) == 2**16
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert max(seen) > 3


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_a_signal_handler_may_raise() -> None:
    fast = namespace(FIB, jitted=True)
    for _ in range(60):
        fast["fib"](10)

    class Stop(Exception):
        pass

    def handler(number: int, frame: Any) -> None:
        raise Stop

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for _ in range(5):
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            with pytest.raises(Stop) as caught:
                fast["fib"](60)
            found = frames_of(caught.value)
            numbers = [variables["n"] for _, _, variables in found]
            assert numbers[0] == 60
            assert all(outer - inner in (1, 2) for outer, inner in zip(numbers, numbers[1:], strict=False))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert fast["fib"](15) == 610


def test_ints_grow_and_floats_turn_up() -> None:
    source = """
        def power(n, base):
            if n == 0:
                return 1
            return power(n - 1, base) * base

        def total(n, step):
            if n == 0:
                return 0
            return total(n - 1, step) + step

        def mixed(n):
            if n <= 0:
                return 0.5 if n < 0 else 1
            return mixed(n - 2) + n
    """

    def use(names: dict[str, Any]) -> list[Any]:
        power, total, mixed = names["power"], names["total"], names["mixed"]
        found = [power(n, 3) for n in range(0, 100, 7)]
        found += [power(n, 1.5) for n in range(0, 50, 7)]
        found += [power(50, -(2**40)), power(3, 10**30), power(5, True)]
        found += [total(20, 0.1), total(20, 2**61), total(5, 1), total(4, "") if False else total(3, 2**70)]
        found += [mixed(n) for n in range(20)]
        found.append(raised(lambda: total(3, "x")))
        found.append(raised(lambda: power(3, None)))
        return [repr(one) for one in found]

    warm = lambda names: (names["power"](9, 3), names["total"](10, 2), names["mixed"](8))  # noqa: E731
    for name in ["power", "total", "mixed"]:
        both(source, use, warm, name)


def test_callees_that_change() -> None:
    source = """
        def step(n, change):
            if n == 5:
                if change:
                    change()
            if n == 0:
                return 0
            return step(n - 1, change) + 1

        def other(n, change):
            return 1000
    """

    def use(names: dict[str, Any]) -> list[Any]:
        step, other = names["step"], names["other"]
        original = step.__code__

        def rebind() -> None:
            names["step"] = other

        def replace() -> None:
            step.__code__ = other.__code__

        def delete() -> None:
            del names["step"]

        found = [step(9, None), step(9, rebind)]
        names["step"] = step
        found += [step(9, None), step(9, replace), step(9, None)]
        step.__code__ = original
        found.append(step(9, None))
        found.append(raised(lambda: step(9, delete))[:2])
        names["step"] = step
        found.append(step(12, None))
        return found

    both(source, use, lambda names: names["step"](6, None), "step")


def test_defaults_keywords_and_stars() -> None:
    source = """
        def plain(a, b=2):
            if a <= 0:
                return b
            return plain(a - 1) + plain(a - 2, b + 1) + plain(a - 1, b=b)

        def starred(*args):
            if not args:
                return 0
            return starred(*args[1:]) + args[0]

        def run(n):
            return plain(n), starred(*range(n))
    """

    def use(names: dict[str, Any]) -> Any:
        found = [names["run"](n) for n in range(7)]
        names["plain"].__defaults__ = (50,)
        found += [names["run"](n) for n in range(7)]
        names["plain"].__defaults__ = (2,)
        return found

    both(source, use, lambda names: names["run"](5), None)


def test_mutual_recursion_and_methods() -> None:
    source = """
        def even(n):
            return True if n == 0 else odd(n - 1)

        def odd(n):
            return False if n == 0 else even(n - 1)

        def female(n):
            return 1 if n == 0 else n - male(female(n - 1))

        def male(n):
            return 0 if n == 0 else n - female(male(n - 1))

        class Counter:
            def __init__(self):
                self.count = 0

            def walk(self, n):
                if n == 0:
                    return 1
                return self.walk(n - 1) + self.walk(n - 1)

        counter = Counter()

        def run(n):
            return even(n), odd(n), female(n), male(n), counter.walk(n % 7)
    """
    use = lambda names: [names["run"](n) for n in range(25)]  # noqa: E731
    both(source, use, lambda names: names["run"](3), "even", rounds=400)


def test_generators_call() -> None:
    source = """
        def weight(n):
            if n < 2:
                return 1
            return weight(n - 1) + weight(n - 2)

        def numbers(n):
            for i in range(n):
                yield weight(i % 12) + i

        def run(n):
            return sum(numbers(n)), list(numbers(5))
    """
    both(source, lambda names: names["run"](300), lambda names: names["run"](150), "weight", rounds=10)


def test_references_are_as_before() -> None:
    source = """
        def total(items, low, high, bad):
            if high - low == 1:
                return items[low] // (0 if low == bad else 1)
            middle = (low + high) // 2
            return total(items, low, middle, bad) + total(items, middle, high, bad)

        def pick(rows, n):
            if n == 0:
                return rows[0]
            row = rows[n]
            return pick(rows, n - 1) if row else row

        def pairs(n, pair):
            if n == 0:
                return pair[0] + pair[1]
            return pairs(n - 1, (pair[1], pair[0] + 1))
    """

    def use(names: dict[str, Any]) -> list[Any]:
        items = list(range(1000, 1064))
        rows = [[i] for i in range(20)]
        rows[11].clear()
        watched = [items, rows, *rows]
        gc.collect()
        before = [sys.getrefcount(one) for one in watched]
        found: list[Any] = []
        for _ in range(50):
            found.append(names["total"](items, 0, 64, -1))
            found.append(raised(lambda: names["total"](items, 0, 64, 37))[:2])
            found.append(names["pick"](rows, 10))
            found.append(names["pick"](rows, 19))
            found.append(names["pairs"](9, (5, 2**40)))
        del _
        gc.collect()
        after = [sys.getrefcount(one) for one in watched]
        found = [repr(one) for one in found]
        gc.collect()
        return [found, [b - a for a, b in zip(before, after, strict=True)]]

    def warm(names: dict[str, Any]) -> Any:
        rows = [[1], [2], [3]]
        return names["total"](list(range(32)), 0, 32, -1), names["pick"](rows, 2), names["pairs"](6, (1, 2))

    both(source, use, warm, "total")


def test_finalizers_run_where_they_did() -> None:
    source = """
        log = []

        class Noisy:
            def __init__(self, name):
                self.name = name

            def __del__(self):
                log.append(self.name)

        def last(boxes, n):
            box = boxes[n]
            if n == 0:
                boxes[0] = None
                return 1
            boxes[n] = None
            return last(boxes, n - 1) + 1

        def run(n, noisy):
            del log[:]
            boxes = [Noisy(i) if noisy else i for i in range(n)]
            log.append(last(boxes, n - 1))
            return list(log)
    """
    both(
        source,
        lambda names: [names["run"](n, noisy) for n in range(1, 12) for noisy in (False, True)],
        lambda names: names["run"](8, False),
        "last",
    )


def test_threads_take_turns() -> None:
    fast = namespace(FIB, jitted=True)
    for _ in range(60):
        fast["fib"](12)
    assert typed_calls(fast["fib"])
    results: list[int] = []

    def run() -> None:
        results.extend(fast["fib"](n) for n in range(14, 22))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    plain = namespace(FIB, jitted=False)
    assert results.count(plain["fib"](21)) == 4
    assert sorted(results) == sorted([plain["fib"](n) for n in range(14, 22)] * 4)


def test_calls_that_are_not_typed() -> None:
    source = """
        def tree(n):
            if n == 0:
                return None
            return [tree(n - 1), str(n), tree(n - 1)]

        def size(tree):
            if tree is None:
                return 0
            return size(tree[0]) + len(tree[1]) + size(tree[2])

        def run(n):
            made = tree(n)
            return size(made), made
    """
    both(source, lambda names: [names["run"](n) for n in range(9)], lambda names: names["run"](6), None)


def test_tracing_begins_in_the_middle() -> None:
    source = """
        def walk(n, begin):
            if n == 4:
                if begin is not None:
                    begin()
            if n == 0:
                return 0
            return walk(n - 1, begin) + 1
    """

    def use(names: dict[str, Any]) -> Any:
        events: list[Any] = []

        def profile(frame: types.FrameType, event: str, argument: Any) -> None:
            if frame.f_code.co_filename == "<program>":
                events.append((event, frame.f_lineno, frame.f_locals["n"]))

        result = names["walk"](9, lambda: sys.setprofile(profile))
        sys.setprofile(None)
        return result, events

    both(source, use, lambda names: names["walk"](10, None), "walk")


def test_tracebacks_print_alike() -> None:
    source = """
        def inner(a, b):
            return a // b

        def outer(n, b):
            if n == 0:
                return inner(5, b)
            return outer(n - 1, b)
    """

    def use(names: dict[str, Any]) -> str:
        try:
            names["outer"](4, 0)
        except ZeroDivisionError as error:
            return "".join(traceback.format_tb(error.__traceback__)[1:])
        return "nothing was raised"

    both(source, use, lambda names: names["outer"](6, 1), "outer")


DIRECT = """
    def make():
        scale = 1

        def leaf(a, b):
            if b == 13:
                raise ValueError(a)
            return [a, b * scale]

        return leaf

    leaf = make()

    def loop(n, first):
        found = []
        for i in range(n):
            found.append(leaf(first, i % 13))
            x = leaf(i, first)
        return found, x

    def nest(n, box):
        made = [box, n]
        if n == 0:
            return made
        return nest(n - 1, made)

    def failing(n):
        total = 0
        for i in range(n):
            total += len(leaf(total, i))
        return total

    class Thing:
        def both(self, other):
            return [self, leaf(self, 1)[0], other]

    def methods(n, thing):
        return [thing.both(i) for i in range(n)][-1][2]
"""


def test_direct_calls() -> None:
    def use(names: dict[str, Any]) -> list[Any]:
        found: list[Any] = [names["loop"](30, "x"), names["loop"](40, 2.5)]
        found.append(raised(lambda: names["failing"](20)))
        made, depth = names["nest"](900, None), 0
        while made is not None:
            made, depth = made[0], depth + 1
        found += [depth, names["methods"](9, names["Thing"]())]
        leaf = names["leaf"]
        names["leaf"] = lambda a, b: [b]
        found.append(names["loop"](5, 1))
        names["leaf"] = leaf
        original = leaf.__code__
        leaf.__code__ = original.replace(co_consts=tuple(14 if one == 13 else one for one in original.co_consts))
        found += [names["loop"](5, 1), names["failing"](14)]
        leaf.__code__ = original
        found.append(names["loop"](5, 1))
        found.append(raised(lambda: names["nest"](5000, None))[:2])
        return found

    def warm(names: dict[str, Any]) -> Any:
        thing = names["Thing"]()
        return names["loop"](20, 1), repr(names["nest"](30, 0)), names["failing"](10), names["methods"](5, thing)

    both(DIRECT, use, warm, None)


def test_direct_calls_count_references() -> None:
    names = namespace(DIRECT, jitted=True)
    for _ in range(60):
        names["loop"](20, 1)
        names["nest"](30, 0)
        names["failing"](10)
    # Functions are also held by the versions that call them.
    watched = ["an object", 2.5]

    def counts() -> list[int]:
        gc.collect()
        return [sys.getrefcount(one) for one in watched]

    def use() -> None:
        for one in watched:
            names["loop"](30, one)
            names["nest"](200, one)
        raised(lambda: names["failing"](30))

    use()
    before = counts()
    for _ in range(20):
        use()
    assert counts() == before


def test_the_recursion_limit_of_direct_calls() -> None:
    source = """
        def down(n, box):
            made = [box]
            if n == 0:
                return 0
            return down(n - 1, made) + 1

        def deepest():
            n = 1
            while True:
                try:
                    down(n, None)
                except RecursionError:
                    return n
                n += 1
    """
    both(source, lambda names: names["deepest"](), lambda names: names["down"](30, None), None)
