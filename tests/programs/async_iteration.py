"""``async for`` over asynchronous generators: what is seen of the generator and of the loop at each moment, and interference."""

import asyncio
import inspect
import sys
import types

from tests.cases import act, chain, finish, finish_async, outcome, over, plain_async_list, plain_await, steps, trail


@types.coroutine
def pause(value):
    return (yield value)


def state(g):
    return g.ag_running, g.ag_suspended, type(g.ag_await).__name__, inspect.getasyncgenstate(g)


def case_states_during_a_loop():
    async def g():
        found.append(("first", state(h)))
        yield 1
        await pause("inside")
        found.append(("second", state(h)))
        yield 2

    async def f():
        async for x in h:
            found.append(("body", x, state(h)))
            await pause("body")

    found = []
    h = g()
    c = f()
    for _ in range(4):
        found.append((outcome(c.send, None), state(h), type(c.cr_await).__name__, h.ag_frame and h.ag_frame.f_lineno - h.ag_code.co_firstlineno))
    return found


def case_what_a_waiting_loop_waits_for():
    async def inner():
        for i in range(2):
            await pause(("inner", i))
            yield i

    async def outer():
        async for x in inner():
            yield x

    async def f():
        async for x in outer():
            pass

    c = f()
    found = []
    for _ in range(2):
        found.append(c.send(None))
        waits = c.cr_await
        found.append((type(waits).__name__, hasattr(waits, "send"), [name for name in dir(waits) if name[0] != "_"]))
    return found, outcome(waits.send, None), outcome(waits.close), outcome(c.send, None)


@over((0,), (1,), (2,), (3,))
def case_thrown_while_the_loop_waits(point):
    async def g():
        try:
            yield 1
            await pause("one")
            yield 2
            try:
                await pause("two")
            except KeyError as error:
                log.append(("inner", error.args))
                yield "caught"
            yield 3
        finally:
            log.append("finally")

    async def f():
        try:
            async for x in h:
                log.append(x)
                await pause("body")
        except ValueError as error:
            log.append(("outer", error.args, trail(error)))
        return "end"

    log, found = [], []
    for number in range(4):
        h, c = g(), f()
        for _ in range(point + 1):
            outcome(c.send, None)
        action = (KeyError("k"), ValueError("v"), "close", StopAsyncIteration("s"))[number]
        found.append((act(c, action), outcome(c.send, None), state(h), finish_async(h)))
    return found, log


def case_used_by_somebody_else_meanwhile():
    async def g():
        for i in range(6):
            await pause(("waits", i))
            yield i

    async def f():
        async for x in h:
            log.append(("loop", x))
            log.append(("body", finish(h.__anext__())))

    log = []
    h, c = g(), f()
    found = [c.send(None)]
    for make in (h.__anext__, lambda: h.asend(1), h.aclose, lambda: h.athrow(KeyError("k"))):
        a = make()
        found.append(outcome(a.send, None))
        a.close()
    found += [outcome(c.send, None) for _ in range(4)]
    return found, log, state(h)


def case_closed_in_the_body():
    async def g():
        try:
            for i in range(5):
                yield i
        finally:
            log.append("closed")

    async def f(how):
        h = g()
        async for x in h:
            log.append(x)
            if x == 1:
                if how == "aclose":
                    await h.aclose()
                elif how == "athrow":
                    log.append(outcome(lambda: finish(h.athrow(KeyError("k")))))
                elif how == "exhaust":
                    log.append([y async for y in h])
                else:
                    log.append([await anext(h), await h.asend("x")])
        return "end"

    log = []
    return [finish(f(how)) for how in ("aclose", "athrow", "exhaust", "next")], log


def case_two_loops_over_one():
    async def g():
        for i in range(8):
            await pause(i)
            yield i

    async def f(name):
        async for x in h:
            log.append((name, x))
            await pause(name)

    log = []
    h = g()
    a, b = f("a"), f("b")
    return [outcome(x.send, None) for x in (a, a, b, b, a, b, a, a, b)], log


def case_loop_dropped_while_it_waits():
    async def g(name):
        try:
            await pause(name)
            yield 1
        finally:
            log.append(("finally", name, chain(sys.exception())))

    async def f(h):
        async for x in h:
            pass

    log = []
    c = f(g("temporary"))
    c.send(None)
    del c
    kept = g("kept")
    c = f(kept)
    c.send(None)
    c.close()
    return log, state(kept), finish_async(kept)


def case_hooks_see_loops():
    async def g(name):
        try:
            yield name
            yield 2
        finally:
            log.append(("finally", name))

    async def f():
        async for x in g("a"):
            break
        h = g("b")
        async for x in h:
            log.append(x)
        async for x in h:
            log.append("never")
        return [x async for x in g("c")]

    log = []
    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=lambda h: log.append(("first", h.__name__)), finalizer=lambda h: log.append(("finalizer", finish(h.aclose()))))
    try:
        return finish(f()), log
    finally:
        sys.set_asyncgen_hooks(*before)


def case_yields_odd_values():
    async def g():
        for x in (None, StopIteration(1), StopAsyncIteration, (), (1, 2), h, KeyError("value")):
            yield x
        yield (yield await pause(5))

    async def f():
        return [(type(x).__name__, x is h) async for x in h]

    h = g()
    return finish(f(), "sent"), finish_async(h)


def case_generator_in_a_generator_in_a_loop():
    async def leaf(n):
        for i in range(n):
            if i % 3 == 2:
                await pause(("leaf", i))
            yield i

    async def tree(n):
        if n:
            async for x in leaf(n):
                yield n, x
                async for y in tree(n - 1):
                    yield y
        else:
            yield await pause("bottom")

    async def f():
        return [x async for x in tree(3)]

    return finish(f(), *range(12)), finish(plain_async_list(tree(2)), "b"), finish(plain_await(f()))[2][-2:]


def case_awaits_another_generators_next():
    async def source():
        for i in range(6):
            yield i * 10
            await pause(i)

    async def pairs(h):
        while True:
            try:
                yield await anext(h), await h.__anext__()
            except StopAsyncIteration:
                return

    async def f():
        h = source()
        return [x async for x in pairs(h)], [x async for x in h]

    return finish(f())


def case_exceptions_through_loops():
    async def g(kind):
        try:
            raise IndexError("handled inside")
        except IndexError:
            yield chain(sys.exception())
            await pause(1)
            raise kind("from the generator")

    async def f(kind):
        try:
            raise KeyError("outside")
        except KeyError:
            async for x in g(kind):
                log.append((x, chain(sys.exception())))
        log.append("after")

    log = []
    return [finish(f(kind)) for kind in (ValueError, StopIteration, StopAsyncIteration, GeneratorExit, asyncio.CancelledError)], log


def case_hot_loops_that_wait_now_and_then():
    async def g(n):
        total = 0
        for i in range(n):
            if i % 50 == 49:
                total += await pause(i) or 0
            got = yield total + i
            total += got or 0

    async def f(n):
        total = 0
        async for x in g(n):
            total += x
            try:
                if x % 100 == 3:
                    raise KeyError(x)
            except KeyError:
                total -= await pause("body") or 1
        return total, sum([x async for x in g(n // 2)])

    return finish(f(500), *range(40))[1:], finish(plain_async_list(g(300)), *range(5))[2][-3:]
