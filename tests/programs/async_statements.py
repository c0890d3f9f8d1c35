"""``async with`` and ``async for``: all that goes right and wrong in them."""

import sys
import types

from tests.cases import chain, finish, outcome, over, plain_async_list, steps, trail


@types.coroutine
def pause(value):
    return (yield value)


class Manager:
    def __init__(self, log, name="m", swallow=False):
        self.log, self.name, self.swallow = log, name, swallow

    async def __aenter__(self):
        self.log.append(("enter", self.name, await pause(("enter", self.name))))
        return self.name

    async def __aexit__(self, kind, error, tb):
        self.log.append(("exit", self.name, kind and kind.__name__, chain(sys.exception()), tb is not None))
        await pause(("exit", self.name))
        return self.swallow


class Items:
    """An asynchronous iterator that waits before each item."""

    def __init__(self, *items):
        self.items = iter(items)

    def __aiter__(self):
        return self

    async def __anext__(self):
        await pause("next")
        for item in self.items:
            return item
        raise StopAsyncIteration


def case_with():
    async def f():
        async with Manager(log, "a") as a, Manager(log, "b") as b:
            return a, b, await pause("body")

    log = []
    return finish(f(), 1, 2, 3, 4, 5), log


@over((True,), (False,))
def case_with_at_each_point(swallow):
    async def f():
        async with Manager(log, "a", swallow) as a:
            await pause(1)
            async with Manager(log, "b"):
                await pause(2)
        return "end"

    log, found = [], []
    for number in range(4):
        for point in range(7):
            action = ("next", KeyError("k"), "close", ValueError)[number]
            c = f()
            for _ in range(point):
                outcome(c.send, None)
            found.append((steps(c, action, "next", "next", "next"), outcome(c.close)))
    return found, log


def case_with_control_flow():
    async def f(log):
        for i in range(5):
            async with Manager(log, i):
                if i == 1:
                    continue
                if i == 3:
                    break
        async with Manager(log, "return"):
            return i
        log.append("never")

    log = []
    return finish(f(log)), len(log)


def case_with_exceptions():
    class FailingEnter(Manager):
        async def __aenter__(self):
            raise KeyError("enter")

    class FailingExit(Manager):
        async def __aexit__(self, *error):
            await pause("failing")
            raise KeyError("exit")

    class BadBool:
        def __bool__(self):
            raise ZeroDivisionError("bool")

    async def f(manager, fail):
        async with manager:
            if fail:
                raise ValueError("body")
            return "returned"
        return "after"

    log = []
    return [
        finish(f(kind(log, "x", swallow), fail))
        for kind in (Manager, FailingEnter, FailingExit)
        for swallow in (False, True, 1, [], BadBool())
        for fail in (False, True)
    ]


def case_with_wrong_objects():
    class NoExit:
        async def __aenter__(self):
            pass

    class NoEnter:
        async def __aexit__(self, *error):
            pass

    class Synchronous:
        def __enter__(self):
            pass

        def __exit__(self, *error):
            pass

    class NotAwaitable:
        def __aenter__(self):
            return 5

        def __aexit__(self, *error):
            return 6

    class ExitNotAwaitable:
        async def __aenter__(self):
            pass

        def __aexit__(self, *error):
            return 6

    class NotCallable:
        __aenter__ = 5
        __aexit__ = 6

    class OnInstance:
        def __init__(self):
            self.__aenter__ = self.__aexit__ = lambda *args: None

    class Sync:
        pass

    async def f(x, fail=False):
        async with x as y:
            if fail:
                raise ValueError("body")

    async def g(x):
        with x:
            pass

    things = (5, None, NoExit(), NoEnter(), Synchronous(), NotAwaitable(), NotCallable(), OnInstance(), Sync())
    return [finish(f(x)) for x in things], [finish(f(ExitNotAwaitable(), fail)) for fail in (False, True)], finish(g(Manager([]))), finish(g(NoExit()))


def case_with_targets():
    class M:
        def __init__(self, value):
            self.value = value

        async def __aenter__(self):
            return self.value

        async def __aexit__(self, *error):
            pass

    async def f():
        d, box = {}, types.SimpleNamespace()
        async with M((1, [2, 3])) as (a, [b, *c]), M(4) as d["k"], M(5) as box.x:
            return a, b, c, d, box

    async def g():
        async with M(1) as (a, b):
            pass

    return finish(f()), finish(g())


def case_for():
    async def f(*items):
        seen = []
        async for x in Items(*items):
            seen.append((x, await pause(x)))
        else:
            seen.append("else")
        return seen

    return finish(f()), finish(f(1, 2), "n", "a", "n", "b", "n")


def case_for_control_flow():
    async def f():
        seen = []
        async for x in Items(*range(6)):
            if x == 1:
                continue
            async for y in Items("a", "b"):
                if y == "b":
                    break
                seen.append((x, y))
            else:
                seen.append("never")
            if x == 3:
                break
        else:
            seen.append("never either")
        async for x in Items(7):
            return seen, x

    return finish(f())


def case_for_at_each_point():
    async def f():
        try:
            async for x in Items(1, 2):
                try:
                    log.append((x, await pause("body")))
                except KeyError:
                    log.append("caught in body")
        except ValueError:
            log.append("caught outside")
            await pause("handler")
        finally:
            log.append("finally")
        return "end"

    log, found = [], []
    for number in range(5):
        for point in range(6):
            action = ("next", KeyError("k"), "close", ValueError, StopAsyncIteration)[number]
            c = f()
            for _ in range(point):
                outcome(c.send, None)
            found.append((steps(c, action, "next", "next"), outcome(c.close)))
    return found, log


def case_for_targets():
    async def f():
        d = {}
        async for a, (b, *c) in Items((1, (2, 3, 4))):
            pass
        async for d["k"] in Items(5, 6):
            pass
        async for x, y in Items((1, 2, 3)):
            pass
        return "never"

    async def g():
        async for a, (b, *c) in Items((1, (2, 3, 4)), (5, (6,))):
            pass
        return a, b, c

    return finish(f()), finish(g())


def case_for_wrong_objects():
    class NoNext:
        def __aiter__(self):
            return self

    class AiterAwaitable:
        async def __aiter__(self):
            return self

    class NotAwaitable:
        def __aiter__(self):
            return self

        def __anext__(self):
            return 5

    class Raises:
        def __aiter__(self):
            raise KeyError("aiter")

    class NextRaises:
        def __aiter__(self):
            return self

        def __anext__(self):
            raise KeyError("anext")

    class NextStopsAtOnce:
        def __aiter__(self):
            return self

        def __anext__(self):
            raise StopAsyncIteration

    class StopIterations:
        def __aiter__(self):
            return self

        async def __anext__(self):
            raise StopIteration

    async def f(x):
        async for y in x:
            pass
        return "end"

    async def g():
        yield 1

    def iterate(x):
        for y in x:
            pass

    c = f(1)
    things = (5, [1], None, NoNext(), AiterAwaitable(), NotAwaitable(), Raises(), NextRaises(), NextStopsAtOnce(), StopIterations(), g, c)
    found = [finish(f(x)) for x in things], outcome(iterate, g()), outcome(iterate, Items())
    c.close()
    return found


def case_for_body_raises_stop_async_iteration():
    async def f(where):
        async for x in Items(1, 2):
            if where == "body":
                raise StopAsyncIteration("body")
            if where == "await":
                await stops()
        return "end"

    async def stops():
        raise StopAsyncIteration("awaited")

    return finish(f("body")), finish(f("await")), finish(f(None))


def case_anext_that_returns_other_awaitables():
    class Future:
        def __init__(self, value):
            self.value = value

        def __await__(self):
            got = yield "future"
            if self.value is None:
                raise StopAsyncIteration
            return self.value, got

    class Futures:
        def __init__(self, *values):
            self.values = list(values)

        def __aiter__(self):
            return self

        def __anext__(self):
            return Future(self.values.pop(0))

    async def f():
        return [x async for x in Futures(1, 2, None)]

    async def g():
        async for x in Futures(1, None):
            await pause(x)
        return "end"

    return finish(f(), "a", "b", "c"), finish(g(), "a"), finish(plain_async_list(Futures(3, None)), "z")


def case_nested_with_and_for():
    async def f(log):
        async with Manager(log, "outer", swallow=True):
            async for x in Items(1, 2, 3):
                async with Manager(log, x):
                    try:
                        if x == 2:
                            raise KeyError(x)
                        await pause("body")
                    except KeyError:
                        raise ValueError(x)
                    finally:
                        log.append(("finally", x))
        return "swallowed"

    log = []
    return finish(f(log)), log


def case_hot_loops():
    class Counter:
        def __init__(self, n):
            self.i, self.n = 0, n

        def __aiter__(self):
            return self

        async def __anext__(self):
            if self.i == self.n:
                raise StopAsyncIteration
            self.i += 1
            return self.i

    class Light:
        def __init__(self):
            self.count = 0

        async def __aenter__(self):
            self.count += 1
            return self

        async def __aexit__(self, *error):
            self.count += 1
            return True

    async def f(n):
        total, light = 0, Light()
        async for x in Counter(n):
            total += x
            async with light as l:
                total += l.count
                if x % 100 == 0:
                    await pause(x)
                    raise KeyError
        return total, light.count

    return finish(f(500))


def case_tracebacks():
    class Failing(Manager):
        async def __aexit__(self, *error):
            raise KeyError("exit")

    async def f():
        async with Failing([]):
            async for x in Items(1):
                {}[x]

    try:
        c = f()
        while True:
            c.send(None)
    except KeyError as error:
        return trail(error), trail(error.__context__), chain(error)
