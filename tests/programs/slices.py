"""Slices: reading, storing, deleting, odd bounds."""

from tests.cases import over

SEQUENCES = ([0, 1, 2, 3, 4, 5], (0, 1, 2, 3, 4, 5), "abcdef", b"abcdef", range(6), "añ€😀ef")
BOUNDS = ((None, None), (0, 3), (2, None), (None, -1), (-3, -1), (4, 2), (0, 100), (-100, 2), (10**30, None), (None, -(10**30)))


class Index:
    def __index__(self):
        return 2


class Recorder:
    def __getitem__(self, key):
        return "get", key

    def __setitem__(self, key, value):
        self.last = "set", key, value

    def __delitem__(self, key):
        self.last = "del", key


@over(*[(s, a, b) for s in SEQUENCES for a, b in BOUNDS], ([1], "a", None), (5, 0, 1), ([1, 2, 3], Index(), None), ([], 1.0, 2))
def case_two_bounds(s, a, b):
    return s[a:b]


@over(*[(s, a, b, c) for s in SEQUENCES[:3] for a, b in BOUNDS[:6] for c in (1, 2, -1, -2, None, 10**20)], ([1], None, None, 0))
def case_three_bounds(s, a, b, c):
    return s[a:b:c]


@over(*[(s,) for s in SEQUENCES])
def case_constant_bounds(s):
    return s[1:3], s[:2], s[-2:], s[::-1], s[:], s[::2], s[1:-1]


@over(lambda: ([1, 2, 3, 4], 1, 3, [9]), lambda: ([1, 2], 0, 0, "ab"), lambda: ([1, 2, 3], 2, 1, (7, 8)), lambda: ([1], 0, 1, 5))
def case_store(s, a, b, value):
    s[a:b] = value
    return s


@over(lambda: ([1, 2, 3, 4], [8, 9]), lambda: ([1, 2, 3, 4], [8]), lambda: ((1, 2), [1]))
def case_store_extended(s, value):
    s[::2] = value
    return s


@over(lambda: ([1, 2, 3, 4], 1, 3), lambda: ([1], 5, 9), lambda: ("abc", 0, 1), lambda: ({}, 0, 1))
def case_delete(s, a, b):
    del s[a:b]
    return s


def case_store_of_itself():
    s = [1, 2, 3]
    s[1:1] = s
    t = [1, 2, 3]
    t[:] = t
    return s, t


def case_augmented():
    s = [1, 2, 3, 4]
    s[1:3] += ["x"]
    s[:1] *= 3
    return s


def case_own_class_sees_slices():
    r = Recorder()
    seen = [r[1:2], r[:], r[::3], r[1:2, 3], r["a":"b"], r[...]]
    r[1:2] = "v"
    seen.append(r.last)
    del r[:5]
    seen.append(r.last)
    return seen


def case_slice_objects():
    s = slice(1, 10, 2)
    return s, s.indices(5), s == slice(1, 10, 2), list(range(20))[s], hash(slice(1, 2)) == hash(slice(1, 2))


def case_dict_with_slice_key():
    d = {}
    d[1:2] = "x"
    return d, d[1:2]


def case_bytearray_store():
    b = bytearray(b"hello")
    b[1:3] = b"XYZ"
    b[-1:] = b""
    return b


def case_window_loop():
    s = list(range(10))
    return [s[i : i + 3] for i in range(len(s) - 2)], ["abcdef"[i:j] for i in range(3) for j in range(3, 6)]


def case_quicksort():
    def sort(values):
        if len(values) <= 1:
            return values
        pivot, rest = values[0], values[1:]
        return sort([v for v in rest if v < pivot]) + [pivot] + sort([v for v in rest if v >= pivot])

    return sort([3, 6, 1, 8, 2, 9, 2, -5, 10**20])


def case_slice_raises_in_index():
    class Bad:
        def __index__(self):
            raise KeyError("index")

    return [1, 2, 3][Bad() : 2]


def case_index_mutates_list():
    s = list(range(10))

    class Shrinks:
        def __index__(self):
            del s[:]
            return 5

    return s[0 : Shrinks()]


class Odd:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


@over(*[(list(range(7)), start, stop, step) for start in (None, 0, 2, -3, 9, -9, Odd(1), 2**70) for stop in (None, 0, 5, -1, 20, -20) for step in (1, 2, -1, -3, 7, -9)])
def case_strides(items, start, stop, step):
    return items[start:stop:step], tuple(items)[start:stop:step], "abcdefg"[start:stop:step]


@over((list(range(5)), 0), (list(range(5)), None), (list(range(5)), "x"), (5, 1), ({}, 1), (list(range(5)), True))
def case_odd_strides(items, step):
    try:
        return items[::step]
    except (TypeError, ValueError, KeyError) as error:
        return type(error).__name__, str(error)


@over(*[(start, stop, value) for start in (None, 0, 2, -2, 9, Odd(3)) for stop in (None, 1, -1, 20, 0) for value in ([], [1, 2, 3], (7,), "ab", range(2))])
def case_stored_slices(start, stop, value):
    items = list(range(6))
    items[start:stop] = value
    return items


@over((1, 3), (None, None), (3, 1))
def case_stored_into_itself(start, stop):
    items = list(range(5))
    items[start:stop] = items
    items[: start] = items[stop::-1]
    return items


@over((5,), ("ab",), (None,), (Odd(1),), ([],))
def case_odd_values_for_a_slice(value):
    items = [1, 2, 3]
    try:
        items[1:2] = value
    except TypeError as error:
        return str(error), items
    return items


STARTS = (0, 1, 3, -2, -9, 9)


@over(*[(k,) for k in (0, 1, 5, 6, -1, -6, -7, 2**63 - 1, 2**70, True)])
def case_turned_around_in_place(k):
    found = []
    for at in range(N):
        row = list(range(6))
        row[: k + 1] = row[k::-1]
        found.append(list(row))
        row[k:] = row[: k - 1 : -1]
        found.append(list(row))
        row[k : k + 2] = row[k : k + 2]
        found.append(list(row))
        if at % 2:
            row[:] = row[::-1]
            found.append(row)
    return found


@over(*[(a, b) for a in STARTS for b in (-1, 0, 2, 6)])
def case_moved_within(a, b):
    found = []
    for _ in range(N):
        row = list(range(6))
        row[a:b] = row[b:a:-1]
        found.append(list(row))
        row[a:b] = row[b:a]
        found.append(list(row))
        row[b:a] = row[a:b:-1]
        found.append(row)
    return found


class Counted:
    ended = 0

    def __del__(self):
        Counted.ended += 1


@over((2,), (5,), (0,))
def case_moved_items_end_when_they_should(k):
    found = []
    for _ in range(N):
        Counted.ended = 0
        row = [Counted() for _ in range(6)]
        row[: k + 1] = row[k::-1]
        found.append((Counted.ended, len(row)))
        row[: k - 1] = row[k::-1]
        found.append((Counted.ended, len(row)))
        row[: k + 2] = row[k::-1]
        found.append((Counted.ended, len(row)))
        row = None
        found.append(Counted.ended)
    return found


class Mean(list):
    def __setitem__(self, key, value):
        super().__setitem__(key, list(value) + [7])


class Odd:
    def __init__(self, row):
        self.row = row

    def __add__(self, other):
        self.row.append(len(self.row))
        return other

    def __index__(self):
        self.row.pop()
        return 2


@over((list,), (Mean,), (tuple,), (Odd,))
def case_turned_around_of_others(kind):
    found = []
    for at in range(N):
        row, k = list(range(5)), 3
        if kind is not Odd and at > N - 4:
            row = kind(row)
        elif at > N - 4:
            k = Odd(row)
        try:
            row[: k + 1] = row[k::-1]
        except TypeError as error:
            found.append(str(error))
        found.append(list(row))
    return found


@over((1,), ("x",))
def case_two_names_for_a_list(other):
    found = []
    for at in range(N):
        row = list(range(5))
        same = row if at % 3 else list(row)
        if at == N - 2:
            same = other
        try:
            same[:3] = row[2::-1]
        except TypeError as error:
            found.append(str(error))
        found.append((list(row), same))
    return found
