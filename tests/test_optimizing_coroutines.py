"""Coroutines in optimized code: those that are awaited where they are called are not made, and nobody can tell.

Each program defines a coroutine function ``main``, which is driven as it is and optimized; both have to say the same.
"""

import gc
import inspect
import subprocess
import sys
import textwrap
import threading
import traceback
import types
import warnings
from collections.abc import Iterator
from typing import Any

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import optimizing_and_leaving as optimizing_and_leaving

# Every program has these: what is awaited suspends with a value, and gives what was sent.
AWAITABLE = """
class Later:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        got = yield self.value
        return (self.value, got)


async def add(a, b):
    return a + b
"""


def program(source: str, jitted: bool) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "program", "sys": sys, "gc": gc, "events": []}
    exec(compile(AWAITABLE + textwrap.dedent(source), "<program>", "exec"), names)
    if jitted:
        for value in list(names.values()):
            if isinstance(value, types.FunctionType):
                justjit.jit(value)
    return names


def own_frames(error: BaseException) -> list[tuple[str, int | None, list[str]]]:
    found = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == "<program>":
            found.append((frame.f_code.co_name, line, sorted(frame.f_locals)))
    return found


def driven(coroutine: Any, steps: int = 100) -> Any:
    """What a coroutine yields, and how it ends."""
    yielded: list[Any] = []
    try:
        for step in range(steps):
            yielded.append(coroutine.send(step if step else None))
    except StopIteration as end:
        return repr(yielded), "returned", repr(end.value)
    except Exception as error:
        chain: list[Any] = []
        at: BaseException | None = error
        while at is not None:
            chain.append((type(at).__name__, str(at), own_frames(at)))
            at = at.__cause__ or at.__context__
        return repr(yielded), "raised", chain
    coroutine.close()
    return repr(yielded), "goes on"


def made(names: dict[str, Any], *arguments: Any) -> Any:
    return names["main"](*arguments)


def warm(source: str, usual: list[Any], awaited: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """The program as it is and optimized, ``main`` driven with the usual arguments. With ``awaited``, the optimized code must
    have a coroutine that is not made."""
    plain = program(source, jitted=False)
    fast = program(source, jitted=True)
    for _ in range(40):
        assert driven(made(fast, *usual)) == driven(made(plain, *usual))
    if awaited:
        assert " await " in justjit.dump(fast["main"], "ir:build"), justjit.explain(fast["main"])
    forms = _core.function_stats(fast["main"])["forms"]
    assert any(form["tier"] == "optimizing" for form in forms), justjit.explain(fast["main"])
    return plain, fast


def both(source: str, usual: list[Any], *edges: list[Any], awaited: bool = True) -> None:
    plain, fast = warm(source, usual, awaited)
    for _ in range(3):
        for edge in [*edges, usual]:
            expected = driven(made(plain, *edge))
            assert driven(made(fast, *edge)) == expected
            assert fast["events"] == plain["events"]


RECURSIVE = """
    async def main(n):
        if n <= 1:
            return n
        return await main(n - 1) + await main(n - 2)
"""


def test_a_recursion_is_called_with_numbers() -> None:
    both(RECURSIVE, [9], [0], [True], [2.5], [-3], ["x"], [12])


def test_an_inlined_coroutine() -> None:
    source = """
        async def main(n, start):
            total = start
            for i in range(n):
                total = await add(total, i)
            return total
    """
    both(source, [9, 0], [3, 2**63 - 2], [3, 1.5], [3, "s"], [0, None], [1, None])


def test_returns_on_several_paths() -> None:
    source = """
        async def which(n):
            if n % 3 == 0:
                return n
            if n % 3 == 1:
                return None
            return (n, -n)

        async def main(n):
            found = []
            for i in range(n):
                found.append(await which(i))
            return found
    """
    both(source, [9], [1], [0], [20])


def test_keywords_and_defaults() -> None:
    source = """
        async def part(a, b=2, *, c=3):
            return a * 100 + b * 10 + c

        async def main(n):
            part.__defaults__ = (n,)
            return await part(n), await part(n, 5), await part(n, c=n), await part(b=1, a=n)
    """
    both(source, [4], [7], [1.5], awaited=False)


def test_an_exception_goes_through_all_coroutines() -> None:
    source = """
        async def inner(n, bad):
            if n == 0:
                return 10 // bad
            return 1 + await inner(n - 1, bad)

        async def main(n, bad):
            try:
                return await inner(n, bad)
            except ZeroDivisionError as error:
                events.append(error.__traceback__.tb_next.tb_frame.f_code.co_name)
                raise KeyError(n) from error
            finally:
                events.append(n)
    """
    both(source, [4, 2], [4, 0], [0, 0], [3, "s"])


def test_stop_iteration_becomes_runtime_error() -> None:
    source = """
        async def stops(n):
            if n > 5:
                raise StopIteration(n)
            return n

        async def main(n):
            return await stops(n)
    """
    both(source, [3], [9], [6])


def test_it_is_suspended_after_all() -> None:
    source = """
        async def inner(n, wait):
            if n == 0:
                if wait:
                    return await Later("w")
                return n
            return (n, await inner(n - 1, wait))

        async def main(n, wait):
            first = await inner(n, wait)
            second = await inner(n + 1, wait)
            return first, second
    """
    both(source, [3, False], [3, True], [0, True], [5, True])


def test_what_is_thrown_into_a_suspended_one() -> None:
    source = """
        async def main(n):
            try:
                x = await add(n, 1)
                y = await Later(x)
                return await add(x, 2), y
            except KeyError as error:
                return "caught", error.args, x
            finally:
                events.append("finally")
    """
    plain, fast = warm(source, [1])
    results = []
    for names in (plain, fast):
        names["events"].clear()
        found: list[Any] = []
        coroutine = made(names, 5)
        found.append(coroutine.send(None))
        found.append(
            (inspect.getcoroutinestate(coroutine), dict(coroutine.cr_frame.f_locals), coroutine.cr_frame.f_lineno)
        )
        found.append(type(coroutine.cr_await).__name__)
        with pytest.raises(StopIteration) as end:
            coroutine.throw(KeyError(3))
        found.append(end.value.value)
        closed = made(names, 6)
        closed.send(None)
        closed.close()
        found.append(inspect.getcoroutinestate(closed))
        dropped = made(names, 7)
        dropped.send(None)
        del dropped
        gc.collect()
        found.append(list(names["events"]))
        finished = made(names, 8)
        driven(finished)
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            finished.send(None)
        results.append(found)
    assert results[0] == results[1]


def test_what_is_handled_while_it_waits() -> None:
    source = """
        async def handled():
            before = sys.exc_info()[0]
            await Later(1)
            return before, sys.exc_info()[0]

        async def main(fails):
            try:
                return [][fails]
            except IndexError:
                return await handled()
    """
    plain, fast = warm(source, [3], awaited=False)
    for names in (plain, fast):
        try:
            raise KeyError
        except KeyError:
            assert driven(made(names, 2))[2] == repr((IndexError, IndexError))
        assert driven(made(names, 2))[2] == repr((IndexError, IndexError))


def test_frames_are_there_for_who_looks() -> None:
    source = """
        def look():
            frame, found = sys._getframe(1), []
            while frame is not None and frame.f_code.co_filename == "<program>":
                found.append((frame.f_code.co_name, frame.f_lineno, dict(frame.f_locals)))
                frame = frame.f_back
            return found

        async def inner(n, wanted):
            if n == 0:
                return look() if wanted else None
            return await inner(n - 1, wanted)

        async def main(n, wanted):
            return await inner(n, wanted)
    """
    both(source, [3, False], [3, True], [0, True])


def test_the_recursion_limit() -> None:
    source = """
        async def deep(n):
            if n == 0:
                return 0
            return 1 + await deep(n - 1)

        async def main(n):
            try:
                return await deep(n)
            except RecursionError:
                return "too deep"
    """
    both(source, [5], [300], [100_000], [0])


def test_origins_are_tracked() -> None:
    source = """
        async def inner(n):
            if n:
                return await Later(n)
            return n

        async def main(n):
            return await inner(n)
    """
    plain, fast = warm(source, [0])
    origins = []
    sys.set_coroutine_origin_tracking_depth(2)
    try:
        for names in (plain, fast):
            coroutine = made(names, 4)
            assert coroutine.send(None) == 4
            origins.append(coroutine.cr_await.cr_origin[0][2])
            coroutine.close()
    finally:
        sys.set_coroutine_origin_tracking_depth(0)
    assert origins == ["main", "main"]


def test_another_function_takes_the_name() -> None:
    source = """
        async def part(n):
            return n + 1

        async def other(n):
            return -n

        async def main(n, change):
            global part
            found = await part(n)
            if change:
                part = other
            return found, await part(n)
    """
    plain, fast = warm(source, [3, False])
    for arguments in ([3, False], [4, True], [5, False]):
        assert driven(made(fast, *arguments)) == driven(made(plain, *arguments))


def test_tracing_begins_in_the_middle() -> None:
    source = """
        async def begin(on):
            if on:
                sys.settrace(tracer)
            return 3

        async def main(on):
            a = await begin(on)
            b = await add(a, 1)
            c = await Later(b)
            return a, b, c
    """
    plain, fast = warm(source, [False])
    seen = []
    for names in (plain, fast):
        events: list[Any] = []

        def tracer(frame: types.FrameType, event: str, _: object, events: list[Any] = events) -> Any:
            if frame.f_code.co_filename == "<program>":
                events.append((frame.f_code.co_name, event, frame.f_lineno))
            return names["tracer"]  # noqa: B023 - called at once

        names["tracer"] = tracer
        before = sys.gettrace()
        try:
            result = driven(made(names, True))
        finally:
            sys.settrace(before)
        seen.append((result, events))
    assert seen[0] == seen[1]


def test_locals_that_end_when_it_returns() -> None:
    source = """
        class Ends:
            def __init__(self, name):
                self.name = name

            def __del__(self):
                events.append(("end", self.name))

        async def part(n):
            kept = Ends(n)
            events.append(("runs", n))
            return n

        async def main(n):
            mine = Ends("mine")
            found = await part(n)
            events.append("behind")
            await Later(found)
            return found
    """
    both(source, [3], [4], awaited=False)


def test_references_come_out_even() -> None:
    plain, fast = warm(
        """
        async def inner(box, n):
            if n == 0:
                return box
            return await inner(box, n - 1)

        async def main(box, wait):
            found = await inner(box, 3)
            if wait:
                await Later(found)
            return found
    """,
        [[], False],
    )
    for names in (plain, fast):
        box: list[Any] = []
        before = sys.getrefcount(box)
        for wait in (False, True) * 20:
            driven(made(names, box, wait))
        assert sys.getrefcount(box) == before


def test_a_coroutine_that_nobody_awaits_warns() -> None:
    source = """
        async def main(n):
            add(n, 1)
            return await add(n, 2)
    """
    plain, fast = program(source, jitted=False), program(source, jitted=True)
    for names in (plain, fast):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(40):
                driven(made(names, 1))
        assert [str(one.message) for one in caught] == ["coroutine 'add' was never awaited"] * 40


def test_closures_and_cells() -> None:
    source = """
        def maker(k):
            async def step(n):
                nonlocal k
                k = await add(k, n)
                seen = [k]
                async def inner():
                    seen.append(k)
                    return seen
                return await inner()
            return step

        step = maker(0)

        async def main(n):
            return await step(n), await step(n + 1)
    """
    both(source, [1], [2], [0.5], awaited=False)


def test_many_threads() -> None:
    plain, fast = warm(RECURSIVE, [9])
    results: list[Any] = []

    def work() -> None:
        results.extend(driven(made(fast, 13)) for _ in range(30))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [driven(made(plain, 13))] * 120


def test_resumed_by_asyncio() -> None:
    source = """
        import asyncio

        async def leaf(n):
            if n % 3 == 0:
                await asyncio.sleep(0)
            return await add(n, 1)

        async def branch(n):
            if n == 0:
                return await leaf(n)
            return sum(await asyncio.gather(*[branch(n - 1), branch(n - 1), leaf(n)]))

        def main(n):
            return asyncio.run(branch(n))
    """
    plain, fast = program(source, jitted=False), program(source, jitted=True)
    for _ in range(8):
        assert made(fast, 4) == made(plain, 4)


def test_the_same_coroutine_is_resumed_by_itself() -> None:
    source = """
        async def main(n, again):
            a = await add(n, 1)
            if again:
                try:
                    me.send(None)
                except ValueError as error:
                    return str(error)
            return a
    """
    plain, fast = warm(source, [1, False])
    for names in (plain, fast):
        names["me"] = made(names, 1, True)
        assert driven(names["me"])[2] == repr("coroutine already executing")


def test_somebody_has_the_frame_before_it_begins() -> None:
    source = """
        async def main(n):
            x = await add(n, 1)
            y = look()
            return x, y
    """
    plain, fast = program(source, jitted=False), program(source, jitted=True)
    for names in (plain, fast):
        frames: list[Any] = [None]
        names["look"] = lambda frames=frames: dict(frames[0].f_locals) if frames[0] is not None else None
        for _ in range(40):
            driven(made(names, 1))
        coroutine = made(names, 1)
        frames[0] = coroutine.cr_frame
        assert driven(coroutine)[2] == repr((2, {"n": 1, "x": 2}))


def test_the_first_optimized_version_is_made_by_a_call() -> None:
    """Making it imports a module, which runs Python code where the call's arguments lie in wait."""
    source = """
        import justjit
        justjit.config(tier="optimizing", background=False)

        async def main(n):
            if n <= 1:
                return n
            return await main(n - 1) + await main(n - 2)

        justjit.jit(main)
        for _ in range(5):
            try:
                main(9).send(None)
            except StopIteration as end:
                assert end.value == 34, end.value
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(source)], check=True, timeout=60)
