"""Comparison, identity, membership, truth."""

from tests.cases import over

NAN = float("nan")
BIG = 2**63
VALUES = (0, 1, -1, 5, 2**30, 2**62, BIG, -BIG, 10**30, 0.0, -0.0, 1.0, 5.5, NAN, float("inf"), True, False)
PAIRS = (
    [(a, b) for a in VALUES for b in (0, 1, -1, BIG, 1.0, NAN, True, 2**53 + 1)]
    + [("a", "b"), ("a", "a"), ("", "a"), ("a", 1), (None, None), (None, 0), ((1, 2), (1, 3)), ([1], [1, 2]), ({1}, {1, 2})]
    + [(b"a", b"b"), (1j, 1j), ((1, NAN), (1, NAN)), ([1], (1,)), ("é", "z"), (2**53, float(2**53)), (2**53 + 1, float(2**53))]
)


class Odd:
    """Comparisons that return no bool."""

    def __lt__(self, other):
        return "less"

    def __eq__(self, other):
        return []

    def __ne__(self, other):
        return [0]

    __hash__ = None


class Raises:
    def __eq__(self, other):
        raise KeyError("eq")

    def __bool__(self):
        raise ValueError("bool")

    def __hash__(self):
        return 1


class Mutator:
    """Empties the list that it is searched in."""

    def __init__(self, victim):
        self.victim = victim

    def __eq__(self, other):
        self.victim.clear()
        return False

    def __hash__(self):
        return 7


class Length:
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n


@over(*PAIRS, (Odd(), 1), (1, Odd()))
def case_less(a, b):
    return a < b


@over(*PAIRS)
def case_less_equal(a, b):
    return a <= b


@over(*PAIRS, (Odd(), 1), (1, Odd()), (Raises(), 1))
def case_equal(a, b):
    return a == b


@over(*PAIRS, (Odd(), 1), (Raises(), 2))
def case_not_equal(a, b):
    return a != b


@over(*PAIRS)
def case_greater(a, b):
    return a > b


@over(*PAIRS)
def case_greater_equal(a, b):
    return a >= b


@over(*PAIRS, (Odd(), 1), (Raises(), 1))
def case_branches(a, b):
    taken = []
    if a < b:
        taken.append("less")
    if a == b:
        taken.append("equal")
    if not a != b:
        taken.append("not different")
    while a > b:
        taken.append("greater")
        break
    return taken


@over((1, 5, 10), (5, 1, 10), (1, 1, 1), (NAN, 1, 2), ("a", "b", "c"), (1, "b", 2), (1, 2.5, 10**20))
def case_chained(a, b, c):
    return a < b < c, a <= b <= c, a == b == c, a < b > c, a != b is not c


def case_chained_evaluates_once():
    log = []

    def f(x):
        log.append(x)
        return x

    return f(1) < f(5) < f(3) < f(100), log


@over((None, None), (1, 1), (None, 1), ([], []), (True, True), (..., ...))
def case_identity(a, b):
    return a is b, a is not b, a is None, b is not None


@over((None,), (0,), (False,), ([],), ("x",))
def case_none_branches(a):
    if a is None:
        return "none"
    if a is not None and not a:
        return "empty"
    return "full"


@over((1, [1, 2]), (3, [1, 2]), (1.0, [1]), (NAN, [NAN]), ("a", "abc"), (1, "abc"), (1, {1: 2}), ([], {1: 2}), (1, (2, 1)))
def case_contains(a, b):
    return a in b, a not in b


@over((1, 5), (1, None), ("", 3))
def case_contains_in_no_container(a, b):
    return a in b


@over((3, range(10)), (3.0, range(10)), (30, range(10)), (10**20, range(5)), ("x", range(3)), (True, range(2)))
def case_contains_in_range(a, b):
    return a in b


def case_contains_with_mutating_eq():
    victim = [1, 2, 3]
    victim.append(Mutator(victim))
    return 5 in victim, victim


def case_contains_raises():
    return 3 in [1, Raises()]


@over((5,), ("ab",))
def case_contains_through_iteration(x):
    class Iterable:
        def __iter__(self):
            return iter([1, 5, "ab"])

    class Getitem:
        def __getitem__(self, index):
            return [1, 5][index]

    return x in Iterable(), x in Getitem()


def case_contains_result_is_bool():
    class Truthy:
        def __contains__(self, item):
            return "yes"

    return 1 in Truthy(), 1 not in Truthy()


@over((0,), (1,), (Length(0),), (Length(3),), (Raises(),), ("",), (0.0,), (NAN,), ({},), (Length(-1),), (Length("x"),), (object,))
def case_truth(a):
    if a:
        return "true"
    return "false"


@over((Raises(),), (0,), (3,))
def case_truth_in_while(a):
    n = 0
    while a:
        n += 1
        if n > 3:
            break
    else:
        return "else", n
    return n


@over((0, 1), ("", "x"), (5, Raises()), (None, Raises()))
def case_and_or(a, b):
    return a and b, a or b


@over((1,), (0,), (None,))
def case_conditional_expression(a):
    return "one" if a == 1 else "zero" if a == 0 else "other"


def case_reflected_subclass_first():
    class Base:
        def __eq__(self, other):
            return "base"

        __hash__ = None

    class Derived(Base):
        def __eq__(self, other):
            return "derived"

    return Base() == Derived(), Derived() == Base(), Base() != Derived()


def case_total_ordering_error():
    return [] < {}


@over((1, 2), (1.5, 1), ("x", "y"))
def case_result_kept_and_branched(a, b):
    less = a < b
    if less:
        return less, "yes"
    return less, "no"


def case_hash_collision_lookup():
    table = {Raises.__hash__(Raises()): "one"}
    try:
        return table[Raises()]
    except KeyError as error:
        return repr(error)


def case_none_comparisons_raise():
    results = []
    for a, b in [(None, 1), (1, None), (None, None), ("a", None)]:
        try:
            results.append(a < b)
        except TypeError as error:
            results.append(str(error))
    return results


def case_string_equality_of_kinds():
    pairs = [("a", "a"), ("é", "é"), ("€", "€"), ("😀", "😀"), ("a", "é"), ("a" * 100, "a" * 100), ("ab", "abc")]
    return [(a == b, a != b, a < b, a is b) for a, b in pairs]


def case_complex_has_no_order():
    return 1j < 2j


@over((1,), (2.0,), ("s",), ((),))
def case_isinstance_and_subclass(a):
    return isinstance(a, int), isinstance(a, (int, float)), isinstance(a, int | str), issubclass(type(a), object)


def case_isinstance_wrong_second():
    return isinstance(1, 5)


class Equal:
    def __init__(self, to):
        self.to = to

    def __eq__(self, other):
        if self.to == "raise":
            raise ValueError("compared")
        return other == self.to

    __hash__ = None


NAN = float("nan")


@over(
    *[
        (item, kind(container))
        for item in (1, 2**40, -3, True, 1.0, "a", "ab", "", None, NAN, Equal(1), Equal("zz"), "é", "日本")
        for container in ([1, 2, 3], [2**40, "ab"], [True, "a"], [1.0, None, -3], [], [NAN, Equal("a")], ["", "é", "日", "日本"])
        for kind in (list, tuple)
    ],
    (5, [6, Equal("raise")]),
    ("x", (None, 1, Equal("raise"))),
    (1, {1: 2}),
    ([], {1: 2}),
    (Equal(1), {1: 2}),
    ("a", "cab"),
    (1, "abc"),
    (1, 5),
)
def case_in(item, container):
    try:
        return item in container, item not in container, 1 if item in container else 2
    except (TypeError, ValueError) as error:
        return type(error).__name__, str(error)


@over(*[(value,) for value in (0, 1, -1, 2**30, 2**70, "", "a", [], [0], (), (0,), {}, {1: 2}, None, True, False, 0.0, 1.5, object)])
def case_truth(value):
    hits = 0
    if value:
        hits += 1
    if not value:
        hits += 2
    while value:
        hits += 4
        break
    return hits, bool(value), not value
