"""What a generator object shows of itself: states, frames, names, types, finalizers."""

import collections.abc
import copy
import dis
import inspect
import io
import pickle
import sys
import traceback
import types

from tests.cases import outcome, steps, trail


def state(g):
    return g.gi_running, g.gi_suspended, g.gi_frame is None, g.gi_yieldfrom, inspect.getgeneratorstate(g)


def case_exact_type():
    def g():
        yield 1

    h = g()
    return (
        type(h) is types.GeneratorType,
        h.__class__ is types.GeneratorType,
        isinstance(h, collections.abc.Generator),
        isinstance(h, collections.abc.Iterator),
        isinstance(h, collections.abc.Awaitable),
        callable(h),
        iter(h) is h,
        hasattr(h, "__dict__"),
        hasattr(h, "__await__"),
        bool(h),
        sorted(name for name in dir(h) if name[0] != "_"),
        sys.getsizeof(h) > 0,
    )


def case_states():
    def g():
        found.append(state(h))
        yield 1
        found.append(state(h))
        yield 2

    found = []
    h = g()
    found.append(state(h))
    for _ in h:
        found.append(state(h))
    found.append(state(h))
    k = g()
    k.close()
    found.append(state(k))
    h = g()
    next(h)
    outcome(h.throw, KeyError("k"))
    found.append(state(h))
    return found


def case_inspect_functions():
    def g(a, b=2):
        c = yield
        yield c

    h = g(1)
    found = [inspect.getgeneratorlocals(h)]
    for _ in h:
        found.append(dict(inspect.getgeneratorlocals(h)))
    found.append(inspect.getgeneratorlocals(h))
    return (
        found,
        inspect.isgenerator(h),
        inspect.isgeneratorfunction(g),
        inspect.iscoroutine(h),
        inspect.isawaitable(h),
        inspect.isasyncgen(h),
        inspect.isgeneratorfunction(lambda: (yield)),
        str(inspect.signature(g)),
    )


def case_names_and_reprs():
    def g():
        yield repr(h)

    h = g()
    found = [h.__name__, h.__qualname__, repr(h), next(h)]
    h.__name__, h.__qualname__ = "renamed", "quite.renamed"
    found += [h.__name__, h.__qualname__, repr(h), h.gi_code.co_name]
    for bad in (5, None):
        for name in ("__name__", "__qualname__"):
            found.append(outcome(setattr, h, name, bad))
            found.append(outcome(delattr, h, name))
    g.__name__ = "new name of the function"
    g.__qualname__ = "new.qualified"
    k = g()
    return found, k.__name__, k.__qualname__, repr(k)


def case_readonly_attributes():
    def g():
        yield 1

    h = g()
    return [outcome(setattr, h, name, 5) for name in ("gi_frame", "gi_code", "gi_running", "gi_yieldfrom", "gi_suspended", "other")]


def case_type_cannot_be_used():
    kind = types.GeneratorType
    return outcome(kind), outcome(lambda: type("Sub", (kind,), {})), outcome(kind.send, 5, None), outcome(kind.__next__, [])


def case_methods_of_the_type():
    def g():
        yield (yield 1)

    h, kind = g(), types.GeneratorType
    return (
        kind.__next__(h),
        kind.send(h, "x"),
        outcome(kind.throw, h, KeyError("k")),
        kind.close(h),
        kind.__iter__(h) is h,
        outcome(h.send),
        outcome(h.send, 1, 2),
        outcome(lambda: h.send(value=1)),
        outcome(h.close, 1),
        outcome(h.__next__, 1),
    )


def case_code_and_frame():
    def g(x):
        yield 1
        yield 2

    h = g(5)
    frame = h.gi_frame
    first = h.gi_code is g.__code__, frame.f_code is h.gi_code, h.gi_frame is frame, frame.f_lasti, frame.f_lineno - h.gi_code.co_firstlineno
    next(h)
    second = h.gi_frame is frame, frame.f_lasti, frame.f_lineno - h.gi_code.co_firstlineno, frame.f_locals["x"]
    next(h)
    third = frame.f_lasti, frame.f_lineno - h.gi_code.co_firstlineno, frame.f_back
    next(h, None)
    return first, second, third, h.gi_frame, frame.f_lineno - h.gi_code.co_firstlineno, dict(frame.f_locals)


def case_line_numbers_at_each_point():
    def g():
        yield (
            1
        )
        for i in [
            2,
            3,
        ]:
            x = [
                i,
                (yield i),
            ]
        try:
            yield 4
        finally:
            yield (yield
                   5)

    h = g()
    found = [h.gi_frame.f_lineno - h.gi_code.co_firstlineno]
    for value in h:
        found.append((value, h.gi_frame.f_lineno - h.gi_code.co_firstlineno, h.gi_frame.f_lasti))
    return found


def case_last_instruction_is_that_of_the_yield():
    def g():
        a = yield 1
        b = [0, (yield 2)]
        yield from [3]

    names = {i.offset: i.opname for i in dis.get_instructions(g)}
    h = g()
    return [(value, names.get(h.gi_frame.f_lasti)) for value in h]


def case_f_locals_of_suspended():
    def g(a):
        b = [a]
        c = yield b
        del b
        d = lambda: c
        yield d
        yield c, d()

    h = g(1)
    found = [dict(h.gi_frame.f_locals)]
    for value in steps(h, "next", ("sent",), "next"):
        found.append(sorted(h.gi_frame.f_locals) if h.gi_frame else None)
    return found


def case_f_locals_written_while_suspended():
    def g(a):
        b = 2
        for i in range(4):
            yield a, b, i
        try:
            yield c
        except UnboundLocalError as error:
            yield str(error)
        yield a + b
        c = 0

    h = g(1)
    found = [next(h)]
    h.gi_frame.f_locals["a"] = 10
    found.append(next(h))
    h.gi_frame.f_locals["b"] = [20]
    h.gi_frame.f_locals["i"] = "no effect on the loop"
    found.append(next(h))
    found.append(next(h))
    h.gi_frame.f_locals["b"] = 5
    found.append(next(h))
    found.append(next(h))
    return found


def case_f_locals_binds_what_was_unbound():
    def g():
        yield 1
        if not g:
            x = 0
        yield x

    h = g()
    next(h)
    h.gi_frame.f_locals["x"] = "from outside"
    return next(h)


def case_f_locals_of_cells():
    def outer():
        v = 1

        def g():
            nonlocal v
            yield v
            v += 1
            yield v

        return g, lambda: v

    g, read = outer()
    h = g()
    next(h)
    h.gi_frame.f_locals["v"] = 50
    return read(), next(h), read()


def case_f_back_while_running():
    def names():
        frame, found = sys._getframe(1), []
        while frame is not None and frame.f_code.co_name != "_invoke":
            if "cases" not in frame.f_code.co_filename:
                found.append(frame.f_code.co_name)
            frame = frame.f_back
        return found

    def inner():
        yield names()

    def outer():
        yield from inner()
        for x in inner():
            yield x
        yield next(inner())
        yield [*inner()]
        yield sum(inner(), [])

    return list(outer())


def case_f_back_changes_with_the_resumer():
    def g():
        while True:
            yield sys._getframe().f_back.f_code.co_name, h.gi_frame.f_back is sys._getframe(1)

    def one():
        return next(h)

    def two():
        for x in h:
            return x

    h = g()
    return one(), two(), one(), next(h), h.gi_frame.f_back


def case_frame_clear():
    def g():
        x = [1]
        try:
            yield x
        finally:
            log.append("finally")

    def running():
        yield outcome(sys._getframe().clear)

    log, fresh, started, done = [], g(), g(), g()
    next(started)
    frame = done.gi_frame
    list(done)
    return (
        outcome(fresh.gi_frame.clear),
        outcome(next, fresh),
        outcome(started.gi_frame.clear),
        outcome(frame.clear),
        log,
        next(running()),
        state(started)[:3],
    )


def case_frame_outlives_generator():
    """Finished ones only: CPython 3.13.0 crashes on the frame of a generator that died suspended."""

    def g():
        x = "local"
        yield sys._getframe()
        x = "later"
        yield
        return [x]

    def kept(how):
        h = g()
        frame = next(h)
        outcome(how, h)
        return frame

    frames = [kept(list), kept(lambda h: h.throw(KeyError)), kept(lambda h: (next(h), next(h)))]
    return [(dict(f.f_locals), f.f_lineno - g.__code__.co_firstlineno, f.f_back is not None) for f in frames]


def case_f_lineno_cannot_be_set():
    def g():
        yield 1
        yield 2

    h = g()
    next(h)
    return outcome(setattr, h.gi_frame, "f_lineno", 5), next(h)


def case_copy_and_pickle():
    def g():
        yield 1

    h = g()
    return [outcome(f, h)[0][1:2] for f in (copy.copy, copy.deepcopy, pickle.dumps)], outcome(copy.copy, h), next(h)


def case_comparisons_and_hash():
    def g():
        yield 1

    h, k = g(), g()
    return h == h, h == k, hash(h) == hash(h), len({h, k, h}), outcome(lambda: h < k), outcome(len, h), outcome(lambda: h[0]), outcome(reversed, h)


def case_traceback_printed():
    def inner(n):
        yield n
        raise ValueError(
            n,
        )

    def middle(n):
        x = n * 2
        yield from inner(
            x
        )

    def outer():
        for item in (
            middle(1)
        ):
            yield item

    stream = io.StringIO()
    try:
        for _ in outer():
            pass
    except ValueError as error:
        traceback.print_exc(file=stream)
        return stream.getvalue().replace(__file__, "F"), trail(error)


def case_print_stack_of_suspended():
    def g():
        yield 1
        yield 2

    h = g()
    next(h)
    stack = traceback.StackSummary.extract([(h.gi_frame, h.gi_frame.f_lineno)])
    return [(s.name, s.line) for s in stack], [n for n, _ in traceback.walk_stack(h.gi_frame)] == [h.gi_frame]
