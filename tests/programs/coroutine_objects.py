"""What a coroutine object shows of itself: states, frames, origins, warnings."""

import asyncio
import collections.abc
import copy
import gc
import inspect
import io
import pickle
import sys
import traceback
import types
import warnings
import weakref

from tests.cases import chain, finish, outcome, plain_await, steps, trail


@types.coroutine
def pause(value):
    return (yield value)


def state(c):
    return c.cr_running, c.cr_suspended, c.cr_frame is None, type(c.cr_await).__name__, inspect.getcoroutinestate(c)


def case_exact_types():
    async def f():
        pass

    c = f()
    w = c.__await__()
    found = (
        type(c) is types.CoroutineType,
        type(w).__name__,
        isinstance(c, collections.abc.Coroutine),
        isinstance(c, collections.abc.Awaitable),
        isinstance(c, collections.abc.Generator),
        isinstance(w, collections.abc.Iterator),
        isinstance(w, collections.abc.Generator),
        iter(w) is w,
        outcome(iter, c),
        outcome(next, c),
        outcome(lambda: [*c]),
        hasattr(c, "__dict__"),
        sorted(name for name in dir(c) if name[0] != "_"),
        sorted(name for name in dir(w) if name[0] != "_"),
    )
    c.close()
    return found


def case_inspection():
    async def f(a):
        b = await pause(a)
        return b

    @types.coroutine
    def g():
        yield

    c, h = f(1), g()
    found = [
        inspect.iscoroutine(c),
        inspect.iscoroutinefunction(f),
        inspect.isawaitable(c),
        inspect.isgenerator(c),
        inspect.iscoroutine(h),
        inspect.isawaitable(h),
        inspect.iscoroutinefunction(g),
        inspect.isgeneratorfunction(g),
        asyncio.iscoroutine(c),
        inspect.getcoroutinelocals(c).copy(),
    ]
    c.send(None)
    found.append(dict(inspect.getcoroutinelocals(c)))
    outcome(c.send, "b")
    return found, inspect.getcoroutinelocals(c)


def case_states():
    async def f():
        found.append(state(c))
        await pause(1)
        found.append(state(c))

    found = []
    c = f()
    found.append(state(c))
    c.send(None)
    found.append(state(c))
    outcome(c.send, None)
    found.append(state(c))
    d = f()
    d.close()
    found.append(state(d))
    return found


def case_cr_await():
    class A:
        def __init__(self, iterator):
            self.iterator = iterator

        def __await__(self):
            return self.iterator

    async def inner():
        await pause("inner")

    async def outer():
        await child
        await A(kept)
        await A(wrapper)

    kept = iter([1])
    child, other = inner(), inner()
    wrapper = other.__await__()
    c = outer()
    found = [c.cr_await]
    for value in ("inner", 1, "inner"):
        got = c.send(None)
        found.append((got, c.cr_await is child, c.cr_await is kept, c.cr_await is wrapper, type(child.cr_await).__name__))
    outcome(c.send, None)
    return found, c.cr_await


def case_names_and_reprs():
    async def f():
        return repr(c)

    c = f()
    found = [c.__name__, c.__qualname__, repr(c), repr(c.__await__())]
    c.__name__, c.__qualname__ = "new", "quite.new"
    found += [c.__name__, c.__qualname__, repr(c), outcome(setattr, c, "__name__", 5), outcome(delattr, c, "__qualname__")]
    found.append(finish(c))
    found += [outcome(setattr, c, name, 5) for name in ("cr_await", "cr_frame", "cr_code", "cr_running", "cr_origin", "cr_suspended", "x")]
    return found


def case_frames():
    async def inner():
        frame = sys._getframe()
        names.append([frame.f_code.co_name, frame.f_back.f_code.co_name, frame.f_back.f_back.f_code.co_name])
        await pause(1)
        names.append([sys._getframe(n).f_code.co_name for n in range(3)])

    async def outer():
        x = "local"
        await inner()
        return x

    names = []
    c = outer()
    frame = c.cr_frame
    first = c.cr_code is outer.__code__, frame.f_code is c.cr_code, frame.f_lasti, frame.f_back, dict(frame.f_locals)
    c.send(None)
    second = frame is c.cr_frame, frame.f_lineno - c.cr_code.co_firstlineno, frame.f_locals["x"], frame.f_back
    frame.f_locals["x"] = "written"
    return first, second, finish(c), names, c.cr_frame


def case_frame_clear():
    async def f():
        await pause(1)

    fresh, started = f(), f()
    started.send(None)
    found = outcome(fresh.cr_frame.clear), outcome(started.cr_frame.clear), outcome(fresh.send, None)
    started.close()
    return found


def case_wrapper_object():
    async def f():
        return "r", await pause(1), await pause(2)

    async def g():
        try:
            await pause(1)
        except KeyError:
            return "caught"

    w, v, u = f().__await__(), g().__await__(), g().__await__()
    found = [next(w), w.send("a"), outcome(w.send, "b"), outcome(next, w), next(v), outcome(v.throw, KeyError), next(u), u.close(), u.close(), outcome(next, u)]
    return found, outcome(type(w)), [outcome(x, w)[0][1] for x in (copy.copy, pickle.dumps)], outcome(weakref.ref, w)


def case_cr_origin():
    def make():
        return f()

    async def f():
        pass

    found = []
    for depth in (0, 1, 2, 100, 0):
        before = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(depth)
        try:
            c, d = make(), f()
        finally:
            sys.set_coroutine_origin_tracking_depth(before)
        for x in (c, d):
            origin = x.cr_origin
            found.append(origin and [(name, line - case_cr_origin.__code__.co_firstlineno) for _, line, name in origin[:2]])
            x.close()
    return found, outcome(sys.set_coroutine_origin_tracking_depth, -1)


def case_never_awaited():
    async def f():
        pass

    async def started():
        await pause(1)

    f()
    c = f()
    del c
    d = started()
    d.send(None)
    del d
    e = f()
    e.close()
    g = f()
    outcome(g.throw, KeyError)


def case_never_awaited_with_origin():
    async def f():
        pass

    def make():
        return f()

    sys.set_coroutine_origin_tracking_depth(2)
    try:
        make()
    finally:
        sys.set_coroutine_origin_tracking_depth(0)


def case_never_awaited_is_an_error():
    async def f():
        pass

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        c = f()
        del c
    return sys.exception()


def case_never_awaited_in_an_expression():
    async def f():
        return 1

    async def g():
        f()
        return await f()

    return finish(g()), outcome(lambda: f() + 1)


def case_weak_references_and_cycles():
    async def f(x):
        await pause(x)

    c = f(1)
    ref = weakref.ref(c)
    c.send(None)
    del c
    holder = []
    d = f(holder)
    d.send(None)
    holder.append(d)
    other = weakref.ref(d)
    del d, holder
    before = other() is None
    gc.collect(0)
    return ref(), before, other()


def case_copying():
    async def f():
        pass

    c = f()
    found = [outcome(x, c) for x in (copy.copy, copy.deepcopy)], outcome(pickle.dumps, c)[0][1]
    c.close()
    return found


def case_exception_in_finalizer():
    async def f():
        try:
            await pause(1)
        finally:
            raise KeyError("ignored")

    async def awaits():
        try:
            await pause(1)
        finally:
            await pause(2)

    for make in (f, awaits):
        c = make()
        c.send(None)
        del c


def case_resurrected_in_finalizer():
    async def f():
        try:
            await pause(1)
        finally:
            saved.append(sys._getframe().f_locals["me"])

    saved = []
    c = f()
    c.send(None)
    c.cr_frame.f_locals["me"] = "value"
    del c
    return saved


def case_traceback_printed():
    async def inner(n):
        await pause(n)
        raise ValueError(
            n
        )

    async def middle(n):
        return [
            await inner(n)
        ]

    async def outer():
        try:
            await middle(1)
        except ValueError as error:
            raise KeyError("outer") from error

    c = outer()
    c.send(None)
    try:
        c.send(None)
    except KeyError as error:
        stream = io.StringIO()
        traceback.print_exception(error, file=stream)
        return stream.getvalue().replace(__file__, "F"), trail(error), trail(error.__cause__)


def case_stack_of_suspended():
    async def inner():
        await pause(1)

    async def outer():
        await inner()

    c = outer()
    c.send(None)
    frames = []
    step = c
    while step is not None and hasattr(step, "cr_frame"):
        frames.append((step.cr_code.co_name, step.cr_frame.f_lineno - step.cr_code.co_firstlineno, step.cr_frame.f_back))
        step = step.cr_await
    c.close()
    return frames, type(step).__name__


def case_code_and_function_go_first():
    namespace = {"pause": pause}
    exec("async def f(x):\n    y = await pause(x)\n    return y, name\nname = 'n'\n", namespace)
    c = namespace["f"](5)
    del namespace["f"]
    gc.collect(0)
    return finish(c, "sent")


def case_code_replaced_while_suspended():
    async def f():
        return "old", await pause(1)

    async def other():
        return "new"

    c = f()
    c.send(None)
    f.__code__ = other.__code__
    return finish_rest(c), finish(f())


def finish_rest(c):
    return outcome(c.send, "sent")


def case_passes_for_a_coroutine_in_asyncio():
    async def f(x):
        await asyncio.sleep(0)
        return x

    async def main():
        task = asyncio.create_task(f(1))
        return await task, await asyncio.ensure_future(f(2)), await asyncio.wait_for(f(3), 10), asyncio.iscoroutine(c)

    c = f(4)
    found = asyncio.run(main()), asyncio.run(c)
    return found, state(c)
