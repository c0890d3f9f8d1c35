"""How generators end: finalizers, cycles, threads, recursion, what outlives what."""

import gc
import inspect
import sys
import threading
import weakref

from tests.cases import chain, outcome, trail


def state(g):
    return g.gi_running, g.gi_suspended, g.gi_frame is None, g.gi_yieldfrom, inspect.getgeneratorstate(g)


def case_weak_references():
    def g():
        yield 1

    h = g()
    dead = []
    ref = weakref.ref(h, lambda r: dead.append("dead"))
    first = ref() is h
    del h
    return first, ref(), dead


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
