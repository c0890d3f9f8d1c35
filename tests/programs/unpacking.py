"""Unpacking assignments, starred targets, nested targets, and their errors."""

from tests.cases import over


class Iterable:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        for i in range(self.n):
            yield i


class BadIter:
    def __iter__(self):
        return 5


class RaisingIter:
    def __init__(self):
        self.n = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.n += 1
        if self.n > 1:
            raise KeyError("next")
        return self.n


VALUES = (
    ((1, 2),),
    ([1, 2],),
    ("ab",),
    ({"a": 1, "b": 2},),
    ((1,),),
    ((1, 2, 3),),
    ([],),
    ([1, 2, 3, 4],),
    (5,),
    (None,),
    (range(2),),
    (Iterable(2),),
    (Iterable(3),),
    (Iterable(1),),
    (BadIter(),),
    ({1: 2}.items(),),
)


@over(*VALUES, lambda: (RaisingIter(),))
def case_two(value):
    a, b = value
    return b, a


@over(((1, 2, 3),), ([1, 2, 3],), ("abc",), ((1, 2),), (Iterable(3),))
def case_three(value):
    a, b, c = value
    return c, b, a


@over(*VALUES)
def case_star_last(value):
    a, *b = value
    return a, b


@over(*VALUES)
def case_star_first(value):
    *a, b = value
    return a, b


@over(((1, 2, 3, 4, 5),), ([1, 2],), ([1],), ("abcdef",), (Iterable(4),))
def case_star_middle(value):
    a, *b, c = value
    return a, b, c


@over(((1, (2, 3)),), ([1, "xy"],), ((1, 2),), ((1, (2, 3, 4)),))
def case_nested(value):
    a, (b, c) = value
    return a, b, c


@over((1, 2), ("a", None))
def case_swap(a, b):
    a, b = b, a
    return a, b


@over((1, 2, 3))
def case_rotate(a, b, c):
    a, b, c = c, a, b
    return a, b, c


def case_targets_evaluated_left_to_right():
    log = []

    class Target:
        def __setattr__(self, name, value):
            log.append((name, value))

        def __setitem__(self, key, value):
            log.append((key, value))

    def make(name):
        log.append(name)
        return Target()

    make("first").x, make("second")[make("key") and 5] = 1, 2
    return log


def case_chained_assignment():
    a = b = c = []
    a.append(1)
    d = (e, f) = (1, 2)
    return a, b is c, d, e, f


def case_unpack_into_list_items():
    items = [0, 1, 2]
    i = 0
    i, items[i] = 2, 9
    return i, items


def case_partial_assignment_before_error():
    a = b = "old"
    try:
        a, b = (1, 2, 3)
    except ValueError as error:
        return a, b, str(error)


def case_for_targets():
    out = []
    for a, (b, *c) in [(1, "xyz"), (2, [3]), (4, (5, 6))]:
        out.append((a, b, c))
    return out


def case_for_target_error():
    out = []
    for a, b in [(1, 2), (3,)]:
        out.append(a)
    return out


def case_empty_targets():
    () = []
    [] = ()
    try:
        () = [1]
    except ValueError as error:
        return str(error)


def case_many_targets():
    a, b, c, d, e, f, g, h, i, j = range(10)
    return a + b + c + d + e + f + g + h + i + j


def case_walrus_unpack():
    return [y := 5, y**2], y


@over(([1, 2],), ((1, 2),), ("ab",), (Iterable(2),), ({1, 2},))
def case_polymorphic_in_loop(value):
    out = []
    for item in [value, (7, 8), [9, 10], value]:
        a, b = item
        out.append((a, b))
    return out


def case_star_call_of_unpacked():
    first, *rest = [3, 1, 2]
    return max(first, *rest), [*rest, first]


def case_unpack_dict_keys():
    a, b = {"x": 1, "y": 2}
    (k, v), *more = {"x": 1, "y": 2}.items()
    return a, b, k, v, more


def case_infinite_iterator_too_many():
    def forever():
        n = 0
        while True:
            n += 1
            yield n

    a, b = forever()
    return a, b


def case_star_of_long_list():
    a, *b, c = list(range(300))
    return a, len(b), b[-1], c
