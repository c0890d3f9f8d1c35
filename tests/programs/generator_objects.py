"""What a generator object shows of itself: states, frames, names, types, finalizers."""

import collections.abc
import copy
import dis
import gc
import inspect
import io
import pickle
import sys
import threading
import traceback
import types
import weakref

from tests.cases import act, chain, finish, outcome, over, plain_list, steps, trail


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


def case_weak_references():
    def g():
        yield 1

    h = g()
    dead = []
    ref = weakref.ref(h, lambda r: dead.append("dead"))
    first = ref() is h
    del h
    return first, ref(), dead


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


def case_finally_runs_on_del():
    def g():
        try:
            yield 1
        finally:
            log.append(("finally", sys.exception() and chain(sys.exception())))

    log = []
    h, k = g(), g()
    next(h)
    del h, k
    log.append("after del")
    return log


def case_finally_runs_on_del_in_handler():
    def g():
        try:
            yield 1
        finally:
            log.append(chain(sys.exception()))

    log = []
    try:
        raise ValueError("outer")
    except ValueError:
        h = g()
        next(h)
        h = None
        log.append(chain(sys.exception()))
    return log


def case_exception_in_finally_on_del():
    def g():
        try:
            yield 1
        finally:
            raise KeyError("ignored")

    h = g()
    next(h)
    del h
    return sys.exception()


def case_yield_in_finally_on_del():
    def g():
        try:
            yield 1
        finally:
            yield 2

    h = g()
    next(h)
    del h


def case_locals_freed_in_order():
    class Loud:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            log.append(self.name)

    def g(a):
        b = Loud("b")
        yield [Loud("on the stack"), (yield 1)]
        c = Loud("c")
        yield 2

    log = []
    for n in range(4):
        h = g(Loud("a"))
        for _ in range(n):
            next(h)
        del h
        log.append(n)
        k = g(Loud("a"))
        for _ in range(n):
            next(k)
        k.close()
        log.append(("closed", n))
    list(g(Loud("a")))
    return log


def case_resurrection():
    def g():
        try:
            yield 1
        finally:
            saved.append(sys._getframe())
            log.append("finally")

    def generator_saved():
        try:
            yield holder["h"]
        except GeneratorExit:
            kept.append("exit")
            raise

    log, saved, kept, holder = [], [], [], {}
    h = g()
    next(h)
    del h
    frame = saved.pop()
    holder["h"] = generator_saved()
    next(holder["h"])
    holder.clear()
    return log, kept, frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno


def case_cycle_through_suspended():
    class Loud:
        def __del__(self):
            log.append("freed")

    def g():
        me = yield
        loud = Loud()
        try:
            yield me
        finally:
            log.append("finally")

    log = []
    h = g()
    next(h)
    h.send(h)
    del h
    log.append("still there")
    gc.collect(0)
    return log


def case_cycle_not_started():
    def g(holder):
        yield holder

    holder = []
    h = g(holder)
    holder.append(h)
    ref = weakref.ref(h)
    del h, holder
    before = ref() is None
    gc.collect(0)
    return before, ref() is None


def case_cycle_on_the_operand_stack():
    class Node:
        pass

    def g(node):
        return [node, (yield node), (yield)]

    node = Node()
    ref = weakref.ref(node)
    node.generator = g(node)
    next(node.generator)
    node.generator.send(1)
    del node
    before = ref() is None
    gc.collect(0)
    return before, ref() is None


def case_collector_sees_what_a_suspended_generator_holds():
    def g(a):
        b = [a]
        yield [b, (yield)]

    item = ("x", [])
    h = g(item)
    next(h)
    return any(r is item for r in gc.get_referents(h)), sum(type(r) is list for r in gc.get_referents(h)), gc.is_tracked(h)


def case_unraisable_hook():
    def g():
        try:
            yield 1
        finally:
            1 / 0

    seen = []
    old, sys.unraisablehook = sys.unraisablehook, lambda u: seen.append((u.exc_type, str(u.exc_value), type(u.object), u.err_msg, trail(u.exc_value)))
    try:
        h = g()
        next(h)
        del h
    finally:
        sys.unraisablehook = old
    return seen


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


def case_shared_among_threads():
    def g():
        for i in range(200):
            yield i

    def take():
        while True:
            with lock:
                x = next(h, None)
            if x is None:
                return
            found.append(x)

    h, lock, found = g(), threading.Lock(), []
    threads = [threading.Thread(target=take) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sorted(found) == list(range(200))


def case_resumed_in_another_thread():
    def g():
        for i in range(3):
            try:
                raise KeyError(i)
            except KeyError:
                yield threading.current_thread() is threading.main_thread(), chain(sys.exception())

    def run(h):
        found.append(next(h))

    h, found = g(), []
    for _ in range(2):
        t = threading.Thread(target=run, args=(h,))
        t.start()
        t.join()
        found.append(outcome(next, h))
    return found


def case_already_executing_in_another_thread():
    def g():
        inside.set()
        leave.wait()
        yield 1

    inside, leave, found = threading.Event(), threading.Event(), []
    h = g()
    t = threading.Thread(target=lambda: found.append(next(h)))
    t.start()
    inside.wait()
    found.append(outcome(next, h))
    found.append(state(h))
    leave.set()
    t.join()
    return found[:2], found[2:]


def case_recursion_error_in_generator():
    def g(n):
        yield n
        yield from g(n + 1)

    def plain():
        def down(n):
            return down(n + 1)

        try:
            yield 1
            down(0)
        except RecursionError as error:
            yield str(error)[:32]
        yield 3

    sys.setrecursionlimit(250)
    try:
        h = g(0)
        count, error = 0, None
        try:
            for x in h:
                count = x
        except RecursionError as found:
            error = str(found)[:32]
        return count > 50, error, outcome(next, h), state(h)[2:], list(plain())
    finally:
        sys.setrecursionlimit(1000)


def case_function_and_code_die_first():
    def make():
        def g(x):
            yield x
            yield [x, x]

        return g("x")

    h = make()
    gc.collect(0)
    namespace = {}
    exec("def g():\n    for i in range(3):\n        yield i, name\nname = 'n'\n", namespace)
    k = namespace["g"]()
    next(k)
    del namespace["g"]
    gc.collect(0)
    return list(h), list(k)


def case_code_replaced_while_suspended():
    def g():
        yield "old 1"
        yield "old 2"

    def other():
        yield "new 1"

    h = g()
    next(h)
    g.__code__ = other.__code__
    return next(h), list(g()), h.gi_code is g.__code__, outcome(setattr, g, "__code__", (lambda: 5).__code__), g()


def case_defaults_replaced_while_suspended():
    def g(a=1, *, b=2):
        yield a, b
        yield a, b

    h = g()
    next(h)
    g.__defaults__, g.__kwdefaults__ = (10,), {"b": 20}
    return next(h), list(g())
