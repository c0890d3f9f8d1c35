"""Coroutines driven by hand: await in every place, awaitables of all kinds, what goes in and comes out."""

import sys
import types

from tests.cases import act, chain, finish, outcome, over, plain_await, steps, trail


@types.coroutine
def pause(value):
    """What a coroutine suspends on here: gives what is sent in."""
    return (yield value)


async def give(value):
    return value


def pair(*values, **named):
    return values, sorted(named.items())


def case_returns():
    async def f(x):
        return x

    found = []
    for x in (None, 1, (), (1, 2), StopIteration(3), KeyError("k"), [4]):
        how = finish(f(x))
        found.append((how, how[2] is x))
    return found


def case_suspends():
    async def f(x):
        a = await pause("one")
        b = await pause("two")
        return x, a, b

    return finish(f(0), "A", "B"), finish(f(1)), finish(plain_await(f(2)), "C", "D")


def case_await_in_expressions():
    async def f():
        a = (await pause(1)) + (await pause(2))
        b = [a, await pause(3), *(await pause(4)), {await pause(5): await pause(6)}]
        c = pair(a, await pause(7), *(await pause(8)), key=await pause(9), **(await pause(10)))
        d = f"{await pause(11)!r:>{await pause(12)}}"
        e = (await pause(13)) < (await pause(14)) < (await pause(15))
        return a, b, c, d, e, (await pause(16)) or (await pause(17)), (await pause(18)) and (await pause(19))

    return finish(f(), 1, 2, "x", "yz", "k", "v", "a", [1], "K", {"z": 2}, "s", 6, 1, 2, 3, 0, "or", 0)


def case_await_in_statements():
    async def f(d):
        d[await pause("key")] = await pause("value")
        d["n"] += await pause("plus")
        del d[await pause("deleted")]
        if await pause("if"):
            while await pause("while"):
                pass
        for x in await pause("for"):
            await pause(x)
        assert await pause("assert"), "message"
        with await pause("with") as m:
            await pause(m)
        match await pause("match"):
            case [x, y] if await pause("guard"):
                return x, y, d
        return d

    class M:
        def __enter__(self):
            return "entered"

        def __exit__(self, *error):
            return True

    answers = ("k", 5, 10, "gone", True, 1, 0, [7, 8], None, None, True, M(), None, (1, 2))
    return finish(f({"n": 1, "gone": 0}), *answers, True), finish(f({"n": 1, "gone": 0}), *answers, False)


def case_await_of_await():
    async def f():
        return await (await give(give(5)))

    async def deep(n):
        return n if n == 0 else (await deep(n - 1)) + await pause(n)

    return finish(f()), finish(deep(6), *range(6)), finish(deep(150), *[1] * 150)[2]


@over((ValueError("v"),), (KeyError,), (StopIteration("s"),), (GeneratorExit(),), (KeyboardInterrupt(),), (StopAsyncIteration(1),))
def case_thrown_through_awaits(error):
    async def inner():
        try:
            return await pause("inner")
        except ValueError as e:
            return "inner caught", e.args
        finally:
            log.append("inner finally")

    async def middle():
        try:
            return await inner()
        except KeyError as e:
            return "middle caught", e.args

    async def outer():
        try:
            return await middle()
        finally:
            log.append("outer finally")

    log = []
    return steps(outer(), "next", error if isinstance(error, type) else type(error)(*error.args), "next"), log


def case_stop_iteration_inside():
    async def explicit():
        raise StopIteration(5)

    async def by_next():
        next(iter(()))

    async def after_pause():
        await pause(1)
        raise StopIteration("x")

    async def async_stop():
        raise StopAsyncIteration

    async def caught():
        try:
            await pause(1)
        except StopIteration as stop:
            return stop.value

    c = caught()
    return [finish(f()) for f in (explicit, by_next, after_pause, async_stop)], finish(c, StopIteration("thrown"))


def case_close_at_each_point():
    async def f():
        try:
            await pause(1)
            await pause(2)
        except GeneratorExit:
            log.append("exit")
            raise
        finally:
            log.append("finally")
        await pause(3)

    found, log = [], []
    for n in range(5):
        c = f()
        for _ in range(n):
            outcome(c.send, None)
        found.append((outcome(c.close), outcome(c.close), outcome(c.send, None)))
    return found, log


def case_close_that_goes_wrong():
    async def awaits():
        try:
            await pause(1)
        finally:
            await pause(2)

    async def raises():
        try:
            await pause(1)
        finally:
            raise KeyError("k")

    async def returns():
        try:
            await pause(1)
        except GeneratorExit:
            return 5

    async def outer(f):
        try:
            return await f()
        finally:
            log.append(chain(sys.exception()))

    log, found = [], []
    for f in (awaits, raises, returns):
        for c in (f(), outer(f), plain_await(f())):
            c.send(None)
            found.append((outcome(c.close), outcome(c.send, None)))
    return found, log


def case_reuse():
    async def f():
        return 1

    async def waits():
        await pause(1)

    c, d = f(), waits()
    finish(c)
    d.send(None)
    d.close()
    fresh = f()
    fresh.close()
    return [steps(x, "next", ("v",), KeyError("k"), "close") for x in (c, d, fresh)], finish(plain_await(c)), outcome(c.__await__().__next__)


def case_awaited_twice_at_once():
    async def f():
        await pause(1)
        return 2

    async def g(c):
        return await c

    shared = f()
    a, b = g(shared), g(shared)
    first = outcome(a.send, None)
    return first, outcome(b.send, None), outcome(a.send, None), finish(g(shared)), outcome(shared.send, None)


def case_awaits_itself():
    async def f():
        try:
            await c
        except ValueError as error:
            found.append(str(error))
        found.append(outcome(c.send, None))
        found.append(outcome(c.throw, KeyError))
        found.append(outcome(c.close))

    found = []
    c = f()
    return finish(c), found


def case_send_before_start():
    async def f():
        return await pause(1)

    c = f()
    return steps(c, ("early",), "next", ("late",), "next")


def case_throw_before_start():
    async def f():
        log.append("ran")
        await pause(1)

    log = []
    return steps(f(), KeyError("k"), "next"), steps(f(), GeneratorExit, "next"), log


def case_exception_state():
    async def inner():
        log.append(chain(sys.exception()))
        try:
            raise IndexError("inner")
        except IndexError:
            await pause(1)
            log.append(chain(sys.exception()))
        log.append(chain(sys.exception()))

    async def outer():
        try:
            raise KeyError("outer")
        except KeyError:
            await inner()
            log.append(chain(sys.exception()))
        await inner()
        log.append(chain(sys.exception()))

    log = []
    c = outer()
    try:
        raise ValueError("driver")
    except ValueError:
        c.send(None)
        log.append(chain(sys.exception()))
    log.append(chain(sys.exception()))
    c.send(None)
    outcome(c.send, None)
    return log


def case_bare_raise_after_await():
    async def f():
        try:
            raise KeyError("own")
        except KeyError:
            await pause(1)
            raise

    async def g():
        try:
            await f()
        except KeyError as error:
            await pause(2)
            raise RuntimeError("wrapped") from error

    return finish(f()), finish(g())


def case_return_in_finally_and_loops():
    async def f(n):
        for i in range(n):
            try:
                await pause(i)
                if i == 1:
                    continue
                if i == 3:
                    return "returned"
            except KeyError:
                break
            finally:
                await pause(("finally", i))
        else:
            return "else"
        return "broken"

    return finish(f(2)), finish(f(5)), finish(f(3), None, None, KeyError("k"))


def case_with_around_await():
    class M:
        def __init__(self, swallow):
            self.swallow = swallow

        def __enter__(self):
            return self

        def __exit__(self, kind, error, tb):
            log.append((kind and kind.__name__, chain(sys.exception())))
            return self.swallow

    async def f(swallow):
        with M(swallow) as m, M(False):
            return await pause(m.swallow)
        return "swallowed"

    log = []
    return [steps(f(swallow), "next", action, "next") for swallow in (True, False) for action in ("next", KeyError("k"), "close")], log


def case_except_star_around_await():
    async def f():
        try:
            await pause(1)
        except* ValueError as group:
            await pause([e.args for e in group.exceptions])
        except* KeyError:
            await pause("key")
        return "end"

    return [finish(f(), error) for error in (ValueError(1), KeyError(2), ExceptionGroup("g", [ValueError(1), KeyError(2)]), TypeError(3))]


def case_arguments_of_all_kinds():
    async def f(a, b=2, /, c=3, *rest, d, e=5, **more):
        await pause(1)
        return a, b, c, rest, d, e, more

    return finish(f(1, d=4)), finish(f(1, 20, 30, 40, d=4, e=6, z=7)), outcome(f), outcome(lambda: f(1)), outcome(lambda: f(1, d=1, a=2))


def case_methods_closures_lambdas():
    class A:
        def __init__(self, n):
            self.n = n

        async def get(self):
            return await pause(self.n)

        @classmethod
        async def make(cls, n):
            return cls(await pause(n))

        @staticmethod
        async def static(x):
            return x

        def __await__(self):
            return self.get().__await__()

        async def __call__(self):
            return await self

    class B(A):
        async def get(self):
            return "B", await super().get()

    async def f():
        a = await B.make(1)
        total = 0

        async def add(k):
            nonlocal total
            total += await pause(k)

        await add(10)
        await add(20)
        later = lambda: a.get()
        return a.n, await a, await a(), await later(), await A.static(5), total

    return finish(f(), "n", 1, 2, "x", "y", "z")


def case_comprehensions_with_await():
    async def f():
        a = [await pause(x) for x in range(3)]
        b = {await pause(x) for x in "ab" if await pause("cond")}
        c = {await pause("k"): await pause("v") for _ in range(2)}
        d = [x for x in await pause("source")]
        e = [[await pause((x, y)) for y in range(x)] for x in range(3)]
        return a, sorted(b), c, d, e

    return finish(f(), 1, 2, 3, True, "A", False, "k1", "v1", "k2", "v2", "xy", "m", "n", "o")


def case_hot_loop():
    async def leaf(n):
        total = 0
        for i in range(n):
            total += i
        return total

    async def f(n):
        total = 0.0
        for i in range(n):
            total += await leaf(i % 5)
            if i % 50 == 0:
                total += await pause(i) or 0
            try:
                total += await plain_await(leaf(3))
            except KeyError:
                total -= 1
        return total

    return finish(f(500), 1, 2, KeyError("not caught here")), finish(f(500), 1, 2, 3)


def case_trampoline():
    async def worker(name, n):
        for i in range(n):
            log.append((name, i, await pause(name)))
        return name * n

    async def parent():
        return [await worker("a", 2), await worker("b", 1)]

    log = []
    ready, done, turn = [parent(), worker("c", 3)], [], 0
    while ready:
        c = ready.pop(0)
        try:
            c.send(None if turn < 2 else turn)
        except StopIteration as stop:
            done.append(stop.value)
        else:
            ready.append(c)
        turn += 1
    return log, done


def case_traceback_through_awaits():
    async def inner():
        await pause(1)
        return {}["missing"]

    async def middle():
        return await inner()

    async def outer():
        x = await middle()
        return x

    c = outer()
    c.send(None)
    c.send(None)


def case_thrown_traceback_through_awaits():
    async def inner():
        await pause("here")

    async def outer():
        try:
            await inner()
        except ValueError as error:
            lines.append(trail(error))
            raise KeyError("replaced") from error

    lines = []
    c = outer()
    c.send(None)
    try:
        c.throw(ValueError("thrown"))
    except KeyError as error:
        return trail(error), lines, chain(error)


def case_recursion_error():
    async def down(n):
        return await down(n + 1)

    async def recovers():
        try:
            await down(0)
        except RecursionError as error:
            return str(error)[:32], len(trail(error)) > 20

    sys.setrecursionlimit(250)
    try:
        return finish(recovers()), outcome(down(0).send, None)[0][:2]
    finally:
        sys.setrecursionlimit(1000)


def case_finalized_while_suspended():
    async def f():
        try:
            await pause(1)
        finally:
            log.append(chain(sys.exception()))

    async def g():
        await f()

    log = []
    for make in (f, g):
        c = make()
        c.send(None)
        del c
        log.append("deleted")
    return log
