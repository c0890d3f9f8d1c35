"""Building and indexing lists, tuples, dicts, sets, strings; methods of containers."""

import collections

from tests.cases import over


class DefaultDict(dict):
    def __missing__(self, key):
        return f"missing {key}"


class SubList(list):
    def __getitem__(self, index):
        return f"sub {index}"


class BadHash:
    def __hash__(self):
        raise ValueError("bad hash")


class Index:
    def __init__(self, n):
        self.n = n

    def __index__(self):
        return self.n


class Growing:
    """An index that changes the list while it is being indexed."""

    def __init__(self, target):
        self.target = target

    def __index__(self):
        self.target.clear()
        return 0


INDICES = (0, 1, -1, -3, 2, 3, -4, 10**20, True, 2**63 - 1, -(2**63), 1.0, "a", None)


@over(*[([10, 20, 30], i) for i in INDICES], (SubList([1]), 0), ([1, 2], Index(1)), ([1], Index("x")))
def case_list_subscript(a, i):
    return a[i]


@over(*[((10, 20, 30), i) for i in INDICES], ((), 0))
def case_tuple_subscript(a, i):
    return a[i]


@over(*[("añ€", i) for i in INDICES], ("", 0), ("abc", -3), ("😀x", 0))
def case_str_subscript(a, i):
    return a[i]


@over(({"a": 1}, "a"), ({"a": 1}, "b"), ({1: 2}, 1.0), ({}, []), (DefaultDict(), "k"), ({1: 2}, True), ({"a": 1}, BadHash()))
def case_dict_subscript(a, k):
    return a[k]


@over((b"abc", 1), (bytearray(b"abc"), -1), (range(10), 3), (range(3), 5), (5, 0), (None, 0), (int, 3), (list, int))
def case_other_subscript(a, i):
    return a[i]


@over(*[(lambda i=i: ([10, 20, 30], i, "new")) for i in INDICES])
def case_list_store(a, i, v):
    a[i] = v
    return a


@over(lambda: ({}, "k", 1), lambda: ({}, [], 1), lambda: ((1,), 0, 2), lambda: ("a", 0, "b"), lambda: ({1: 1}, True, 9))
def case_store_other(a, k, v):
    a[k] = v
    return a


@over(lambda: ([1, 2, 3], 0), lambda: ([1], 5), lambda: ({"a": 1}, "a"), lambda: ({}, "a"), lambda: ((1,), 0), lambda: ([1, 2], -1))
def case_delete_subscript(a, k):
    del a[k]
    return a


def case_index_clears_the_list():
    a = [1, 2, 3]
    return a[Growing(a)]


def case_index_clears_the_list_on_store():
    a = [1, 2, 3]
    a[Growing(a)] = 5
    return a


@over((1, 2, 3), ("a", None, 2.5))
def case_displays(a, b, c):
    return [a, b, c], (a, b, c), {a, c}, {a: b, c: a}, [], (), {}, [a], (a,), {a: a}


@over(([1, 2], (3,), "ab"), ([], {}, set()), ([1], 5, []))
def case_star_displays(a, b, c):
    return [*a, 0, *b, *c], (*a, *b), {*a, *b}


@over(({"a": 1}, {"b": 2}), ({"a": 1}, {"a": 2}), ({}, [("a", 1)]), ({1: 2}, {3: 4}), (None, {}))
def case_star_dicts(a, b):
    return {**a, "k": 0, **b}


def case_big_constant_displays():
    a = [1, 2, 3, 4, 5, 6, 7, 8]
    b = {1, 2, 3, 4, 5}
    c = {"a": 1, "b": 2, "c": 3, "d": 4}
    a.append(9)
    b.add(6)
    return a, b, c, 3 in {1, 2, 3}, "x" in ("x", "y")


def case_dict_order_and_overwrite():
    d = {"b": 1, "a": 2, "b": 3}
    d["c"] = 0
    del d["a"]
    d["a"] = 5
    return list(d.items())


def case_evaluation_order_in_dict_display():
    log = []

    def f(x):
        log.append(x)
        return x

    return {f(1): f(2), f(3): f(4)}, log


def case_unhashable_in_displays():
    try:
        return {[]: 1}
    except TypeError as error:
        first = str(error)
    try:
        return {(1, [])}
    except TypeError as error:
        return first, str(error)


@over((5,), (0,))
def case_list_methods(n):
    a = []
    for i in range(n):
        a.append(i * 3 % 5)
    a.extend([9, 8])
    a.insert(1, "i") if n else None
    popped = a.pop()
    a.reverse()
    return a, popped, a.count(0), len(a), a.copy() == a


def case_append_through_saved_method():
    a = []
    add = a.append
    for i in range(20):
        add(i)
    add = a.pop
    return add(), add(0), a


def case_subclass_append():
    class Noisy(list):
        def append(self, value):
            super().append(("noisy", value))

    results = []
    for kind in (list, Noisy, list, collections.deque):
        a = kind()
        for i in range(3):
            a.append(i)
        results.append(list(a))
    return results


@over(({"a": 1}, "a"), ({}, "x"), ({1: 2}, 1.0), (DefaultDict(), "q"), ({}, []))
def case_dict_get(d, k):
    return d.get(k), d.get(k, "default")


def case_dict_methods():
    d = {"a": 1}
    first = d.setdefault("a", 5), d.setdefault("b", 6)
    d.update(c=7)
    popped = d.pop("a"), d.pop("zz", None)
    return first, popped, list(d), list(d.values()), d.keys() & {"b"}, d | {"z": 1}


def case_pop_missing():
    return {}.pop("key")


def case_pop_empty_list():
    return [].pop()


def case_set_methods():
    s = {1, 2}
    s.add(3)
    s.discard(9)
    s |= {5}
    s -= {1}
    return sorted(s), s & {2, 3}, s <= {2, 3, 5, 7}, 2 in s


def case_remove_missing():
    {1}.remove(5)


def case_string_methods():
    s = "Hello, World"
    return s.upper(), s.split(", "), s.find("W"), s.replace("l", "L"), s.startswith("He"), ",".join(["a", "b"]), s[::-1].lower()


def case_join_wrong_type():
    return ",".join(["a", 1])


def case_nested_structures():
    grid = [[0] * 3 for _ in range(3)]
    for y in range(3):
        for x in range(3):
            grid[y][x] = x * y
            grid[y][x] += 1
    return grid, grid[-1][-1], grid[1][2]


def case_aliasing():
    a = [[]] * 3
    a[0].append(1)
    b = a[:]
    b[1] = None
    return a, b


@over(("abc",), ([1, 2],), ({1: 2},), (5,), (range(10**10),), (b"xy",))
def case_len(a):
    return len(a)


def case_builtin_functions_on_containers():
    a = [3, 1, 2]
    return sorted(a), sum(a), min(a), max(a), list(reversed(a)), list(enumerate(a)), list(zip(a, "xyz")), any(a), all(a)


def case_min_max_edges():
    results = [min(1, 2.0), max(1, 1.0), min("b", "a"), max([1, 5, 3], key=lambda v: -v), min([], default=0)]
    try:
        min([])
    except ValueError as error:
        results.append(str(error))
    try:
        max(1, "a")
    except TypeError as error:
        results.append(str(error))
    return results


def case_min_with_nan():
    nan = float("nan")
    return min(nan, 1), min(1, nan), max(nan, 1), max(1, nan)


@over(("a",), ("é",), ("😀",), ("ab",), (5,))
def case_ord(c):
    return ord(c)


@over((97,), (0x1F600,), (-1,), (0x110000,), ("a",), (10**30,))
def case_chr(n):
    return chr(n)


@over((-5,), (5,), (-(2**63),), (-0.0,), (True,), ("a",), (3 + 4j,))
def case_abs(n):
    return abs(n)


def case_dict_views_stay_live():
    d = {"a": 1}
    keys = d.keys()
    d["b"] = 2
    return list(keys), len(keys)


def case_counter_and_defaultdict():
    c = collections.Counter("abracadabra")
    d = collections.defaultdict(list)
    for i in range(6):
        d[i % 2].append(i)
        c["z"] += i
    return dict(c), dict(d)


def case_tuple_of_mutable_hash():
    return hash((1, [2]))


def case_delete_items_in_loop():
    d = {i: i * i for i in range(10)}
    for k in list(d):
        if k % 3 == 0:
            del d[k]
    return d


def case_polymorphic_subscript():
    results = []
    for container, key in [([1, 2], 1), ((3, 4), 0), ("xy", 1), ({1: "d"}, 1), (range(5), 2), (b"ab", 0), ([7], -1)] * 3:
        results.append(container[key])
    return results
