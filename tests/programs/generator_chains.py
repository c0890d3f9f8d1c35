"""Chains of generators and coroutines that wait for one another: what the ones between show and do while the innermost runs."""

import inspect
import sys
import types
import warnings

from tests.cases import act, chain, finish, outcome, over, plain_await, plain_list, plain_yield_from, steps, trail


@types.coroutine
def pause(value):
    return (yield value)


def names_and_lines(depth):
    """The calling functions of the caller, as lines within them."""
    found, frame = [], sys._getframe(1)
    for _ in range(depth):
        code = frame.f_code
        found.append((code.co_name, frame.f_lineno - code.co_firstlineno, frame.f_lasti))
        frame = frame.f_back
    return found


def case_frames_between():
    def inner():
        for i in range(3):
            yield names_and_lines(3)

    def middle():
        x = 1
        yield from inner()

    def outer():
        x = yield from (
            middle()
        )

    return list(outer()), plain_list(outer()), finish(outer())


def case_frames_of_waiting_coroutines():
    async def inner():
        found = []
        for i in range(3):
            found.append((await pause(i), names_and_lines(3)))
        return found

    async def middle():
        return [
            await inner()
        ]

    async def outer():
        return await middle()

    return finish(outer()), finish(plain_await(middle()))


def case_states_between():
    def inner():
        for i in range(2):
            yield [(g.gi_running, g.gi_suspended, type(g.gi_yieldfrom).__name__, inspect.getgeneratorstate(g)) for g in made]

    def middle():
        made.append(inner())
        yield from made[-1]

    def outer():
        made.append(middle())
        yield from made[-1]

    made = []
    made.append(outer())
    found = []
    for x in made[0]:
        found.append((x, [(g.gi_running, g.gi_suspended, type(g.gi_yieldfrom).__name__) for g in made]))
    return found


def case_resuming_those_between():
    def inner():
        for i in range(3):
            yield outcome(next, made[0]), outcome(made[1].send, 1), outcome(made[1].throw, KeyError), outcome(made[0].close), outcome(next, made[2])

    def middle():
        made.append(inner())
        yield from made[-1]

    def outer():
        made.append(middle())
        yield from made[-1]

    made = []
    made.append(outer())
    return list(made[0])


def case_entered_in_the_middle():
    def inner():
        for i in range(8):
            got = yield i
            if got:
                yield got
        return "inner"

    def middle(it):
        return "middle", (yield from it)

    def outer(it):
        return "outer", (yield from it)

    a = inner()
    b = middle(a)
    c = outer(b)
    return [next(c), next(b), next(a), c.send("c"), next(c), b.send("b"), next(a), next(c), next(b), next(a), outcome(next, a), outcome(next, b), outcome(next, c)]


@over((0,), (1,), (2,))
def case_ended_behind_ones_back(who):
    def inner():
        try:
            yield 1
            yield 2
            return "inner"
        finally:
            log.append("inner finally")

    def middle(it):
        try:
            return "middle", (yield from it)
        finally:
            log.append("middle finally")

    def outer(it):
        return "outer", (yield from it)

    log, found = [], []
    for how in (list, lambda g: g.close(), lambda g: g.throw(KeyError("k")), lambda g: g.send(None)):
        a = inner()
        b = middle(a)
        c = outer(b)
        next(c)
        found.append(outcome(how, (a, b, c)[who]))
        found.append([outcome(next, c) for _ in range(3)])
        del a, b, c
    return found, log


def case_exceptions_in_between():
    def inner(n):
        yield "inner", n
        if n % 2:
            raise KeyError(n)
        raise ValueError(n)

    def middle():
        for n in range(4):
            try:
                yield from inner(n)
            except KeyError as error:
                yield "middle", trail(error)
            finally:
                yield "finally", n

    def outer():
        while True:
            try:
                yield from middle()
            except ValueError as error:
                yield "outer", trail(error), chain(error)
                if len(seen) > 6:
                    return "done"

    seen = []
    for x in outer():
        seen.append(x)
    return seen


def case_what_is_handled_in_between():
    def inner():
        yield chain(sys.exception())
        try:
            raise IndexError("inner")
        except IndexError:
            yield chain(sys.exception())
        yield chain(sys.exception())

    def middle():
        try:
            raise KeyError("middle")
        except KeyError:
            yield from inner()
            yield chain(sys.exception())

    def outer():
        yield from middle()
        try:
            raise ValueError("outer")
        except ValueError:
            yield from middle()

    g = outer()
    found = []
    for number in range(8):
        try:
            raise TypeError(number)
        except TypeError:
            found.append(next(g))
            found.append(chain(sys.exception()))
    return found


@over((2,), (31,), (32,), (33,), (100,))
def case_long_chains(depth):
    def nest(n):
        if n == 0:
            total = 0
            for i in range(3):
                total += (yield names_and_lines(3)[1:]) or i
            return total
        result = yield from nest(n - 1)
        return result + 1

    def fails(n):
        if n == 0:
            yield "deep"
            raise KeyError("deep")
        try:
            yield from fails(n - 1)
        finally:
            log.append(n)

    log = []
    found = finish(nest(depth), 10, 20), steps(nest(depth), "next", ("x",), ValueError("v"))[2], steps(nest(depth), "next", "next", "close")
    g = fails(depth)
    next(g)
    try:
        next(g)
    except KeyError as error:
        return found, len(trail(error)), log == list(range(1, depth + 1))


@over((2,), (33,), (100,))
def case_long_chains_of_coroutines(depth):
    async def nest(n):
        if n == 0:
            return [await pause(i) for i in range(3)]
        return [n % 3, *(await nest(n - 1))][-4:]

    async def fails(n):
        try:
            if n == 0:
                await pause("deep")
                raise KeyError("deep")
            await fails(n - 1)
        except KeyError as error:
            if n != depth // 2:
                raise
            await pause(len(trail(error)))
            raise ValueError("half") from None

    return finish(nest(depth), *"abc"), finish(fails(depth)), finish(plain_await(nest(depth)), ValueError("thrown"))


def case_interpreted_links_between():
    def leaf():
        total = 0
        for i in range(6):
            try:
                total += (yield i) or 0
            except KeyError as error:
                total += error.args[0]
        return total

    def wrap(it):
        return (yield from it)

    def chains():
        yield wrap(plain_yield_from(wrap(wrap(leaf()))))
        yield plain_yield_from(wrap(plain_yield_from(leaf())))
        yield wrap(wrap(plain_yield_from(wrap([1, 2, 3, 4, 5, 6]))))
        yield wrap(wrap(plain_yield_from(wrap(leaf()))))

    return [steps(g, "next", "next", KeyError(10), "next", (5,), KeyError(100), "next", "next") for g in chains()]


def case_ends_of_all_kinds():
    class Future:
        def __init__(self):
            self.n = 0

        def __await__(self):
            while self.n < 2:
                self.n += 1
                yield "future", self.n
            return "result"

    class Iterator:
        def __await__(self):
            return iter([1, 2])

    async def items():
        for i in range(2):
            yield i, await pause("item")

    async def leaf():
        return await pause("leaf")

    async def inner(what):
        return await what

    async def middle(what):
        return await inner(what)

    async def outer(what):
        return await middle(what)

    h = items()
    return [finish(outer(make())) for make in (Future, Iterator, leaf, h.__anext__, h.__anext__, h.__anext__, lambda: anext(items(), "d"), lambda: h.aclose(), lambda: pause("p"), lambda: 5)]


def case_locals_in_between_written_meanwhile():
    def inner():
        sys._getframe(1).f_locals["x"] = "from inner, first"
        yield 1
        sys._getframe(1).f_locals["x"] += ", later"
        sys._getframe(2).f_locals["y"] = "outer, too"
        yield 2

    def middle():
        x = "own"
        yield from inner()
        yield x

    def outer():
        y = "own"
        it = middle()
        yield from it
        yield y

    g = outer()
    found = [next(g), next(g)]
    g.gi_frame.f_locals["y"] = found
    return [next(g), next(g) is found]


def case_warnings_and_stacks_seen_from_inside():
    def inner():
        for level in (1, 2, 3):
            warnings.warn("from inside", stacklevel=level)
            yield [(info.function, info.lineno - info.frame.f_code.co_firstlineno, info.code_context[0].strip()) for info in inspect.stack()[:3]]

    def middle():
        yield from inner()

    def outer():
        yield 0
        yield from middle()

    first = middle.__code__.co_firstlineno
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = list(outer())
    return found, [w.lineno - first for w in caught]


def case_thrown_then_sent():
    def inner():
        found = []
        for i in range(12):
            try:
                found.append((yield i))
            except KeyError as error:
                found.append(error.args[0])
        return found

    def wrap(it):
        return (yield from it)

    g = wrap(wrap(wrap(inner())))
    return steps(g, "next", (1,), KeyError("a"), (2,), KeyError("b"), KeyError("c"), (3,), (4,), KeyError("d"), "next", ("x",), "next", "next", "next")


def case_caught_in_between_and_gone_on():
    def inner(n):
        try:
            yield "inner", n
        except LookupError as error:
            raise ValueError(n) from error

    def middle():
        n = 0
        while n < 5:
            try:
                yield from inner(n)
                n += 1
            except ValueError as error:
                n += 2
                got = yield "caught", chain(error)

    def outer():
        return (yield from middle())

    return steps(outer(), "next", KeyError("a"), "next", IndexError("b"), ("x",), "next", KeyError("c"), "next", "next")


def case_nobody_else_holds_those_between():
    class Loud:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            log.append(self.name)

    def inner(loud):
        yield 1
        yield 2

    def middle(loud):
        other = Loud("local of middle")
        yield from inner(Loud("argument of inner"))
        log.append("inner is gone")

    def outer():
        yield from middle(Loud("argument of middle"))
        log.append("middle is gone")
        yield 3

    log = []
    found = list(outer())
    log.append("----")
    g = outer()
    next(g)
    next(g)
    del g
    return found, log


def case_recursion_limit_met_in_a_chain():
    def nest(n):
        if n == 0:
            for limit in range(3):
                yield outcome(down, 0)[0][:2]
        yield from nest(n - 1)

    def down(n):
        return down(n + 1)

    def bottomless(n):
        yield n
        yield from bottomless(n + 1)

    def links(g):
        count = 0
        while g is not None:
            g = g.gi_yieldfrom
            count += 1
        return count

    sys.setrecursionlimit(200)
    try:
        g, h = nest(40), bottomless(0)
        found = [next(g), next(g), next(g)]
        reached = 0
        try:
            for reached in h:
                last = links(h)
        except RecursionError as error:
            found.append((str(error), reached == last - 1, reached > 100, h.gi_frame))
        return found
    finally:
        sys.setrecursionlimit(1000)


def case_limit_lowered_while_a_chain_waits():
    def nest(n):
        if n == 0:
            while True:
                yield "innermost"
        yield from nest(n - 1)

    g = nest(150)
    found = [next(g), next(g)]
    sys.setrecursionlimit(120)
    try:
        found.append(outcome(next, g)[0][:2])
    finally:
        sys.setrecursionlimit(1000)
    return found, outcome(next, g), g.gi_frame


def case_hot():
    def leaf(n):
        total = 0
        for i in range(n):
            total += (yield total) or i
        return total

    def wrap(it, by):
        total = 0
        for i in range(2):
            total += yield from it(by)
        return total

    def outer(n):
        a = yield from wrap(leaf, n)
        b = yield from wrap(lambda m: plain_yield_from(leaf(m)), n)
        return a, b

    g = outer(250)
    found = [next(g)]
    for i in range(1000):
        found.append(outcome(g.send, i % 5 or None))
        if isinstance(found[-1], list):
            break
    return found[-2:], len(found), sum(found[:-1])


def case_hot_coroutines():
    async def leaf(n):
        return n + (await pause(n) or 0)

    async def middle(n):
        x = 0
        for i in range(n):
            x += await leaf(i)
        return x

    async def outer(n):
        return await middle(n), await middle(2)

    return finish(outer(300), *range(200))[1:], sum(finish(outer(300))[0])


def case_self_reference_in_a_chain():
    def a():
        yield 1
        yield from made["b"]

    def b():
        yield from made["a"]

    made = {}
    made["a"], made["b"] = a(), b()
    return [outcome(next, made["b"]) for _ in range(3)], outcome(next, made["a"])


def case_generator_and_coroutine_objects_alternate():
    @types.coroutine
    def delegate(it):
        return "delegate", (yield from it)

    async def f(it):
        return "f", await it

    async def bottom():
        return await pause("bottom")

    return finish(f(delegate(f(delegate(bottom())))), "sent"), steps(f(delegate(f(bottom()))), "next", KeyError("k"), "next")


def case_act_on_each_link():
    def wrap(it):
        try:
            return (yield from it)
        except KeyError:
            return (yield "caught")

    found = []
    for link in range(4):
        for number in range(3):
            links = [iter([1, 2, 3])]
            for _ in range(4):
                links.append(wrap(links[-1]))
            first = next(links[-1])
            action = ("next", KeyError("k"), "close")[number]
            found.append((first, act(links[1 + link], action), [outcome(next, links[-1]) for _ in range(3)]))
    return found
