"""Numbers that stay in registers: results of results, what no register has room for, and objects that are written over."""

from tests.cases import over

INTS = (0, 1, -1, 2, -7, 30, 256, 257, -5, -6, 2**29, 2**30 - 1, -(2**30) + 1, 2**30, -(2**30), 2**31, 2**60, -(2**60), 2**62, 2**63, -(2**63), 2**90)
SMALL = (0, 1, -1, 2, 3, -3, 8, 31, 62, 64, 2**30 - 1, 2**40)
FLOATS = (0.0, -0.0, 1.5, -2.25, 1e308, float("inf"), float("-inf"), float("nan"), 3.0)


class Int(int):
    def __add__(self, other):
        return "added", int(self), other

    def __radd__(self, other):
        return "added to", other, int(self)

    def __floordiv__(self, other):
        return Int(5)


@over(*[(a, b) for a in INTS for b in (1, -7, 2**30 - 1, 2**60)])
def case_chain_of_sums(a, b):
    return a + b + a - b + b + a - 1, a - b - b - b, a * b * a * b, (a + b) * (a - b) * (a + b)


@over(*[(a, b) for a in INTS for b in SMALL if b])
def case_floor_division(a, b):
    return a // b, a % b, (a + 1) // b, (a - 1) % b, (a * 3) // (b * 2), (a + b) % (b + b)


@over(*[(a,) for a in INTS])
def case_division_by_constants(a):
    return a // 1, a % 1, a // 2, a % 2, a // 8, a % 8, a // 7, a % 7, a // -7, a % -7, a // -1, a % -1, (a + 1) // 16, (a + 1) % 16


@over(*[(a, b) for a in INTS for b in (0, 1, 5, 29, 30, 31, 33, 61, 62, 63, 64, 100)])
def case_shifts(a, b):
    return a << b, a >> b, (a + 1) << b, (a - 1) >> b, (a << 3) >> b, (a >> 2) << b


@over((5, -1), (-5, -1), (2**40, -3), (True, True), (5, 2**70))
def case_shift_by_odd_counts(a, b):
    try:
        left = a << b
    except (ValueError, OverflowError, MemoryError) as error:
        left = type(error), str(error)
    try:
        right = (a + 0) >> b
    except (ValueError, OverflowError) as error:
        right = type(error), str(error)
    return left if isinstance(left, tuple) else left.bit_length(), right


@over(*[(a, b) for a in INTS for b in (0, 1, -1, 255, -256, 2**30, 2**62)])
def case_bits(a, b):
    return a & b, a | b, a ^ b, (a + 1) & 255, (a - b) | b, (a ^ b) ^ a, (a & b) + (a | b), ~(a & b), -(a | b)


@over(*[(a, b) for a in INTS for b in INTS if b])
def case_true_division(a, b):
    try:
        return a / b, (a + 1) / b
    except OverflowError as error:
        return str(error)


@over((5, 0), (0, 0), (2**70, 0), (5.0, 0), (5, 0.0), (True, False))
def case_division_by_zero(a, b):
    found = []
    for kind in range(4):
        try:
            if kind == 0:
                found.append((a + 1) / b)
            elif kind == 1:
                found.append((a + 1) // b)
            elif kind == 2:
                found.append((a + 1) % b)
            else:
                found.append(a / (b * 1.0))
        except ZeroDivisionError as error:
            found.append(str(error))
    return found


@over(*[(a, b) for a in FLOATS for b in FLOATS], *[(a, b) for a in (1, 2**53 + 1, 2**62, -(2**62)) for b in (2.0**53, 0.5, 2.0**62)])
def case_floats(a, b):
    return (
        repr(a * 2.0 + b * 3.0 - 1.0),
        repr(-(a * b)),
        repr(a + b + a),
        a + 0.5 < b * 2.0,
        (a + b) * 1.0 == b,
        not (a * 1.0),
        bool(a - a),
        a + 1 > b,
    )


@over(*[(a, b) for a in (2**53, 2**53 + 1, 2**54 + 1, -(2**53) - 1, 2**61 + 1) for b in (2.0**53, 2.0**54, -(2.0**53), 2.0**61)])
def case_ints_against_floats(a, b):
    return a + 0 == b, a + 1 > b, a - 1 < b, (a | 1) * 1.0, (a + 1) * b, b - (a + 1)


@over((Int(3), 4), (4, Int(3)), (True, 2), (2, True), (1.5, Int(2)), ("a", "b"), ([1], [2]), (3, 4))
def case_other_types(a, b):
    return a + b + b, type(a + b)


@over((3, 4), (2**29, 2**30 - 1), (1.5, 2.5), ("a", "b"))
def case_truth_of_results(a, b):
    hits = []
    if a + b:
        hits.append(1)
    if not (a + b):
        hits.append(2)
    while a + a:
        hits.append(3)
        break
    return hits, (a + b) and 5, (a + a) or 6


def boom():
    raise ValueError("boom")


@over((3, 4), (2**40, 5), (1.5, 2.0), (300, 2**29))
def case_exception_with_numbers_on_the_stack(a, b):
    try:
        return [a + b, a * b, (a - b) + boom()]
    except ValueError as error:
        return str(error), a + b


@over((3, 4), (2**40, 5), (1.5, 2.0))
def case_call_with_numbers_below(a, b):
    def identity(value):
        return value

    return (a + b) * identity(a) + (a - b) * identity(b * 2), (a + 1, identity(b + 1), a * b)


@over((1.5, 3), (1000, 3), (2**29, 5), (2**40, 2))
def case_locals_written_over(a, rounds):
    x = a + 1
    y = x
    kept = [x]
    for _ in range(rounds):
        x = x + 1
        kept.append(x)
        z = x
        x = x * 1
    x += 1
    return x, y, z, kept


@over((1.5, 3), (1000, 3), (2**29, 5))
def case_both_names_of_one_number(a, rounds):
    x = y = a * 2
    seen = []
    for _ in range(rounds):
        x, y = y + 1, x
        seen.append((x, y))
        x = y = x - y + 1000
    return x, y, seen


class Box:
    def __init__(self, value):
        self.value = value
        self.other = value


class Slotted:
    __slots__ = ("value", "other")

    def __init__(self, value):
        self.value = value
        self.other = value


@over(*[(kind, value) for kind in (Box, Slotted) for value in (1.5, 1000, 2**29, 2**40, "ab")])
def case_attributes_written_over(kind, value):
    box = kind(value * 3)
    before = box.value
    box.value = box.value + value
    shared = box.value
    box.value = box.value * 2
    box.other = box.value + shared
    box.value = box.other + box.value
    return before, shared, box.value, box.other


@over((1.5,), (1000,), (2**29,), (2**40,))
def case_items_written_over(value):
    items = [value * 2, value * 3, value * 4]
    alias = items[0]
    items[0] = items[0] + value
    items[1] += value
    items[-1] = items[0] + items[1]
    items[2] = items[0] = items[1] - value
    first = items[0]
    items[0] += 1
    return alias, items, first


@over(([1, 2, 3, 4], 1), ((1, 2, 3, 4), 1), ("abcd", 1), ({1: 2, 2: 3, 0: 1, -1: 9, -4: 7}, 1))
def case_index_by_result(sequence, one):
    return sequence[one + 1], sequence[one - 1], sequence[one - 2], sequence[one - 5], sequence[one * -1]


@over(([1, 2, 3], 3), ([1, 2, 3], -4), ((1,), 1), ([], -1), ([1, 2, 3], 2**70))
def case_index_out_of_range(sequence, index):
    try:
        return sequence[index + 0]
    except IndexError as error:
        return str(error)


@over(([5, 6, 7], 1), ([5, 6, 7], -2), ([5, 6, 7], 7), ([5, 6, 7], -4))
def case_store_by_result(items, index):
    items = list(items)
    try:
        items[index + 0] = index * 2
        items[index - 0] += 1.5
    except IndexError as error:
        return str(error), items
    return items


@over((0,), (10,), (300,))
def case_range_numbers(count):
    total = 0
    kept = []
    for number in range(count):
        total += number * number - (number >> 1)
        if number % 100 == 0:
            kept.append(number)
    else:
        number = -1
    return total, kept, number


@over((2**62, 2**62 + 3), (-(2**63), -(2**63) + 2), (2**63 - 3, 2**63 - 1), (2**30 - 2, 2**30 + 2))
def case_range_of_large_numbers(start, stop):
    return [(n, n + 1, n - 1, n * 2, -n, n // 3, n % 7, n << 1, n >> 3, n & 0xFF, n ^ 1, n / 4, n == stop, n * 1.0) for n in range(start, stop)]


@over(([1, 2, 3],), ("abc",), ((),), ({1: 2},), ({1, 2},), (range(5),), (b"xy",), (5,), (None,))
def case_len(value):
    try:
        return len(value), len(value) + 1, len(value) > 1, [0, 1, 2, 3, 4, 5, 6][len(value)], bool(len(value))
    except TypeError as error:
        return str(error)


class Sized:
    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size


@over((3,), (0,), (-1,), (2**70,), ("x",), (True,))
def case_len_of_own(size):
    try:
        return len(Sized(size)) + 1
    except (TypeError, ValueError, OverflowError) as error:
        return type(error), str(error)


@over((3, 4.5), (2.5, 3), (1000, 2000), (2**40, 2.0**40))
def case_carried_into_blocks(a, b):
    x = a + b if a * 2 > b else a - b
    y = (a * b) + (1 if x else 2)
    return x, y, (a + 1) and (b + 1), a < b + 1 < a + b, (a + b) * (2 if a else 3)


@over((2.0, 10), (1000, 10))
def case_swap_of_numbers(a, rounds):
    b = a + 1
    for _ in range(rounds):
        a, b = b * 2, a + b
        a, b = b - 1, a - 1
    return a, b


@over((1.5,), (1000,), (2**35,))
def case_number_dropped(a):
    a + 1
    (a * 2, a + 2)
    lambda: a
    return a - 1
