"""What an asynchronous generator object shows of itself: states, frames, hooks, finalizers."""

import collections.abc
import gc
import inspect
import sys
import types
import weakref

from tests.cases import chain, finish, finish_async, outcome


@types.coroutine
def pause(value):
    return (yield value)


async def collect(iterable):
    return [x async for x in iterable]


def state(g):
    return g.ag_running, g.ag_suspended, g.ag_frame is None, type(g.ag_await).__name__, inspect.getasyncgenstate(g)


def case_states():
    async def g():
        found.append(state(h))
        yield 1
        await pause(2)
        found.append(state(h))

    found = []
    h = g()
    found.append(state(h))
    finish(h.__anext__())
    found.append(state(h))
    a = h.__anext__()
    a.send(None)
    found.append(state(h))
    outcome(a.send, None)
    found.append(state(h))
    return found


def case_types_and_attributes():
    async def g():
        yield 1

    h = g()
    return (
        type(h) is types.AsyncGeneratorType,
        isinstance(h, collections.abc.AsyncGenerator),
        isinstance(h, collections.abc.AsyncIterator),
        isinstance(h, collections.abc.Iterator),
        inspect.isasyncgen(h),
        inspect.isasyncgenfunction(g),
        inspect.iscoroutinefunction(g),
        inspect.isawaitable(h),
        aiter(h) is h,
        outcome(iter, h),
        outcome(next, h),
        h.__name__,
        h.__qualname__,
        repr(h),
        h.ag_code is g.__code__,
        sorted(n for n in dir(h) if n[0] != "_"),
        [outcome(setattr, h, n, 5) for n in ("ag_frame", "ag_running", "ag_await", "__name__", "x")],
        outcome(type(h)),
        outcome(lambda: type("Sub", (type(h),), {})),
    )


def case_frames():
    async def g(x):
        y = [x]
        yield sys._getframe().f_back.f_code.co_name
        await pause(y)
        yield sys._getframe() is h.ag_frame, y

    async def resumes():
        return await h.__anext__()

    h = g(1)
    first = h.ag_frame.f_lasti, h.ag_frame.f_lineno - h.ag_code.co_firstlineno, finish(resumes())
    h.ag_frame.f_locals["y"] = "written"
    a = h.__anext__()
    waiting = a.send(None), h.ag_frame.f_lineno - h.ag_code.co_firstlineno, h.ag_frame.f_back, type(h.ag_await).__name__
    return first, waiting, outcome(a.send, None), dict(inspect.getasyncgenlocals(h))


def case_exception_state():
    async def g():
        yield chain(sys.exception())
        try:
            raise KeyError("inner")
        except KeyError:
            yield chain(sys.exception())
            await pause(1)
            yield chain(sys.exception())
        yield chain(sys.exception())

    async def f():
        found, h = [], g()
        found.append(await anext(h))
        try:
            raise ValueError("outer")
        except ValueError:
            found.append(await anext(h))
            found.append(chain(sys.exception()))
        found.append(await anext(h))
        try:
            raise TypeError("other")
        except TypeError:
            async for x in h:
                found.append(x)
        return found, sys.exception()

    return finish(f())


def case_anext_builtin():
    async def g():
        yield 1
        await pause("p")

    class Custom:
        def __init__(self, n):
            self.n = n

        def __aiter__(self):
            return self

        async def __anext__(self):
            await pause("custom")
            self.n -= 1
            if self.n < 0:
                raise StopAsyncIteration
            return self.n

    class Wrong:
        def __anext__(self):
            return 5

    async def f(it, *default):
        return await anext(it, *default)

    h = g()
    custom = Custom(1)
    return (
        finish(f(h)),
        finish(f(h, "default")),
        finish(f(h, "default")),
        finish(f(h)),
        finish(f(custom, "d")),
        finish(f(custom, "d")),
        finish(f(custom)),
        finish(f(Wrong())),
        finish(f(Wrong(), "d")),
        outcome(anext, 5),
        outcome(anext, iter([]), "d"),
        outcome(anext),
    )


def case_anext_awaitable_with_default():
    async def g():
        try:
            yield await pause(1)
        except KeyError:
            yield "caught"

    a, b, c = (anext(g(), "default") for _ in range(3))
    found = [type(a).__name__, a.send(None), outcome(a.send, "sent"), b.send(None), outcome(b.throw, KeyError("k")), c.send(None), outcome(c.throw, StopAsyncIteration())]
    return found, outcome(c.close)


def case_aiter_builtin():
    async def g():
        yield 1

    class NotIterator:
        def __aiter__(self):
            return 5

    class Raises:
        def __aiter__(self):
            raise KeyError("k")

    class Fine:
        def __aiter__(self):
            return g()

    return outcome(aiter, 5), outcome(aiter, NotIterator()), outcome(aiter, Raises()), finish_async(aiter(Fine())), outcome(aiter)


def case_finalizer_hooks():
    async def g(name):
        try:
            yield name
            yield 2
        finally:
            log.append(("finally", name))

    def first(generator):
        log.append(("first", generator.__name__))

    def finalizer(generator):
        log.append(("finalizer", generator.ag_frame is not None))
        finish(generator.aclose())

    log = []
    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=first, finalizer=finalizer)
    try:
        seen = sys.get_asyncgen_hooks()
        a, b, c = g("a"), g("b"), g("c")
        finish(a.__anext__())
        finish(b.__anext__())
        finish(b.aclose())
        del a, b, c
        log.append("deleted")
        list_of = finish_async(g("d"))
    finally:
        sys.set_asyncgen_hooks(*before)
    return log, list_of, seen.firstiter is first, seen.finalizer is finalizer, outcome(sys.set_asyncgen_hooks, 5), tuple(before)


def case_hooks_that_raise():
    async def g():
        try:
            yield 1
        finally:
            log.append("finally")

    def fail(generator):
        raise KeyError("from the hook")

    log = []
    before = sys.get_asyncgen_hooks()
    try:
        sys.set_asyncgen_hooks(firstiter=fail, finalizer=None)
        found = outcome(g().__anext__)
        sys.set_asyncgen_hooks(firstiter=None, finalizer=fail)
        h = g()
        finish(h.__anext__())
        del h
    finally:
        sys.set_asyncgen_hooks(*before)
    return found, log


def case_dropped_without_hooks():
    async def g():
        try:
            yield 1
        finally:
            log.append("finally")

    async def awaits():
        try:
            yield 1
        finally:
            log.append("before")
            await pause(2)
            log.append("never")

    log = []
    for make in (g, awaits):
        h = make()
        finish(h.__anext__())
        del h
    fresh = g()
    del fresh
    return log


def case_weak_references_and_cycles():
    async def g(x):
        yield x

    h = g(1)
    ref = weakref.ref(h)
    holder = []
    k = g(holder)
    holder.append(k)
    finish(k.__anext__())
    other = weakref.ref(k)
    del h, k, holder
    before = other() is None
    gc.collect(0)
    return ref(), before, other()


def case_never_awaited_methods():
    async def g():
        yield 1

    h = g()
    h.asend(None)
    h.athrow(KeyError)
    h.aclose()
    h.__anext__()
    return finish_async(h)
