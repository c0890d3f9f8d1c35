"""What can be awaited, what cannot, and what is said of it."""

import sys
import types

from tests.cases import chain, finish, outcome, steps


@types.coroutine
def pause(value):
    """What a coroutine suspends on here: gives what is sent in."""
    return (yield value)


async def give(value):
    return value


class Awaitable:
    """Awaits as its iterator says."""

    def __init__(self, iterator):
        self.iterator = iterator

    def __await__(self):
        return self.iterator


def case_wrong_awaitables():
    async def f(x):
        return await x

    class NotAnIterator:
        def __await__(self):
            return 5

    class ReturnsCoroutine:
        def __await__(self):
            return give(1)

    class ReturnsIterable:
        def __await__(self):
            return [1]

    class Raises:
        def __await__(self):
            raise ZeroDivisionError("no await")

    class InstanceOnly:
        def __init__(self):
            self.__await__ = lambda: iter([])

    class Hidden:
        __await__ = None

    def generator():
        yield 1

    async def agen():
        yield 1

    things = (5, None, [1], "text", generator(), (x for x in ()), NotAnIterator(), ReturnsIterable(), Raises(), InstanceOnly(), Hidden(), f, agen(), object)
    return [finish(f(x)) for x in things], finish(f(ReturnsCoroutine()))


def case_await_methods_of_all_kinds():
    async def f(x):
        return "result", await x

    class ByGenerator:
        def __await__(self):
            got = yield "from __await__"
            return got

    class ByCoroutine:
        def __await__(self):
            return give("by coroutine").__await__()

    class ByCall:
        def __await__(self):
            return (yield from pause("delegated"))

    class OnlyNext:
        def __init__(self):
            self.n = 2

        def __iter__(self):
            return self

        def __next__(self):
            self.n -= 1
            if self.n:
                return "next"
            raise StopIteration("value of stop")

    return (
        finish(f(ByGenerator()), "sent"),
        finish(f(ByCoroutine())),
        finish(f(ByCall()), "sent"),
        finish(f(Awaitable(iter([1, 2])))),
        finish(f(Awaitable(OnlyNext()))),
        finish(f(Awaitable(iter(())))),
        finish(f(Awaitable(range(3)))),
        finish(f(Awaitable(map(str, [1, 2])))),
        finish(f(Awaitable(x for x in (1, 2)))),
    )


def case_awaitables_without_send_and_throw():
    async def f(x):
        try:
            return await x
        finally:
            log.append(chain(sys.exception()))

    log = []
    return (
        [steps(f(Awaitable(iter([1, 2]))), "next", action, "next") for action in (("x",), KeyError("k"), "close")],
        log,
    )


def case_awaitables_with_methods():
    class Full:
        def __iter__(self):
            return self

        def __next__(self):
            return "next"

        def send(self, value):
            log.append(("send", value))
            if value == "stop":
                raise StopIteration("stopped")
            return "sent"

        def throw(self, *error):
            log.append(("throw", len(error)))
            return "thrown"

        def close(self):
            log.append("close")

    async def f():
        return await Awaitable(Full())

    log = []
    return steps(f(), "next", (1,), KeyError("k"), (None,), ("stop",)), steps(f(), "next", "close"), steps(f(), "next", GeneratorExit()), log


def case_types_coroutine():
    @types.coroutine
    def decorated(n):
        total = 0
        for i in range(n):
            total += yield i
        return total

    @types.coroutine
    def returns_coroutine():
        return give(7)

    @types.coroutine
    def returns_other():
        return 5

    @types.coroutine
    def returns_generator():
        return (x for x in (1, 2))

    async def f(make, *args):
        return await make(*args)

    def plain():
        return (yield from decorated(2))

    g = decorated(1)
    return (
        finish(f(decorated, 3), 1, 2, 3),
        finish(f(returns_coroutine)),
        finish(f(returns_other)),
        finish(f(returns_generator)),
        finish(plain(), 1, 2),
        type(g) is types.GeneratorType,
        bool(g.gi_code.co_flags & 0x100),
        list(decorated(0)),
        outcome(types.coroutine, 5),
    )


def case_generator_based_awaits_coroutine():
    @types.coroutine
    def f():
        a = yield from give(1)
        b = yield from pause("p")
        return a, b

    def plain():
        yield from give(1)

    return finish(f(), "sent"), finish(plain())
