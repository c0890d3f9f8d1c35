"""Generator functions: what goes in and comes out, arguments, closures, methods, consumers."""

import sys

from tests.cases import finish, outcome, over, plain_list, steps


def pair(*values, **named):
    return values, sorted(named.items())


@over((0,), (1,), (5,))
def case_counts(n):
    def count(stop):
        i = 0
        while i < stop:
            yield i
            i += 1

    return list(count(n)), tuple(count(n)), sum(count(n)), [x for x in count(n)], plain_list(count(n))


def case_yields_nothing():
    def nothing():
        return
        yield

    return list(nothing()), outcome(next, nothing()), outcome(next, nothing(), "default")


def case_body_does_not_run_at_the_call():
    log = []

    def g(x=log.append("default")):
        log.append("body")
        yield 1

    made = g()
    log.append("made")
    next(made)
    return log


@over(("a",), (None,), ([1],), (lambda: (object(),)))
def case_argument_handed_through(x):
    def g(value):
        yield value
        value = yield value
        yield value

    h = g(x)
    return [next(h) is x, next(h) is x, h.send(x) is x, next(h, "end")]


def case_send_values():
    def echo():
        got = yield "start"
        while got is not None:
            got = yield ("got", got)
        return "end"

    return finish(echo(), 1, "two", [3], 4.5)


def case_send_before_start():
    def g():
        x = yield 1
        yield x

    h = g()
    return outcome(h.send, 5), outcome(h.send, None), outcome(h.send, 5), outcome(h.send, 5), outcome(h.send, 5)


def case_unpacks_generator():
    def g(n):
        for i in range(n):
            yield i

    a, b, c = g(3)
    d, *e = g(4)

    def wrong(n):
        x, y = g(n)

    return a, b, c, d, e, [*g(2), *g(2)], {*g(2)}, pair(*g(3)), outcome(wrong, 1), outcome(wrong, 3)


def case_return_forms():
    def bare():
        yield 1
        return

    def value():
        return 5
        yield

    def of_yield():
        return (yield 1)

    def a_tuple():
        yield
        return 1, 2

    return finish(bare()), finish(value()), finish(of_yield(), "sent"), finish(a_tuple())


def case_stop_iteration_value():
    def g(x):
        yield
        return x

    found = []
    for value in (None, 0, (1, 2), (), StopIteration(3), [4], KeyError("k")):
        h = g(value)
        next(h)
        try:
            next(h)
        except StopIteration as stop:
            found.append((stop.value, stop.args, stop.value is value))
    return found


def case_stop_iteration_in_the_body():
    def explicit():
        yield 1
        raise StopIteration(5)

    def by_next():
        yield 1
        next(iter(()))

    def caught():
        try:
            next(iter(()))
        except StopIteration as stop:
            yield stop.value
        return 7

    def subclass():
        class Sub(StopIteration):
            pass

        yield 1
        raise Sub(6)

    def async_stop():
        yield 1
        raise StopAsyncIteration(6)

    return [finish(g()) for g in (explicit, by_next, caught, subclass, async_stop)]


def case_runtime_error_from_stop_iteration_details():
    def g():
        yield
        raise StopIteration("x")

    h = g()
    next(h)
    try:
        next(h)
    except RuntimeError as error:
        cause = error.__cause__
        return str(error), cause.value, error.__context__ is cause, error.__suppress_context__, next(h, "finished")


def case_uncaught_in_generator():
    def g(d):
        yield 1
        d["missing"]

    for x in g({}):
        pass


def case_uncaught_through_two():
    def inner():
        yield 1
        yield 1 / 0

    def outer():
        for x in inner():
            yield x

    return list(outer())


def case_reentry():
    def g():
        try:
            next(h)
        except ValueError as error:
            yield str(error)
        yield outcome(h.send, 1), outcome(h.throw, KeyError), outcome(h.close), outcome(list, h)
        for x in h:
            yield x

    h = g()
    return next(h), next(h), outcome(next, h), outcome(next, h)


def case_reentry_from_for_and_yield_from():
    def g():
        yield 1
        yield from h

    def k():
        yield 1
        for x in m:
            yield x

    h, m = g(), k()
    return finish(h), finish(m)


def case_after_the_end():
    def g():
        yield 1
        return 2

    h = g()
    return steps(h, "next", "next", "next", ("x",), KeyError("k"), "close", "next"), list(h), next(h, "default")


def case_after_an_exception():
    def g():
        yield 1
        raise KeyError("k")

    h = g()
    return steps(h, "next", "next", "next", ("x",), ValueError("v"), "close"), list(h)


def case_parameters_of_all_kinds():
    def g(a, b=2, /, c=3, *rest, d, e=5, **more):
        yield a, b, c, rest, d, e, more
        a = yield locals()
        yield a, rest

    return (
        finish(g(1, d=4), None, "new"),
        finish(g(1, 20, 30, 40, 50, d=4, e=6, f=7), None, "new"),
        outcome(g),
        outcome(lambda: g(1)),
        outcome(lambda: g(1, d=2, a=3, b=4)),
        outcome(lambda: list(g(*[1, 2], **{"d": 3}))),
    )


def case_default_argument_is_shared():
    def g(x, seen=[]):
        seen.append(x)
        yield list(seen)

    return next(g(1)), next(g(2)), g.__defaults__


def case_methods_and_descriptors():
    class A:
        items = [1, 2]

        def __init__(self, n):
            self.n = n

        def __iter__(self):
            for i in range(self.n):
                yield i
            yield self

        @classmethod
        def of_class(cls):
            yield cls.__name__
            yield from cls.items

        @staticmethod
        def static(x):
            yield x

        @property
        def each(self):
            yield self.n

        def __call__(self, x):
            yield self.n + x

        def __getitem__(self, i):
            return (yield i)

    a = A(2)
    return list(a)[:2], list(a)[2] is a, list(A.of_class()), list(a.of_class()), list(a.static(1)), list(a.each), list(a(1)), list(a[5])


def case_super_in_generator():
    class A:
        def g(self):
            yield "A"
            yield self.__class__.__name__

    class B(A):
        def g(self):
            yield "B"
            yield from super().g()
            yield __class__.__name__

    class C(B):
        def g(self):
            it = super().g()
            yield next(it)
            yield "C"
            yield from it

    return list(C().g()), list(B().g())


def case_closures():
    def outer(n):
        total = 0

        def g():
            nonlocal total
            for i in range(n):
                total += i
                yield total

        def read():
            return total

        return g(), read

    g, read = outer(4)
    return next(g), read(), next(g), read(), list(g), read()


def case_cell_changed_while_suspended():
    x = 1

    def g():
        yield x
        yield x
        yield outcome(lambda: x)

    h = g()
    first = next(h)
    x = 2
    second = next(h)
    del x
    return first, second, next(h)


def case_cells_of_the_generator_itself():
    def g(a):
        def get():
            return a, b

        b = 1
        yield get
        b = 2
        yield get()
        a = yield
        yield get()
        del b
        yield outcome(get)

    h = g("a")
    get = next(h)
    first = get()
    return first, next(h), next(h), h.send("new"), next(h), get.__closure__[0].cell_contents


def case_closure_in_loop_with_yields():
    def g():
        for i in range(3):
            yield lambda: i

    early = [f() for f in g()]
    late = [f() for f in list(g())]
    return early, late


def case_deleted_locals():
    def g(a, b):
        del a
        yield b
        try:
            a
        except UnboundLocalError as error:
            yield str(error)
        a = yield
        yield a
        del a, b
        yield sorted(locals())
        b

    return finish(g(1, 2), None, None, "sent", None)


def case_unbound_after_resume():
    def g(flag):
        if flag:
            x = 1
        yield
        return x

    return finish(g(True)), finish(g(False))


def case_locals_across_yields():
    def g(a):
        b = 1
        first = locals()
        yield dict(first)
        c = yield
        second = locals()
        yield sorted(second), second is first, "c" in first

    return finish(g(0), None, "c")


def case_eval_and_exec():
    def g(a):
        yield eval("a + 1")
        exec("a = 100")
        yield a
        yield [eval("a + i", None, {"a": a, "i": i}) for i in range(2)]
        yield outcome(eval, "b")

    return list(g(1))


def case_globals_function_seen_inside():
    def g():
        frame = sys._getframe()
        yield frame.f_code.co_name, frame.f_back.f_code.co_name
        yield sys._getframe() is frame, sys._getframe(1).f_code.co_name

    def other(h):
        return next(h)

    h = g()
    return next(h), other(h)


def case_generators_hold_generators():
    def primes(limit):
        def source():
            yield from range(2, limit)

        def sieve(numbers, p):
            for n in numbers:
                if n % p:
                    yield n

        numbers = source()
        while True:
            try:
                p = next(numbers)
            except StopIteration:
                return
            yield p
            numbers = sieve(numbers, p)

    return list(primes(40))


def case_two_of_one_function_interleaved():
    def g(name, n):
        for i in range(n):
            got = yield name, i
            if got:
                name = got

    a, b = g("a", 3), g("b", 2)
    return [next(a), next(b), a.send("A"), next(b), next(a), next(b, None), next(a, None)]


def case_zip_of_itself():
    def g():
        for i in range(7):
            yield i

    h = g()
    return list(zip(h, h)), next(h, "end")


def case_consumed_by_builtins():
    def g(*items):
        for item in items:
            yield item

    return (
        sum(g(1, 2.5, 3)),
        max(g(1, 9, 3)),
        min(g("b", "a"), key=lambda s: s),
        sorted(g(3, 1, 2), reverse=True),
        "".join(g("a", "b")),
        dict(g((1, 2), (3, 4))),
        set(g(1, 1)),
        bytes(g(1, 2)),
        any(g(0, 1, 2)),
        all(g(1, 0, 2)),
        list(enumerate(g("x", "y"), 1)),
        list(map(pow, g(1, 2), g(3, 4))),
        list(filter(None, g(0, 1))),
        list(zip(g(1, 2), g(3), strict=False)),
        list(reversed(list(g(1, 2)))),
        3 in g(1, 2, 3),
        int.from_bytes(g(1, 2)),
    )


def case_builtins_that_get_exceptions():
    def g(n):
        yield n
        raise KeyError(n)

    return [outcome(f, g(1)) for f in (sum, list, tuple, max, sorted, set, any, dict, bytes)] + [outcome(all, g(1)), outcome("".join, g("a"))]


def case_infinite_with_early_exit():
    def naturals():
        n = 0
        try:
            while True:
                yield n
                n += 1
        finally:
            log.append(("left at", n))

    log = []
    for n in naturals():
        if n == 4:
            break
    found = next(n for n in naturals() if n > 5)
    taken = [x for x, _ in zip(naturals(), range(3))]
    return n, found, taken, any(n > 3 for n in naturals()), log


def case_for_else_over_generator():
    def g(n):
        yield from range(n)

    def search(n, wanted):
        for x in g(n):
            if x == wanted:
                break
        else:
            return "not found"
        return x

    return search(5, 3), search(5, 9), search(0, 0)


@over((0,), (1,), (4,))
def case_recursive_tree(depth):
    def walk(tree):
        if tree is not None:
            left, value, right = tree
            yield from walk(left)
            yield value
            yield from walk(right)

    def grow(depth, value=1):
        return None if depth == 0 else (grow(depth - 1, 2 * value), value, grow(depth - 1, 2 * value + 1))

    return list(walk(grow(depth)))


def case_permutations_and_queens():
    def permutations(items):
        if len(items) <= 1:
            yield items
        else:
            for rest in permutations(items[1:]):
                for i in range(len(items)):
                    yield rest[:i] + items[:1] + rest[i:]

    def queens(n):
        for vector in permutations(list(range(n))):
            if n == len({vector[i] + i for i in range(n)}) == len({vector[i] - i for i in range(n)}):
                yield vector

    return len(list(permutations([1, 2, 3, 4]))), next(queens(5))
