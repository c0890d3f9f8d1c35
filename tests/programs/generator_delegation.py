"""``yield from``: what it delegates to, and what goes through it both ways."""

import collections
import itertools
import sys

from tests.cases import chain, finish, outcome, over, plain_list, plain_yield_from, steps, trail


def delegate(iterable):
    result = yield from iterable
    return "result", result


class OnlyNext:
    """An iterator without send, throw and close."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return self

    def __next__(self):
        if self.n == 0:
            raise StopIteration("exhausted")
        self.n -= 1
        return self.n


class Full(OnlyNext):
    """One that has them all, and tells what it gets."""

    def __init__(self, n, log):
        super().__init__(n)
        self.log = log

    def send(self, value):
        self.log.append(("send", value))
        if value == "stop":
            raise StopIteration("stopped by send")
        return "sent", value

    def throw(self, *error):
        self.log.append(("throw", len(error), str(error[0])))
        if len(self.log) > 5:
            raise error[0]
        return "thrown"

    def close(self):
        self.log.append("close")


def case_over_iterables():
    found = []
    for iterable in (
        [1, 2],
        (3,),
        "ab",
        {5: 6},
        {7},
        range(3),
        range(10**20, 10**20 + 2),
        map(str, [1]),
        zip("ab", [1, 2]),
        itertools.count(5),
        iter([]),
        collections.deque([1, 2]),
        b"xy",
        (x for x in (1, 2)),
        enumerate("ab"),
        reversed([1, 2]),
        {1: 2}.items(),
        iter(lambda: 5, 5),
        OnlyNext(2),
    ):
        found.append(plain_list(delegate(iterable), 4))
    return found


def case_results():
    def g():
        yield 1
        return "value"

    return [finish(delegate(x)) for x in (g(), [1], OnlyNext(1), plain_yield_from(g()), delegate(g()), delegate(plain_yield_from(delegate(g()))))]


@over((5,), (None,), (int,))
def case_over_what_is_not_iterable(x):
    return finish(delegate(x))


def case_iter_that_fails():
    class Bad:
        def __iter__(self):
            raise KeyError("no iter")

    class NoIterator:
        def __iter__(self):
            return 5

    class OldStyle:
        def __getitem__(self, i):
            if i > 2:
                raise IndexError
            return i * 10

    return finish(delegate(Bad())), finish(delegate(NoIterator())), finish(delegate(OldStyle()))


def case_send_goes_through():
    def inner():
        got = []
        while len(got) < 4:
            got.append((yield len(got)))
        return got

    return [finish(make(inner()), "a", None, 0, "b") for make in (delegate, plain_yield_from, lambda g: delegate(plain_yield_from(delegate(g))))]


def case_send_to_c_iterator():
    return steps(delegate([1, 2, 3]), "next", ("x",), "next"), steps(delegate(range(3)), "next", (None,), ("y",), "next")


def case_send_to_only_next():
    return steps(delegate(OnlyNext(3)), "next", "next", ("x",), "next")


def case_full_iterator():
    log = []
    return (
        steps(delegate(Full(3, log)), "next", "next", ("a",), KeyError("k"), (None,), ("stop",), "next"),
        steps(delegate(Full(3, log)), "next", "close", "next"),
        steps(delegate(Full(3, log)), "next", GeneratorExit("e"), "next"),
        steps(delegate(Full(3, log)), "next", ValueError("v"), "next", "next"),
        log,
    )


def case_throw_into_iterator_without_throw():
    return [steps(delegate(x), "next", KeyError("k"), "next") for x in ([1, 2], OnlyNext(2), range(2), "ab")]


def case_close_of_iterator_without_close():
    return [steps(delegate(x), "next", "close", "next") for x in ([1, 2], OnlyNext(2), range(2))]


def case_methods_that_fail():
    class Bad(OnlyNext):
        def __init__(self, error):
            super().__init__(5)
            self.error = error

        def fail(self, *args):
            raise self.error

        send = throw = close = fail

    found = []
    for error in (KeyError("k"), StopIteration("s"), GeneratorExit("g")):
        for action in (("x",), ValueError("v"), "close", GeneratorExit("thrown")):
            found.append(steps(delegate(Bad(error)), "next", action, "next"))
    return found


def case_attributes_that_fail():
    class Bad(OnlyNext):
        def __getattr__(self, name):
            if name in ("send", "throw", "close"):
                raise ZeroDivisionError(name)
            raise AttributeError(name)

    return [steps(delegate(Bad(3)), "next", action, "next") for action in (("x",), KeyError("k"), "close", GeneratorExit())]


def case_throw_through_three():
    def inner(n):
        try:
            if n:
                yield from inner(n - 1)
            else:
                yield "innermost"
        except KeyError as error:
            log.append((n, error.args))
            if n < 2:
                raise ValueError(n) from error
            yield "caught"
        except ValueError as error:
            log.append((n, chain(error)))
            raise KeyError(n)
        finally:
            log.append(("finally", n))

    log = []
    return steps(inner(3), "next", KeyError("thrown"), "next", "next"), log


def case_close_through_three():
    def inner(n):
        try:
            if n:
                yield from inner(n - 1)
            else:
                yield "innermost"
        except GeneratorExit:
            log.append(("exit", n))
            if n == 1:
                return "swallowed"
            raise
        finally:
            log.append(("finally", n))
        log.append(("after", n))

    log = []
    return steps(inner(3), "next", "close", "next"), log


def case_inner_ignores_close():
    def inner():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    def outer():
        try:
            yield from inner()
        except RuntimeError as error:
            yield chain(error)

    return steps(outer(), "next", "close", "next"), steps(delegate(inner()), "next", "close", "next"), steps(outer(), "next", GeneratorExit(), "next")


def case_generator_exit_thrown_inward():
    def inner():
        try:
            yield 1
        finally:
            log.append("inner")

    def outer():
        try:
            yield from inner()
        except GeneratorExit as error:
            log.append(error.args)
            yield "caught"

    log = []
    return steps(outer(), "next", GeneratorExit("x"), "next"), log


def case_inner_raises():
    def inner():
        yield 1
        raise KeyError("inner")

    def outer():
        try:
            yield from inner()
        except KeyError as error:
            yield trail(error), chain(error)
        try:
            yield from inner()
        finally:
            yield "finally"

    return finish(outer())


def case_inner_raises_stop_iteration():
    def inner():
        yield 1
        raise StopIteration("explicit")

    class Raises(OnlyNext):
        def __next__(self):
            raise StopIteration("first")

    return finish(delegate(inner())), finish(delegate(Raises(1)))


def case_stop_iteration_thrown_into_inner():
    def inner():
        try:
            yield 1
        except StopIteration as stop:
            return "caught", stop.value

    def passive():
        yield 1

    return [steps(delegate(x), "next", StopIteration("thrown"), "next") for x in (inner(), passive(), [1, 2], plain_yield_from(inner()))]


def case_two_outer_share_one_inner():
    def inner():
        for i in range(6):
            got = yield i
            if got:
                yield got

    shared = inner()
    a, b = delegate(shared), delegate(shared)
    found = [next(a), next(b), a.send("to a"), next(b), outcome(a.close), outcome(next, b), outcome(next, shared)]
    return found


def case_inner_already_running():
    def g():
        yield 1
        yield from outer

    def wrap():
        yield from inner

    inner = g()
    outer = wrap()
    return steps(outer, "next", "next", "next"), outcome(next, inner)


def case_inner_finished_or_closed():
    def inner():
        yield 1
        return 2

    done, closed = inner(), inner()
    list(done)
    closed.close()
    return finish(delegate(done)), finish(delegate(closed))


def case_inner_started_before():
    def inner():
        yield 1
        yield 2
        return 3

    g = inner()
    next(g)
    h = inner()
    next(h)
    return finish(delegate(g)), finish(plain_yield_from(h))


def case_gi_yieldfrom():
    def inner():
        yield outer_generator.gi_yieldfrom
        yield 2

    items = iter([5])

    def outer():
        yield outer_generator.gi_yieldfrom
        yield from kept
        yield outer_generator.gi_yieldfrom
        yield from items

    kept = inner()
    outer_generator = outer()
    found = [outer_generator.gi_yieldfrom]
    for value in outer_generator:
        found.append((value, outer_generator.gi_yieldfrom is kept, outer_generator.gi_yieldfrom is items))
    return found, outer_generator.gi_yieldfrom


def case_yield_from_in_expressions():
    def inner(x):
        yield x
        return x * 10

    def g():
        a = (yield from inner(1)) + (yield from inner(2))
        b = [a, (yield from inner(3)), *((yield from ([x, x] for x in (1,))) or ())]
        return b, max((yield from inner(4)), (yield from inner(5)), key=(yield from (lambda: ((yield 6), abs)[1])()))

    return finish(g())


def case_yield_from_in_loops_and_blocks():
    def inner(n):
        for i in range(n):
            try:
                yield i
            except KeyError:
                yield "key"
        return n

    def g():
        for n in range(3):
            try:
                with_sum = 0
                with_sum += yield from inner(n)
            except ValueError as error:
                yield chain(error)
            finally:
                yield "f", n, with_sum
        while (yield from inner(1)) == 1:
            break
        else:
            yield "not reached"

    return (
        steps(g(), "next", "next", KeyError("k"), *["next"] * 6),
        steps(g(), "next", "next", "next", "next", ValueError("v"), *["next"] * 4),
        steps(g(), "next", "next", KeyError("k"), KeyError("again"), "next", "next"),
    )


@over((1,), (10,), (200,))
def case_deep_delegation(depth):
    def nest(n):
        if n == 0:
            got = yield "bottom"
            yield got
            return 0
        return (yield from nest(n - 1)) + 1

    return finish(nest(depth), "sent"), steps(nest(depth), "next", "close")[1], len(trail(caught(nest(depth))))


def caught(generator):
    next(generator)
    try:
        generator.throw(KeyError("deep"))
    except KeyError as error:
        return error


def case_mixed_with_interpreted():
    def leaf(n):
        total = 0
        for i in range(n):
            try:
                total += (yield i) or 0
            except KeyError as error:
                total += error.args[0]
        return total

    def middle(n):
        return (yield from plain_yield_from(leaf(n)))

    g = delegate(plain_yield_from(middle(4)))
    return steps(g, "next", (1,), KeyError(10), (2,), (3,)), plain_list(plain_yield_from(middle(3))), sum(middle(4))


def case_traceback_through_three_suspended():
    def inner():
        yield 1
        {}["missing"]

    def middle():
        yield from inner()

    def outer():
        yield 0
        yield from middle()

    list(outer())


def case_thrown_traceback_through_three():
    def inner():
        try:
            yield 1
        finally:
            pass

    def middle():
        yield from inner()

    g = delegate(middle())
    next(g)
    g.throw(ValueError("from outside"))


def case_exception_state_through_delegation():
    def inner():
        yield chain(sys.exception())
        try:
            raise IndexError
        except IndexError:
            yield chain(sys.exception())

    def outer():
        try:
            raise KeyError
        except KeyError:
            yield from inner()
        yield from inner()

    g = outer()
    found = []
    for kind in (None, ValueError, None, TypeError):
        if kind is None:
            found.append(outcome(next, g))
        else:
            try:
                raise kind
            except kind:
                found.append(outcome(next, g))
    return found


def case_delegate_to_itself_forever():
    def g():
        yield from g()

    sys.setrecursionlimit(220)
    try:
        return [step[:2] for step in outcome(next, g())]
    finally:
        sys.setrecursionlimit(1000)


def case_flatten():
    def flatten(x):
        if isinstance(x, (list, tuple)):
            for y in x:
                yield from flatten(y)
        else:
            yield x

    return list(flatten([1, [2, (3, [4, []]), [[5]]], (), 6]))


def case_scheduler():
    def worker(name, n):
        for i in range(n):
            log.append((name, i))
            yield
        return name

    def task(name, n):
        result = yield from worker(name, n)
        log.append(("done", result))

    log = []
    queue = collections.deque([task("a", 2), task("b", 3), task("c", 1)])
    while queue:
        step = queue.popleft()
        try:
            next(step)
        except StopIteration:
            continue
        queue.append(step)
    return log


def case_coroutine_in_yield_from():
    async def coroutine():
        return 5

    c = coroutine()
    found = finish(delegate(c))
    c.close()
    return found
