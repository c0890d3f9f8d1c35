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
