"""Binary, in-place and unary operators: exact types, overflow, odd operands."""

import decimal
import fractions

from tests.cases import over

BIG = 2**63
EDGE = 2**62
INTS = (0, 1, -1, 2, 7, -7, 2**30 - 1, 2**30, -(2**30), EDGE - 1, EDGE, -EDGE, BIG - 1, BIG, -BIG, -BIG - 1, 2**64, 10**40)
FLOATS = (0.0, -0.0, 1.5, -2.5, 1e308, 5e-324, float("inf"), float("-inf"), float("nan"))
PAIRS = (
    [(a, b) for a in INTS for b in (0, 1, -1, 3, -3, 2**30, EDGE, BIG - 1, -BIG)]
    + [(a, b) for a in FLOATS for b in (0.0, -0.0, 2.0, -3.5, float("inf"), float("nan"))]
    + [(3, 2.5), (2.5, 3), (True, 2), (True, False), (10**400, 1.5), (1.5, 10**400), ("a", 1), (1, "a"), (None, 1)]
    + [(1j, 2), (decimal.Decimal("1.5"), 2), (fractions.Fraction(1, 3), 2), ([1], [2]), ("x", "y"), ((1,), (2,))]
    + [({1, 2}, {2, 3}), (b"a", b"b"), ({"a": 1}, {"b": 2}), ([1], 3), (3, "ab"), ("%s!", 5), ("%d %s", (1, "x"))]
)


class SubInt(int):
    pass


class LoudInt(int):
    def __add__(self, other):
        return f"add {int(self)} {other}"

    def __radd__(self, other):
        return f"radd {other} {int(self)}"

    def __mul__(self, other):
        return NotImplemented


class Vector:
    def __init__(self, *parts):
        self.parts = parts

    def __repr__(self):
        return f"Vector{self.parts}"

    def __add__(self, other):
        return Vector(*(a + b for a, b in zip(self.parts, other.parts)))

    def __iadd__(self, other):
        self.parts = tuple(a + b for a, b in zip(self.parts, other.parts))
        return self

    def __rmul__(self, scale):
        return Vector(*(scale * part for part in self.parts))

    def __matmul__(self, other):
        return sum(a * b for a, b in zip(self.parts, other.parts))

    def __neg__(self):
        return Vector(*(-part for part in self.parts))

    def __bool__(self):
        raise ValueError("no truth in a vector")


class Stubborn:
    def __add__(self, other):
        return NotImplemented

    def __radd__(self, other):
        return NotImplemented

    def __lt__(self, other):
        return NotImplemented


ODD = [(SubInt(3), 4), (4, SubInt(3)), (LoudInt(3), 4), (4, LoudInt(3)), (Vector(1, 2), Vector(3, 4)), (2, Vector(1, 2))] + [
    (Stubborn(), 1),
    (1, Stubborn()),
    (Stubborn(), Stubborn()),
]


@over(*PAIRS, *ODD)
def case_add(a, b):
    return a + b


@over(*PAIRS, *ODD)
def case_subtract(a, b):
    return a - b


@over(*[pair for pair in PAIRS if pair[0] != 10**400], *ODD)
def case_multiply(a, b):
    if isinstance(a, (str, list, bytes, tuple)) and isinstance(b, int) and b > 100:
        return None
    return a * b


@over(*PAIRS, *ODD)
def case_true_divide(a, b):
    return a / b


@over(*PAIRS, *ODD)
def case_floor_divide(a, b):
    return a // b


@over(*PAIRS, *ODD)
def case_remainder(a, b):
    return a % b


@over((2, 3), (2, -1), (0, -1), (-8, 1 / 3), (2.0, 10), (2**31, 2), (0.0, -1), (True, 5), (2, 200), (-1, 10**30), (1e200, 2))
def case_power(a, b):
    return a**b


@over(*[(a, b) for a in INTS for b in (0, 1, 29, 30, 31, 61, 62, 63, 64, 100)], (1, -1), (1.0, 1), (True, 3), ("a", 1))
def case_left_shift(a, b):
    return a << b


@over(*[(a, b) for a in INTS for b in (0, 1, 29, 30, 31, 61, 62, 63, 64, 100, 10**20)], (1, -1), (1.0, 1), (True, 3))
def case_right_shift(a, b):
    return a >> b


@over(*[(a, b) for a in INTS for b in INTS[:12]], (True, False), (True, 3), ({1, 2}, {2}), (1.0, 1), ({"a": 1}, {"a": 2}))
def case_bitwise(a, b):
    return a & b, a | b, a ^ b


@over((True, False), (True, True), (1, True), (False, 0))
def case_bool_bitwise_keeps_bool(a, b):
    return a & b, a | b, a ^ b, a + b, -a, +a


@over(*[(a,) for a in INTS + FLOATS], (True,), ("a",), (None,), (Vector(1, 2),), (SubInt(5),))
def case_negative(a):
    return -a


@over(*[(a,) for a in INTS], (True,), (False,), (1.0,), (SubInt(5),))
def case_invert(a):
    return ~a


@over(*[(a,) for a in INTS[:5] + FLOATS[:3]], (True,), (SubInt(5),), ("a",))
def case_positive(a):
    return +a


@over((0,), (1,), (0.0,), (-0.0,), (float("nan"),), ("",), ("a",), ([],), ([0],), (None,), (Vector(1),), (0j,), (10**30,))
def case_not(a):
    return not a


@over((Vector(1, 2), Vector(3, 4)), (1, 2))
def case_matrix_multiply(a, b):
    return a @ b


@over((1, 2), (1.5, 2), ("a", "b"), ([1], [2]), ((1,), (2,)), (EDGE, EDGE), (BIG - 1, 1), (None, 1))
def case_inplace_add(a, b):
    a += b
    return a


@over(lambda: ([1, 2], (3,)), lambda: ([1], "xy"), lambda: ({1}, {2}), lambda: (Vector(1, 2), Vector(5, 5)))
def case_inplace_mutates(a, b):
    same = a
    try:
        a += b
    except TypeError as error:
        return str(error)
    return a is same, a


@over((7, 2), (7.5, 2), (-7, 2), (BIG, 3), (7, 0), (EDGE, 2))
def case_all_inplace(a, b):
    results = []
    x = a
    x -= b
    results.append(x)
    x *= b
    results.append(x)
    x **= 2
    results.append(x)
    x //= b
    results.append(x)
    x %= 5
    results.append(x)
    x /= b
    results.append(x)
    return results


@over((7, 2), (BIG, 3), (-7, 2), (7, -1), (7.0, 1))
def case_inplace_bits(a, b):
    a <<= b
    a |= 1
    a ^= 6
    a &= 0xFFFF
    a >>= 1
    return a


@over((10,), (100,), (0,))
def case_overflow_in_loop(n):
    x = 1
    for _ in range(n):
        x = x * 3 + 1
    return x


@over((70,))
def case_doubling_past_machine_word(n):
    seen = []
    x = 1
    for _ in range(n):
        x += x
        seen.append(x)
    return seen


@over((70,))
def case_negative_doubling(n):
    x = -1
    for _ in range(n):
        x = x + x
    return x


@over((50,))
def case_type_changes_in_loop(n):
    x = 1
    for i in range(n):
        if i == 20:
            x = float(x)
        elif i == 30:
            x = int(x)
        elif i == 40:
            x = complex(x)
        x = x + 1
    return x


@over((1.5, 2.5), (float("inf"), float("-inf")), (1e308, 1e308), (-0.0, 0.0))
def case_float_temporaries(a, b):
    return (a + b) * (a - b) + a * b - (a + 1.0) * (b + 1.0), a + b + a + b, -(a * b)


@over((1.5,), (-0.0,))
def case_float_argument_is_not_overwritten(a):
    b = a
    c = a + 1.0
    c += 1.0
    a += 2.0
    return a, b, c


def case_constants_are_not_overwritten():
    x = 1.5
    x += 1.0
    y = 1.5
    y *= 2.0
    return x, y, 1.5


def case_small_int_identity():
    a = 250
    a += 6
    b = 256
    c = 257
    d = c - 1
    return a is b, d is b


@over((3, 0), (3.0, 0), (3, 0.0), (0, 0), (3.0, 0.0), (10**30, 0), (True, False))
def case_zero_division(a, b):
    caught = []
    for operation in (lambda: a / b, lambda: a // b, lambda: a % b, lambda: divmod(a, b)):
        try:
            caught.append(operation())
        except ZeroDivisionError as error:
            caught.append(str(error))
    return caught


@over((-7, 3), (7, -3), (-7, -3), (-1, 5), (-(2**62), 3), (-7.5, 2), (7.5, -2), (-0.0, 3))
def case_floor_and_modulo_signs(a, b):
    return a // b, a % b, divmod(a, b)


@over((5, 2, 7), (2, 10**20, 97), (3, -1, 7))
def case_power_of_three_arguments(a, b, c):
    return pow(a, b, c)


@over((LoudInt(5), 3), (3, LoudInt(5)), (LoudInt(1), LoudInt(2)), (3, 4), (3.0, 4))
def case_overridden_operators(a, b):
    return a + b


@over((LoudInt(5), 3), (3, LoudInt(5)))
def case_not_implemented_multiplication(a, b):
    return a * b


def case_augmented_attribute_and_item():
    class Box:
        value = 5

    box = Box()
    box.value += 10
    items = {"a": 1, "b": [1]}
    items["a"] += 2
    items["b"] += [2]
    nested = [[1], [2]]
    nested[0][0] *= 9
    return box.value, Box.value, items, nested


def case_augmented_tuple_item_raises_after_mutation():
    t = ([1], 2)
    try:
        t[0] += [5]
    except TypeError as error:
        return t, str(error)


@over((1, 2, 3, 4), (1.0, 2, 3.5, -4), (EDGE, EDGE, 2, 2), ("a", "b", 2, 1), (1, None, 2, 3))
def case_precedence(a, b, c, d):
    return a + b * c - d, (a + b) * (c - d), a - b - c - d, a + (b + (c + d))


@over((5,), (EDGE,), (-5,), (0,))
def case_mixed_chain(n):
    total = 0
    for i in range(n % 10):
        total = (total * 31 + i ^ 0x55) & 0xFFFFFFFF
        total -= i << 3
        total ^= total >> 2
    return total


@over((10,))
def case_float_loop(n):
    x, y = 0.5, -1.25
    for i in range(n):
        x = x * y + i
        y = y / 1.5 - x
        if x > 1e6:
            x = 0.1
    return x, y


class Index:
    def __index__(self):
        return 3


@over((Index(), 2), (2, Index()))
def case_index_is_not_a_number(a, b):
    return a + b


@over((Index(),))
def case_index_where_allowed(i):
    return [10, 20, 30, 40][i], "abcdef"[i], list(range(i)), hex(i), "ab" * i, bin(i)


def case_modulus_formatting():
    return "%d-%s" % (3, "x"), "%(a)s" % {"a": 1}, b"%d" % 5, "%5.2f|" % 3.14159, "%%" % ()


@over((0,), (5,))
def case_short_circuit(n):
    log = []

    def note(value):
        log.append(value)
        return value

    result = note(n) and note(n - 5) or note("end")
    return result, log
