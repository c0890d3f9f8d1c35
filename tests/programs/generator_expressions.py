"""Generator expressions."""

import inspect
import sys
import types

from tests.cases import chain, finish, outcome, over, plain_list, steps, trail


def case_consumers():
    n = 6
    return (
        sum(x * x for x in range(n)),
        any(x > 3 for x in range(n)),
        all(x > 3 for x in range(n)),
        list(x for x in range(n) if x % 2),
        tuple(x for x in "abc"),
        dict((x, x * 2) for x in range(3)),
        set(x % 2 for x in range(n)),
        frozenset(x for x in "aab"),
        min(abs(x - 3) for x in range(n)),
        max((x % 4, x) for x in range(n)),
        sorted((-x for x in range(3)), reverse=True),
        "".join(c.upper() for c in "abc"),
        b"".join(bytes([x]) for x in range(3)),
        list(zip((x for x in range(3)), (y for y in "abc"))),
        [*(x for x in range(2)), *(x for x in range(2))],
        {**dict((str(x), x) for x in range(2))},
        max(*(x for x in range(3))),
        2 in (x for x in range(4)),
        list(map(str, (x for x in range(2)))),
        bytes(x for x in range(3)),
        next(x for x in range(n) if x > 2),
        len(list(x for x in ())),
    )


def case_unpacked():
    a, b, *c = (x * 2 for x in range(5))
    (d, e), f = ((y for y in "xy") if x else x for x in (1, 0))
    [g] = (x for x in [1])
    for h, i in ((x, -x) for x in range(2)):
        pass
    return a, b, c, d, e, f, g, h, i, outcome(lambda: [0 for p, q in [(x for x in range(3))]])


def case_nested():
    return (
        list((x, y) for x in range(3) for y in range(x)),
        [list(inner) for inner in ((x * y for y in range(3)) for x in range(3))],
        sum(sum(y for y in range(x)) for x in range(5)),
        list(x for x in (y for y in (z for z in range(4) if z) if y > 1)),
        list(x for row in ([1, 2], [3], []) if row for x in row if x != 2),
        [max(x for x in row) for row in ([1, 5], [7])],
    )


def case_first_iterable_is_evaluated_at_once():
    log = []

    def source(name):
        log.append(name)
        return [1, 2]

    g = (x + y for x in source("outer") for y in source("inner"))
    log.append("made")
    values = list(g)
    return values, log, outcome(lambda: (x for x in 5)), outcome(lambda: list(x for y in [1] for x in 5))


def case_variables_late_bound():
    n = 1
    g = (x * n for x in range(3))
    n = 10
    first = next(g), next(g)
    n = 100
    return first, list(g)


def case_scopes():
    x = "outer"
    values = list(x for x in range(2))
    g = (lambda: x for x in range(3))
    functions = list(g)
    return x, values, [f() for f in functions], [f() for f in (lambda y=y: y for y in range(2))]


def case_walrus():
    def f():
        any((witness := x) > 2 for x in range(9))
        return witness

    def last():
        found = list((seen := x) for x in range(4))
        return found, seen

    return f(), last()


def case_class_scope():
    class A:
        items = [1, 2]
        doubled = list(x * 2 for x in items)
        failed = outcome(lambda: list(x for y in [0] for x in items))

    return A.doubled, A.failed


def case_early_exit():
    log = []

    def note(x):
        log.append(x)
        return x

    found = any(note(x) == 2 for x in range(10)), all(note(x) < 1 for x in range(10)), next((note(x) for x in range(5)), None)
    g = (note(x) for x in range(10))
    taken = plain_list(g, 3)
    for x in g:
        if x == 5:
            break
    return found, taken, list(g), log


def case_exceptions():
    return (
        outcome(list, (1 // x for x in (1, 0))),
        outcome(sum, (x for x in ("a",))),
        outcome(lambda: list(next(iter(())) for x in range(2))),
        outcome(lambda: tuple(int(x) for x in "1x")),
        outcome(lambda: any({}[x] for x in "k")),
    )


def case_traceback():
    def f(items):
        return sum(
            10 // x
            for x in items
            if x < 5
        )

    return f([1, 2, 7, 0])


def case_methods():
    g = (x for x in range(5))
    h = ((yielded, x) for x in (1, 2) for yielded in [x])
    return (
        next(g),
        outcome(g.send, "ignored"),
        outcome(g.throw, KeyError("k")),
        list(g),
        next(h),
        h.close(),
        list(h),
        outcome((x for x in ()).send, 1),
    )


def case_attributes():
    g = (x for x in [1, 2])
    before = g.gi_frame.f_lineno - g.gi_code.co_firstlineno, sorted(g.gi_frame.f_locals), inspect.getgeneratorstate(g)
    next(g)
    return (
        before,
        type(g) is types.GeneratorType,
        g.__name__,
        g.__qualname__,
        repr(g),
        g.gi_code.co_name,
        g.gi_code.co_varnames,
        dict(g.gi_frame.f_locals)["x"],
        g.gi_yieldfrom,
        inspect.isgenerator(g),
    )


def case_iterable_replaced_in_frame():
    g = (x for x in [1, 2, 3])
    first = next(g)
    g.gi_frame.f_locals["x"] = 50
    return first, list(g)


def case_sees_caller():
    def name():
        return sys._getframe(1).f_code.co_name, sys._getframe(2).f_code.co_name

    g = (name() for _ in range(2))
    return next(g), [x for x in g], plain_list((name() for _ in range(1)))[0][0]


def case_over_generators():
    def source(n):
        try:
            for i in range(n):
                yield i
        finally:
            log.append(("closed", n))

    log = []
    total = sum(x for x in source(4))
    found = next(x for x in source(5) if x == 2)
    g = (x for x in source(6))
    next(g)
    del g
    return total, found, log


def case_pipeline():
    numbers = (n for n in range(30))
    squares = (n * n for n in numbers)
    odd = (s for s in squares if s & 1)
    text = (str(o) for o in odd)
    return ",".join(text), list(numbers)


def case_in_generator_with_yield():
    def g(items):
        yield from (x for x in items)
        got = yield (x for x in items)
        yield list(x * got for x in items)

    h = g([1, 2])
    return next(h), next(h), list(next(h)), h.send(3)


def case_recursive():
    def fold(n):
        return 1 if n < 2 else sum(fold(n - k) for k in (1, 2))

    def flatten(x):
        return (z for y in x for z in (flatten(y) if isinstance(y, list) else (y,)))

    return fold(9), list(flatten([1, [2, [3, [4]], []], 5]))


def case_modifying_what_is_iterated():
    items = [1, 2, 3]
    g = (items.append(x) or x for x in items if len(items) < 6)
    d = {1: 2}
    return list(g), items, outcome(lambda: list(d.setdefault(k + 1, 0) for k in d))


def case_conditional_expressions_inside():
    return [list((x, "a") if x % 2 else (x, "b", f"{x:>{w}}") for x in range(4)) for w in (1, 3)]


def case_attribute_and_subscript_sources():
    class Box:
        def __init__(self):
            self.items = {"k": [1, 2]}

    box = Box()
    return sum(x for x in box.items["k"]), [*(v for k in box.items for v in box.items[k])], sum(len(v) for v in box.items.values())


@over((0,), (1,), (500,))
def case_long(n):
    return sum(x * 2 for x in range(n) if x % 3), sum(1 for _ in range(n)), max((x % 7 for x in range(n)), default=None), sum(x / 2 for x in range(n))


def case_many_at_once():
    made = [(x + k for x in range(3)) for k in range(5)]
    return [next(g) for g in made] + [next(g) for g in reversed(made)] + [list(g) for g in made]


def case_comprehension_within_and_around():
    return [[y for y in range(x)] for x in (z for z in range(3))], list([y + x for y in range(2)] for x in range(2)), {x: sum(y for y in range(x)) for x in (1, 3)}


NUMBERS = {
    "ints": [3, 1, 2, 1, 3],
    "large": [2**40, -(2**40), 7],
    "huge": [1, 2**70, -(2**70)],
    "floats": [1.5, -0.0, 0.0, 2.5, 2.5],
    "nan": [1.0, float("nan"), 0.5],
    "nan first": [float("nan"), 1.0, 0.5],
    "mixed": [1, 0.5, True, 3],
    "bools": [True, False, True],
    "texts": ["b", "a", "c"],
    "pairs": [(1, 2), (1, 1)],
    "none": [],
    "one": [300.5],
    "odd": [1.5, "x"],
}


def least_and_greatest(table, keys):
    least = min(table[key] for key in keys)
    greatest = max(table[key] for key in keys if key >= 0)
    return least, greatest, max(table[key] + 1 for key in keys), min(-table[key] for key in keys)


@over(*((name,) for name in NUMBERS))
def case_min_and_max(name):
    table = dict(enumerate(NUMBERS[name]))
    out = []
    for number in range(30):
        out.append(outcome(least_and_greatest, table, list(table)))
        if number == 20:
            # Other types than before.
            table = dict(enumerate(NUMBERS["floats" if name == "ints" else "ints"]))
        if number == 25:
            table = {}
    return out


def case_min_and_max_give_the_very_object():
    items = [float(number % 7) * 1000 for number in range(40)]
    found = []
    for start in range(30):
        part = items[start : start + 10]
        least, greatest = min(item for item in part), max(item for item in part)
        found.append(([item is least for item in part].index(True), [item is greatest for item in part].index(True)))
    return found


def case_min_of_what_raises():
    def values(stop):
        for number in range(5):
            if number == stop:
                raise ValueError(number)
            yield 5.0 - number

    out = []
    for number in range(30):
        out.append(outcome(lambda: min(value for value in values(number % 8))))
        out.append(outcome(lambda: max(10 // (value - number % 6) for value in range(4))))
    return out
