"""Keys of dictionaries and sets that are looked up without the interpreter, truth and comparison of plain objects, and what is
unpacked: with the programs that the short ways must not change."""

import enum
from collections import Counter, OrderedDict, defaultdict, namedtuple

from tests.cases import outcome, over

N = 60

Pair = namedtuple("Pair", "left right")
NAN = float("nan")


class Odd(tuple):
    """Equal to all of its length."""

    def __eq__(self, other):
        return len(self) == len(other)

    def __hash__(self):
        return hash(tuple(self))


class Loud:
    """Says when it is hashed or compared."""

    def __init__(self, value, log):
        self.value = value
        self.log = log

    def __hash__(self):
        self.log.append(("hash", self.value))
        if self.value < 0:
            raise ValueError(self.value)
        return hash(self.value)

    def __eq__(self, other):
        self.log.append(("eq", self.value))
        return self.value == getattr(other, "value", other)


class Text(str):
    def __hash__(self):
        return 7


KEYS = [
    0,
    1,
    -1,
    -2,
    255,
    2**30,
    -(2**30),
    2**60 - 1,
    2**61 - 1,
    2**61,
    -(2**61),
    2**63,
    2**70,
    "",
    "a",
    "ä",
    "\u20ac" * 3,
    1.5,
]
KEYS += [float("inf"), None, (), (1,), (-1,), (1, (2, (3, "x"))), Pair(1, 2), Pair(Pair(1, 2), ()), (2**70, -1, None)]


def find_all(table, keys):
    found = []
    for key in keys:
        if key in table:
            found.append(table[key])
        else:
            found.append("no")
    return found


@over((1,), (3,), (40,))
def case_keys(rounds):
    table = {key: index for index, key in enumerate(KEYS)}
    out = []
    for number in range(rounds):
        # Equal keys that are other objects, and keys that are not there.
        others = [1.0, True, False, (1.0,), (True,), (1, 2), Pair(1, 3), "b", 3, 2**62, (1, (2, (3, "y"))), NAN, (NAN,)]
        others += [int(str(2**70)), str(number), "".join(["a"]), (1, (2, (3, "".join(["x"]))))]
        out.append(find_all(table, KEYS + others))
        table[number] = table[(number,)] = table[str(number)] = number
    return out, list(table)


@over((set,), (frozenset,), (dict.fromkeys,), (list,), (tuple,), (OrderedDict.fromkeys,))
def case_membership(make):
    container = make(KEYS + [NAN])
    out = []
    for number in range(N):
        keys = (number, (number,), str(number), NAN, float("nan"), 1.0, True, Pair(1, 2), (1, 2), number / 2)
        for key in keys:
            out.append((key in container, key not in container))
    return out


def case_unhashable_keys():
    table, names = {(1, 2): 3}, {1, 2}
    out = []
    for number in range(N):
        key = (number, [number]) if number % 7 == 3 else (1, 2)
        out.append((outcome(lambda: table[key]), outcome(lambda: key in names)))
    return out


@over((0,), (N - 1,))
def case_missing_keys(at):
    table = {number: -number for number in range(N) if number != at}
    out = []
    for number in range(N):
        try:
            out.append(table[number])
        except KeyError as error:
            out.append(("missing", error.args, error.__traceback__.tb_lineno))
    return out


def case_keys_that_run_code():
    log = []
    table = {Loud(3, log): "three", 4: "four", (Loud(5, log),): "five"}
    out = []
    for number in range(N):
        key = [3, 4, (5,), Loud(4, log), Loud(-1, log), Odd((1, 2)), Text("a")][number % 7]
        out.append(outcome(lambda: table[key]))
        out.append(outcome(lambda: key in table))
    return out, log


def case_subclass_of_tuple():
    table = {(1, 2): "tuple", Odd((3, 4)): "odd"}
    return [table.get(key, "no") for key in [(1, 2), Odd((1, 2)), (3, 4), Odd((3, 4))] * N], [
        key in table for key in [(1, 2), (3, 4), Odd((3, 4)), (5, 6)] * N
    ]


class Changing:
    """Changes the dictionary that it is looked for in."""

    def __init__(self, table):
        self.table = table

    def __hash__(self):
        return 1

    def __eq__(self, other):
        self.table[len(self.table) + 100] = "more"
        return False


def case_changed_meanwhile():
    table = {}
    table[Changing(table)] = 0
    out = []
    for number in range(N):
        out.append((1 in table, number in table, len(table)))
    return out


class WithMissing(dict):
    def __missing__(self, key):
        return ("missing", key)


class Own(dict):
    def __getitem__(self, key):
        return ("own", key)

    def __setitem__(self, key, value):
        super().__setitem__(key, ("set", value))

    def __contains__(self, key):
        return "always"


@over(
    (dict,),
    (WithMissing,),
    (Own,),
    (OrderedDict,),
    (Counter,),
    (lambda: defaultdict(int),),
    (lambda: defaultdict(lambda: 7),),
)
def case_kinds_of_dictionaries(make):
    table = make()
    table[1] = 1
    table[(1, "a")] = 2
    out = []
    for number in range(N):
        key = (1, "a") if number % 2 else number % 5
        out.append(outcome(lambda: table[key]))
        out.append(key in table)
        table[key] = (number, out[-1])
        table[1] = number
    return out, list(table.items())


def case_defaults_are_made():
    counts, texts = defaultdict(float), defaultdict(lambda: "?")
    words = [(index % 11, str(index % 3)) for index in range(4 * N)]
    for word in words:
        counts[word] += 0.5
        texts[word] = texts[word] + word[1]
    total = sum(counts[word] * index for index, word in enumerate(words))
    unseen = sum(counts[index] + len(texts[index]) for index in range(N))
    return total, unseen, list(counts.items()), list(texts.items())


def case_a_class_gets_a_method():
    class Table(dict):
        pass

    table = Table(((index, index) for index in range(5)))
    out = []
    for number in range(N):
        if number == N // 2:
            Table.__getitem__ = lambda self, key: "changed"
        if number == N - 10:
            del Table.__getitem__
            Table.__setitem__ = lambda self, key, value: out.append((key, value))
        out.append(table[number % 5])
        table[number % 5] = number
    return out, dict(table)


def case_replaced_values_end():
    log = []

    class Value:
        def __init__(self, number):
            self.number = number

        def __del__(self):
            log.append((self.number, table.get((1, "k")) and table[(1, "k")].number))

    table = {(1, "k"): None}
    for number in range(N):
        table[(1, "k")] = Value(number)
    table.clear()
    return log


def case_values_are_tracked():
    import gc

    table = {index: index for index in range(5)}
    before = gc.is_tracked(table)
    for number in range(N):
        table[number % 5] = number * 1000
    between = gc.is_tracked(table)
    table[3] = [table]
    return before, between, gc.is_tracked(table)


NAME = 0


def case_a_global_by_its_dictionary():
    names = globals()
    out = []
    for number in range(N):
        names["NAME"] = number
        out.append(NAME)
    return out


def case_iterated_meanwhile():
    table = {(index,): index for index in range(20)}
    out = []
    for _ in range(N):
        for key in table:
            table[key] += 1
            out.append(table[key])
    return out[-40:]


# ---- truth and comparison ----------------------------------------------------------------------------------------------


class Plain:
    def __init__(self, value):
        self.value = value


class Kind(enum.Enum):
    BIG = 1
    SMALL = 2


def first_values(items):
    return [item.value for item in items if item]


@over((0,), (1,), (2,), (3,), (4,))
def case_truth_of_what_may_be_none(which):
    class Item:
        def __init__(self, value):
            self.value = value

    out = []
    for number in range(N):
        if number == N // 2:
            if which == 1:
                Item.__bool__ = lambda self: self.value % 2 == 0
            elif which == 2:
                Item.__len__ = lambda self: self.value % 3
            elif which == 3:
                Item.__bool__ = lambda self: self.value
        items = [Item(number), None, Item(number + 1)]
        if which == 4 and number > N // 2:
            items.append([])
        out.append(outcome(first_values, items))
        out.append(any(item.value > 5 for item in items if item))
    return out if which != 3 else len(out)


@over((0,), ("",), ([],), ((),), (0.0,), (False,), ({},))
def case_truth_of_others(empty):
    full = (
        {0: 3, "": "x", (): (1,), 0.0: 2.5, False: True}.get(empty, [1]) if not isinstance(empty, (list, dict)) else [0]
    )
    out = []
    for number in range(N):
        value = None if number % 3 else (full if number % 2 else empty)
        if value:
            out.append(("true", value))
        else:
            out.append(("false", value))
        out.append(not value)
        out.append(value or number)
    return out


class Equal:
    def __eq__(self, other):
        return "equal"

    def __ne__(self, other):
        return ""


class Below(Plain):
    def __eq__(self, other):
        return ("below", type(other).__name__)


@over((0,), (1,), (2,), (3,))
def case_compared_by_identity(which):
    class Item(Plain):
        pass

    items = [Item(index) for index in range(3)]
    out = []
    for number in range(N):
        if number == N // 2 and which == 1:
            Item.__eq__ = lambda self, other: ("eq", self.value)
        one, other = items[number % 3], items[number % 2]
        if number > N // 2 and which == 2:
            other = Equal()
        if number > N // 2 and which == 3:
            other = Below(3)
        out.append((one == other, one != other, one == None, None != one))  # noqa: E711
    return out


def case_members_of_enumerations():
    kinds = [Kind.BIG, Kind.SMALL]
    return [(kinds[number % 2] == Kind.BIG and number % 3 == 0, Kind.SMALL != kinds[number % 2]) for number in range(N)]


# ---- unpacking ---------------------------------------------------------------------------------------------------------


def unpack_often(items, rounds):
    total = 0
    for _ in range(rounds):
        a, b, c, d, e = items
        e, d, c, b, a = items
        total += a * 3 + b - e
        (a, b, c, d, e) = items
    return total, a, b, c, d, e


class Backwards(tuple):
    def __iter__(self):
        return iter(tuple(reversed(tuple(self[:]))))


@over((list,), (tuple,), (iter,), (Backwards,), (lambda items: items[:4],), (lambda items: [*items, 1],))
def case_unpacked(make):
    out = []
    for number in range(N):
        kind = [tuple, list, make][number % 3]
        items = kind([number, 2, 2**70, -1, True])
        out.append(outcome(unpack_often, items, 5 if kind is not iter else 1))
    return out


@over((tuple,), (list,))
def case_unpacked_objects(make):
    one = make([1.5, "x", [1]])
    out = []
    for number in range(N):
        if number == 20:
            one = make([number, None, {}])
        if number == 40:
            one = list(one) if make is tuple else tuple(one)
        a, b, c = one
        out.append((a, b, c is one[2], a is one[0]))
        c, b, a = one
    return out, a, b, c


def case_a_list_that_is_changed_by_an_end():
    items = [1, 2, 3]

    class Ending:
        def __del__(self):
            items[1] = "changed"
            items.append(4)

    out = []
    for number in range(N):
        a = b = c = Ending() if number % 10 == 9 else number
        a, b, c = items
        out.append((a, b, c, len(items)))
        del items[3:]
        items[1] = number
        b, a, c = items
        out.append((a, b, c))
    return out


def case_results_of_either_type():
    def pair(number):
        return (number, -number) if number % 3 else [number, "list"]

    total = []
    for number in range(N):
        a, b = pair(number)
        total.append((b, a))
    return total


# ---- sets --------------------------------------------------------------------------------------------------------------


def relations(a, b):
    return a <= b, a < b, a == b, a != b, a > b, a >= b


@over((set,), (frozenset,), (list,))
def case_sets_compared(make):
    out = []
    small = make([1, "a", (1, 2)])
    for number in range(N):
        other = make([1, "a", (1, number)] + list(range(number % 5)))
        out.append((relations(small, other), relations(other, small), relations(small, small)))
        out.append(relations(frozenset(range(number % 7)), set(range(5))))
        if number == N // 2:
            small = make([1.0, "a", Pair(1, 2)])
        if number == N - 10:
            small = make([Loud(1, [])])
    return out


def case_sets_compared_by_code_of_the_program():
    log = []
    out = []
    for number in range(N):
        one, other = {Loud(number % 3, log), 7}, {number % 3, 7, 8}
        out.append(outcome(lambda: (one <= other, one == other, one > other)))
    return out, log


@over(
    ([3, 1, 2],), ([-5, 2**29, 0],), ([2**40, 7],), ([True, 5],), ([2.5, 1],), (["b", "a"],), ([],), ([Loud(1, []), 5],)
)
def case_least_of_sets(items):
    out = []
    for number in range(N):
        chosen = set(items) if number > 40 else {number, number + 300, -number}
        out.append(outcome(lambda: (min(chosen), max(chosen), len(chosen))))
        removed = frozenset(chosen) - {number}
        out.append((len(removed), outcome(lambda: min(removed)), outcome(lambda: max(removed) + 1)))
    return [one if "Loud" not in repr(one) else "loud" for one in out]


def case_the_least_is_the_very_object():
    big = [10**6 + number for number in range(20)]
    chosen = frozenset(big)
    return [(min(chosen) is big[0], max(chosen) is big[-1]) for _ in range(N)]


def case_sets_that_change():
    chosen = set(range(20))
    out = []
    for number in range(N):
        out.append((min(chosen), len(chosen), chosen <= set(range(19)), 5 in chosen))
        chosen.discard(number % 19)
        if number % 3 == 0:
            chosen.add(-number)
    return out
