"""Asynchronous generators: what goes in and comes out, and their awaitables in right and in wrong states."""

import asyncio
import collections.abc
import inspect
import types

from tests.cases import finish, finish_async, outcome, over, plain_async_list, plain_await, steps


@types.coroutine
def pause(value):
    return (yield value)


async def collect(iterable):
    return [x async for x in iterable]


@over((0,), (1,), (4,))
def case_counts(n):
    async def g(n):
        for i in range(n):
            yield i

    return finish_async(g(n)), finish(collect(g(n))), finish(plain_async_list(g(n))), finish(plain_async_list(g(n), 2))


def case_yields_and_awaits():
    async def g():
        a = yield 1
        b = await pause("waits")
        c = yield a, b
        await pause(c)
        yield "end"

    h = g()
    return finish(h.asend(None)), finish(h.asend("A"), "B"), finish(h.asend("C"), "ignored"), finish(h.asend(None)), finish(h.asend(None))


def case_yield_in_expressions():
    async def g(x):
        y = [x, (yield 1), *(yield 2), {await pause("key"): (yield 3)}, f"{(yield 4)!r}", (yield) or (yield 5)]
        yield y

    h = g("x")
    answers = iter((None, "a", "bc", "v", 1.5, 0, "last"))
    return [finish(h.asend(value), "awaited") for value in answers]


def case_no_yields():
    async def g():
        return
        yield

    async def only_awaits():
        await pause(1)
        return
        yield

    return finish_async(g()), finish(collect(only_awaits()))


def case_asend_before_start():
    async def g():
        yield (yield 1)

    h = g()
    return finish(h.asend("early")), finish(h.asend(None)), finish(h.asend("x")), finish(h.asend("y")), finish(h.asend("z"))


@over((ValueError("v"),), (KeyError("k"),), (StopIteration(1),), (StopAsyncIteration(2),), (GeneratorExit(),), (asyncio.CancelledError(),))
def case_athrow_at_each_point(error):
    async def g():
        try:
            yield 1
            await pause("between")
            yield 2
        except ValueError as e:
            log.append(("caught", e.args))
            await pause("in handler")
            yield "handled"
        finally:
            log.append("finally")
        yield 3

    def fresh():
        return type(error)(*error.args)

    found, log = [], []
    for n in range(5):
        h = g()
        for _ in range(n):
            finish(h.__anext__())
        found.append((finish(h.athrow(fresh())), finish_async(h)))
    h = g()
    finish(h.__anext__())
    waiting = h.__anext__()
    found.append((waiting.send(None), outcome(waiting.throw, fresh()), finish_async(h)))
    return found, log


def case_athrow_forms():
    async def g():
        while True:
            try:
                yield "ready"
            except Exception as error:
                yield type(error).__name__, error.args

    found = []
    for arguments in ((ValueError,), (ValueError("v"),), (ValueError, "v"), (ValueError, "v", None), (5,), (), ("text", 1)):
        h = g()
        finish(h.__anext__())
        made = outcome(h.athrow, *arguments)
        found.append(finish(made) if hasattr(made, "send") else made)
    return found


def case_aclose_at_each_point():
    async def g():
        try:
            yield 1
            yield 2
        finally:
            log.append("finally")
            await pause("cleaning")
            log.append("clean")

    found, log = [], []
    for n in range(4):
        h = g()
        for _ in range(n):
            finish(h.__anext__())
        found.append((finish(h.aclose()), finish(h.aclose()), finish(h.__anext__())))
    return found, log


def case_aclose_that_goes_wrong():
    async def ignores():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    async def raises():
        try:
            yield 1
        finally:
            raise KeyError("k")

    async def swallows():
        try:
            yield 1
        except GeneratorExit:
            return

    async def stops():
        try:
            yield 1
        except GeneratorExit:
            raise StopAsyncIteration

    found = []
    for make in (ignores, raises, swallows, stops):
        h = make()
        finish(h.__anext__())
        found.append((finish(h.aclose()), finish(h.aclose()), finish_async(h)))
    return found


def case_stop_iterations_inside():
    async def one():
        yield 1
        raise StopIteration(5)

    async def two():
        yield 1
        raise StopAsyncIteration(6)

    async def by_next():
        yield 1
        next(iter(()))

    async def by_anext():
        yield 1
        await anext(one_item)
        await anext(one_item)

    async def items():
        yield "item"

    one_item = items()
    return [finish_async(g()) for g in (one, two, by_next, by_anext)]


def case_awaitables_reused():
    async def g():
        yield 1
        yield 2

    h = g()
    a = h.__anext__()
    first = finish(a)
    return (
        first,
        steps(a, "next", ("x",), KeyError("k"), "close"),
        [type(x).__name__ for x in (a, h.asend(1), h.athrow(KeyError), h.aclose())],
        steps(h.athrow(ValueError("v")), "close", "next"),
        steps(h.aclose(), "close", "next"),
        finish(h.__anext__()),
    )


def case_awaitable_protocols():
    async def g():
        yield 1

    h = g()
    a, t, c = h.asend(None), h.athrow(KeyError("k")), h.aclose()
    found = []
    for x in (a, t, c):
        found.append((x.__await__() is x, iter(x) is x, inspect.isawaitable(x), isinstance(x, collections.abc.Awaitable), sorted(n for n in dir(x) if n[0] != "_")))
    for x in (a, t, c):
        x.close()
    return found, finish(h.__anext__())


def case_two_at_once():
    async def g():
        yield await pause(1)
        yield 2

    h = g()
    a, b = h.__anext__(), h.__anext__()
    first = a.send(None)
    return first, outcome(b.send, None), outcome(h.aclose().send, None), outcome(h.athrow(KeyError).send, None), outcome(a.send, "x"), finish(h.__anext__()), outcome(b.send, None)


def case_anext_awaitable_dropped_midway():
    async def g():
        try:
            yield await pause(1)
        finally:
            log.append("finally")

    log = []
    h = g()
    a = h.__anext__()
    a.send(None)
    del a
    found = h.ag_running, outcome(h.__anext__().send, None)
    del h
    return found, log


def case_throw_and_close_of_awaitables():
    async def g():
        try:
            yield 1
            await pause("p")
        except KeyError as error:
            log.append(error.args)
            yield 2
        yield 3

    log, found = [], []
    h = g()
    finish(h.__anext__())
    a = h.__anext__()
    found += [a.send(None), outcome(a.throw, KeyError("into the await")), finish_async(h)]
    h = g()
    a = h.__anext__()
    found += [outcome(a.throw, KeyError("not started")), finish_async(h)]
    h = g()
    finish(h.__anext__())
    a = h.__anext__()
    found += [a.send(None), outcome(a.close), h.ag_running, finish_async(h)]
    return found, log


def case_reentry():
    async def g():
        found.append(outcome(h.__anext__().send, None))
        yield 1
        try:
            await h.__anext__()
        except RuntimeError as error:
            yield str(error)

    found = []
    h = g()
    return finish_async(h), found


def case_asynchronous_comprehensions():
    async def g(n):
        for i in range(n):
            await pause(("g", i))
            yield i

    async def f():
        a = [x async for x in g(2)]
        b = {x: await pause(("value", x)) async for x in g(2) if await pause(("cond", x))}
        c = {y async for x in g(2) for y in (x, x * 10)}
        d = [(x, y) for x in range(2) async for y in g(2)]
        e = [[y async for y in g(x)] async for x in g(2)]
        return a, b, sorted(c), d, e

    return finish(f(), *["t"] * 40)


def case_asynchronous_generator_expressions():
    async def g(n):
        for i in range(n):
            yield i

    async def f():
        a = (x * 2 async for x in g(3))
        b = (x async for x in a if x)
        c = (await pause(x) for x in range(2))
        kinds = [type(x).__name__ for x in (a, b, c)]
        return kinds, [x async for x in b], [x async for x in c], a.__name__, a.__qualname__

    return finish(f(), "first", "second")


def case_nested_delegation():
    async def leaf(n):
        try:
            for i in range(n):
                yield i
        finally:
            log.append(("leaf", n))

    async def tree(n):
        async for x in leaf(n):
            yield x
            if n > 1:
                async for y in tree(n - 1):
                    yield n, y

    log = []
    return finish_async(tree(3)), log


def case_left_early():
    async def g():
        try:
            for i in range(5):
                yield i
        finally:
            log.append("finally")

    async def f():
        h = g()
        async for x in h:
            if x == 2:
                break
        log.append("left")
        await h.aclose()
        log.append("closed")
        async for x in h:
            log.append("never")
        async for x in g():
            return x

    log = []
    return finish(f()), log


def case_hot():
    async def numbers(n):
        total = 0
        for i in range(n):
            total += i
            yield total
            if i % 100 == 0:
                await pause(i)

    async def squares(source):
        async for x in source:
            yield x * 0.5

    async def f(n):
        total = 0
        async for x in squares(numbers(n)):
            total += x
        return total + sum([x async for x in numbers(n)])

    return finish(f(400)), finish(plain_async_list(squares(numbers(300))))[2][-1]


def case_resumes_of_all_kinds_in_turn():
    async def g():
        total, i = 0, 0
        while i < 500:
            i += 1
            try:
                got = yield i, total
                total += got or await pause("wait")
            except KeyError as error:
                total += error.args[0]

    h = g()
    found = [finish(h.__anext__(), 1)]
    for k in range(300):
        match k % 6:
            case 0:
                found.append(finish(h.asend(k or None), 2))
            case 1:
                found.append(finish(plain_await(h.__anext__()), 3))
            case 2:
                found.append(finish(h.athrow(KeyError(1000)), 4))
            case 3:
                found.append(finish(plain_async_list(h, 2), 5, 6))
            case 4:
                a = h.__anext__()
                found.append((a.send(None), outcome(a.throw, KeyError(5000))))
            case _:
                found.append(finish(anext(h), 7))
    return found[:9], found[-4:]


def case_traceback():
    async def inner():
        yield 1
        {}["missing"]

    async def outer():
        async for x in inner():
            yield x

    async def f():
        return [x async for x in outer()]

    f().send(None)
