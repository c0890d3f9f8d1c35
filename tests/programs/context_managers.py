"""contextlib's managers that are made of generators, plain and asynchronous."""

import contextlib
import sys
import types

from tests.cases import chain, finish, outcome, over, steps, trail


@types.coroutine
def pause(value):
    return (yield value)


@over((None,), (ValueError,), (KeyError,), (StopIteration,), (GeneratorExit,))
def case_contextmanager(kind):
    @contextlib.contextmanager
    def manager(x):
        log.append(("enter", x))
        try:
            yield x * 2
        except ValueError as error:
            log.append(("swallowed", error.args))
        finally:
            log.append(("exit", chain(sys.exception())))

    def use():
        with manager(5) as y:
            if kind:
                raise kind(y)
            return "body", y
        return "after"

    log = []
    return outcome(use), log


def case_contextmanager_that_goes_wrong():
    @contextlib.contextmanager
    def no_yield():
        if False:
            yield

    @contextlib.contextmanager
    def two_yields():
        yield 1
        yield 2

    @contextlib.contextmanager
    def yields_again_after_throw():
        try:
            yield 1
        except ValueError:
            yield 2

    @contextlib.contextmanager
    def replaces():
        try:
            yield 1
        except ValueError as error:
            raise KeyError("replaced") from error

    @contextlib.contextmanager
    def reraises_the_same():
        try:
            yield 1
        except ValueError as error:
            raise error

    @contextlib.contextmanager
    def raises_stop_iteration():
        try:
            yield 1
        except ValueError:
            raise StopIteration

    @contextlib.contextmanager
    def not_a_generator():
        return [1]

    def use(make, fail):
        with make() as x:
            if fail:
                raise ValueError("body")
            return x
        return "swallowed"

    return [
        (make.__name__, outcome(use, make, fail))
        for make in (no_yield, two_yields, yields_again_after_throw, replaces, reraises_the_same, raises_stop_iteration, not_a_generator)
        for fail in (False, True)
    ]


def case_decorator_and_reuse():
    @contextlib.contextmanager
    def manager(name):
        log.append(("in", name))
        yield name
        log.append(("out", name))

    @manager("decorated")
    def f(x):
        log.append(x)
        return x * 2

    log = []
    once = manager("once")
    with once:
        pass
    return f(1), f(2), outcome(once.__enter__), log, manager.__name__, f.__name__


def case_traceback_through_manager():
    @contextlib.contextmanager
    def manager():
        yield

    @contextlib.contextmanager
    def outer():
        with manager():
            yield

    def use():
        with outer():
            raise ValueError("body")

    try:
        use()
    except ValueError as error:
        return [(name, line) for name, line in trail(error) if name not in ("__exit__",)], chain(error)


def case_exit_stack():
    @contextlib.contextmanager
    def manager(name, swallow=None):
        log.append(("enter", name))
        try:
            yield name
        except (swallow or ()) as error:
            log.append(("swallow", name, chain(error)))
        finally:
            log.append(("exit", name))

    def use(count, fail, swallow):
        with contextlib.ExitStack() as stack:
            names = [stack.enter_context(manager(n, swallow if n == 1 else None)) for n in range(count)]
            stack.callback(log.append, "callback")
            stack.push(lambda *error: log.append(("push", error[0] and error[0].__name__)))
            if fail:
                raise fail("body")
            kept = stack.pop_all() if count == 3 else None
        if kept:
            log.append("kept")
            kept.close()
        return names

    log = []
    return [outcome(use, *arguments) for arguments in ((0, None, None), (2, None, None), (3, None, None), (2, ValueError, ValueError), (3, KeyError, ValueError))], log


def case_others():
    log = []

    class Closing:
        def close(self):
            log.append("closed")

    with contextlib.suppress(ValueError, KeyError), contextlib.closing(Closing()):
        raise KeyError
    with contextlib.nullcontext(5) as x:
        log.append(x)

    def g():
        with contextlib.suppress(KeyError):
            yield 1
            yield 2
        yield 3

    return log, steps(g(), "next", KeyError("k"), "next", "next")


def case_manager_over_yield():
    @contextlib.contextmanager
    def manager(name):
        log.append(("enter", name))
        try:
            yield name
        finally:
            log.append(("exit", name))

    def g():
        with manager("a") as a:
            got = yield a
            with manager("b"):
                yield got
        return "end"

    log = []
    return [steps(g(), "next", action, "next", "next") for action in (("sent",), KeyError("k"), "close")], log


@over((None,), (ValueError,), (KeyError,), (StopAsyncIteration,))
def case_asynccontextmanager(kind):
    @contextlib.asynccontextmanager
    async def manager(x):
        log.append(await pause("entering"))
        try:
            yield x * 2
        except ValueError as error:
            log.append(("swallowed", error.args))
            await pause("swallowing")
        finally:
            log.append(("exit", chain(sys.exception())))
            await pause("exiting")

    async def use():
        async with manager(5) as y:
            await pause("body")
            if kind:
                raise kind(y)
            return "body", y
        return "after"

    log = []
    return finish(use(), *"abcdef"), log


def case_asynccontextmanager_that_goes_wrong():
    @contextlib.asynccontextmanager
    async def no_yield():
        if False:
            yield

    @contextlib.asynccontextmanager
    async def two_yields():
        yield 1
        yield 2

    @contextlib.asynccontextmanager
    async def yields_again_after_throw():
        try:
            yield 1
        except ValueError:
            yield 2

    @contextlib.asynccontextmanager
    async def replaces():
        try:
            yield 1
        except ValueError as error:
            raise KeyError("replaced") from error

    async def use(make, fail):
        async with make() as x:
            if fail:
                raise ValueError("body")
            return x
        return "swallowed"

    return [finish(use(make, fail)) for make in (no_yield, two_yields, yields_again_after_throw, replaces) for fail in (False, True)]


def case_async_exit_stack():
    @contextlib.asynccontextmanager
    async def manager(name):
        log.append(("enter", await pause(name)))
        try:
            yield name
        finally:
            log.append(("exit", name, await pause(("exit", name))))

    @contextlib.contextmanager
    def plain():
        log.append("plain enter")
        yield "plain"
        log.append("plain exit")

    async def callback(x):
        log.append(("callback", await pause(x)))

    async def use(fail):
        async with contextlib.AsyncExitStack() as stack:
            names = [await stack.enter_async_context(manager(n)) for n in range(2)]
            names.append(stack.enter_context(plain()))
            stack.push_async_callback(callback, "c")
            if fail:
                raise fail("body")
            return names

    log = []
    return finish(use(None), *"abcdef"), finish(use(KeyError), *"abcdef"), log


def case_aclosing():
    async def items():
        try:
            for i in range(5):
                yield i
        finally:
            log.append(await pause("closing"))

    async def use():
        async with contextlib.aclosing(items()) as it:
            async for x in it:
                if x == 2:
                    break
        return x

    log = []
    return finish(use(), "closed"), log


def case_async_decorator():
    @contextlib.asynccontextmanager
    async def manager():
        log.append("in")
        yield
        log.append("out")

    @manager()
    async def f(x):
        return await pause(x)

    log = []
    return finish(f(1), "a"), finish(f(2), "b"), log


def case_many_times():
    @contextlib.contextmanager
    def manager(n):
        total = n
        try:
            yield total
        except KeyError:
            total += 1
        counts.append(total)

    counts = []
    for i in range(400):
        with manager(i) as x:
            if x % 3 == 0:
                raise KeyError
    return sum(counts), len(counts)
