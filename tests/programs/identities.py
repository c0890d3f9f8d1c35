"""Numbers that are compared by what they are: a sentinel, and two names of one."""

from tests.cases import over

INFINITY = float("inf")
BIG = 10**9


@over(([3.0, 1.5, 2.5], 2.0), ([3.0, 1.5, 2.5], 0.0), ([], 1.0), ([INFINITY, 1.0], 5.0))
def case_a_sentinel(items, limit):
    out = []
    for low in range(3):
        best, least, seen = INFINITY, BIG, 0
        for item in items * 20:
            seen += 1
            if item < limit and item < best and item > low:
                best, least = item, seen
        out.append(("none" if best is INFINITY else best, least is BIG, least is not BIG))
    return out


@over((2.0,), (3,), (2**70,), (1 + 2j,))
def case_two_names(x):
    same = 0
    for i in range(60):
        a = b = x * 3
        if i % 2:
            same += 0
        same += a is b
        c = x * 3
        same += 100 * (a is c) + 1000 * (a is not c)
    return same


@over(([1.5, 2.5, 2.5],), ([300, 400, 400],))
def case_the_last_one(items):
    last, count = None, 0
    for item in items * 20:
        value = item * 2
        if last is not None and last is value:
            count += 1
        last = value
        if last is value:
            count += 100
    return count


class Missing:
    """What no number is."""


MISSING = Missing()
NOTHING = object()


class Box:
    def __init__(self, value):
        self.value = value
        self.other = value

    def holds(self, value):
        return self.value is value


def same(a, b):
    return a is b


@over((5,), (300,), (2**70,), (0.5,))
def case_never_a_number(step):
    out, x = 0, step
    for i in range(80):
        x = x + step
        values = (x, MISSING, None, True)
        v = values[i % 4]
        out += (x is MISSING) + 2 * (v is MISSING) + 4 * (v is True) + 8 * (x is NOTHING) + 16 * (v is x)
        out += 32 * (x is int) + 64 * (i is None) + 128 * (None is i)
    return out


@over((range(60),), ([300.5] * 60,), ([2**40] * 60,), (list(range(250, 310)),))
def case_what_came_last(items):
    last, count = None, 0
    for item in items:
        if last is item:
            count += 1
        last = item
        if last is item:
            count += 1000
    return count


@over((7,), (1000,), (1.25,))
def case_chained(x):
    out = 0
    for i in range(60):
        a = b = c = x * 3
        d = x * 3
        t = (a, d, x * 3)
        e, f = t[0], t[1]
        items = [e]
        items.append(b)
        out += (a is b) + 2 * (a is c) + 4 * (e is a) + 8 * (f is d) + 16 * (e is d)
        out += 32 * (items[0] is items[1]) + 64 * (t[2] is t[2]) + 128 * (items[0] is c)
        a += 1
        out += 256 * (a is b) + 512 * (b is c) + 1024 * (i is i)
    return out


@over((7,), (1000,), (1.25,))
def case_attributes(x):
    out = 0
    for i in range(60):
        value = x * 3 + i
        box = Box(value)
        first = box.value
        out += (first is value) + 2 * (box.other is first) + 4 * box.holds(value) + 8 * box.holds(x * 3 + i)
        box.other = x * 5
        out += 16 * (box.other is box.other) + 32 * (box.other is box.value)
    return out


@over((7,), (1000,), (1.25,))
def case_ways_that_meet(x):
    out = 0
    big = 10**6
    for i in range(60):
        a = big if i % 3 else x * 3
        b = a if i % 2 else x * 3
        c = max(a, b)
        out += (a is b) + 2 * (a is big) + 4 * (c is a) + 8 * (c is b) + 16 * (b is big)
    return out


@over((7,), (1000,), (1.25,))
def case_in_callees(x):
    out = 0
    for i in range(60):
        a = x * 3
        out += same(a, a) + 2 * same(a, x * 3) + 4 * same(a, None) + 8 * same(i, a)
    return out
