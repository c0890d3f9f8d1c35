"""Operators, wrappers and classes of types in C, which compiled code calls by their slots; and what is changed under them."""

import datetime
import decimal
import functools
import gc
import weakref
from fractions import Fraction

from tests.cases import over

log = []


class Left:
    def __init__(self, answer):
        self.answer = answer

    def __add__(self, other):
        log.append("add")
        return NotImplemented if self.answer is None else self.answer

    def __radd__(self, other):
        log.append("radd")
        return NotImplemented if self.answer is None else ("r", self.answer)

    def __iadd__(self, other):
        log.append("iadd")
        return NotImplemented

    __mul__ = __add__
    __rmul__ = __radd__


class Special(Left):
    def __radd__(self, other):
        log.append("special")
        return super().__radd__(other)


class Count(int):
    def __radd__(self, other):
        log.append("count")
        return NotImplemented


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return type(error).__name__, str(error)


def add(a, b):
    return a + b


def add_in_place(a, b):
    a += b
    return a


def multiply(a, b):
    return a * b


def subtract(a, b):
    return a - b


def union_in_place(a, b):
    a |= b
    return a


def shift(a, b):
    return a >> b


@over((1,), (40,))
def case_operators_of_types_in_c(rounds):
    one, two = decimal.Decimal("1.5"), decimal.Decimal("2")
    day = datetime.timedelta(1)
    operands = [
        (one, two),
        (one, 3),
        (3, one),
        (one, 1.5),
        (day, day),
        (day, 2),
        (2, day),
        (datetime.date(2020, 1, 1), day),
        (day, datetime.date(2020, 1, 1)),
        (datetime.date(2020, 1, 1), datetime.date(2019, 1, 1)),
        (1j, one),
        ({1}, {2}),
        ({1}, [2]),
        ([1], (2,)),
        ([1], 2),
        (2, [1]),
        ("a", 2),
        (b"a", bytearray(b"b")),
        (True, one),
        (Fraction(1, 2), one),
        (Fraction(1, 2), 1),
        (None, None),
        (print, 1),
        (decimal.Decimal("NaN"), two),
        (2**70, one),
    ]
    seen = []
    for number in range(rounds):
        for a, b in operands:
            for function in (add, multiply, subtract, shift):
                seen.append(repr(attempt(function, a, b)))
            if not isinstance(a, (list, set, bytearray)):
                seen.append(repr(attempt(add_in_place, a, b)))
        seen.append(sorted(union_in_place({number}, {1, 2})))
    return seen[:250], len(seen), hash(tuple(map(str, seen[-250:]))) == hash(tuple(map(str, seen[:250])))


@over((1,), (40,))
def case_who_is_asked_about_an_operator(rounds):
    log.clear()
    seen = []
    values = [Left(None), Left(1), Special(None), Special(2), 5, Count(5), decimal.Decimal(1), "text", [1]]
    for _ in range(rounds):
        for a in values:
            for b in values:
                for function in (add, multiply):
                    seen.append(repr(attempt(function, a, b))[:60])
                if not isinstance(a, list):
                    seen.append(repr(attempt(add_in_place, a, b))[:60])
    answers = [text for text in seen if " at 0x" not in text]
    return answers[:120], len(answers), log[:200], len(log)


@over((1,), (40,))
def case_operator_gets_a_method_meanwhile(rounds):
    class Number:
        pass

    seen = []
    a, b = Number(), Number()
    for number in range(rounds):
        seen.append(repr(attempt(add, a, b)))
        if number == 12:
            Number.__radd__ = lambda self, other: "radd"
        if number == 20:
            Number.__add__ = lambda self, other: "add"
        if number == 30:
            del Number.__add__
    return seen


class Slotted:
    __slots__ = ("value",)


class Plain:
    def __init__(self, value=0):
        self.value = value

    def __getattr__(self, name):
        return f"got {name}"


@over((1,), (40,))
def case_wrappers(rounds):
    seen = []
    get_mro = type.__dict__["__mro__"].__get__
    get_value = Slotted.__dict__["value"].__get__
    for number in range(rounds):
        plain = Plain(number)
        object.__setattr__(plain, "other", number)
        seen.append(object.__getattribute__(plain, "value"))
        seen.append(attempt(object.__getattribute__, plain, "missing"))
        seen.append(plain.missing)
        seen.append(get_mro(bool))
        seen.append(attempt(get_mro, 3))
        seen.append(attempt(get_mro))
        seen.append(attempt(get_mro, None, None))
        slotted = Slotted()
        seen.append(attempt(get_value, slotted))
        object.__setattr__(slotted, "value", number)
        seen.append(get_value(slotted, Slotted))
        seen.append(attempt(object.__setattr__, 3, "x", 1))
        seen.append(attempt(object.__setattr__, plain, "x"))
        seen.append(attempt(type.__setattr__, int, "x", 1))
        seen.append(attempt(int.__repr__, "text"))
        seen.append(attempt(int.__repr__))
        seen.append(attempt(int.__repr__, 3, 4))
        seen.append(int.__repr__(number))
        seen.append((number).__repr__())
        seen.append(int.__add__(number, 2**70))
        seen.append(attempt(dict.__contains__, {1: 2}, 1))
        seen.append(str.__mod__("%s-%s", (number, 2)))
        bound = plain.__repr__
        seen.append(bound().startswith("<"))
        seen.append(attempt(bound, 1))
        seen.append(list.__init__([1], (2, 3)))
        seen.append(attempt(list.__init__, [1], 2))
        seen.append(Plain.__eq__(plain, plain))
    return [repr(value) for value in seen[:60]], len(seen), repr(seen[-len(seen) // rounds :]).replace("39", "0")[:2000]


@over((1,), (40,))
def case_argument_tuples_that_are_kept(rounds):
    seen = []
    errors = []
    for number in range(rounds):
        error = ValueError()
        ValueError.__init__(error, number, "two")
        errors.append(error)
        other = KeyError("x")
        KeyError.__init__(other, number + 1, "three")
        errors.append(other)
        decimal.Decimal(number).quantize(decimal.Decimal(1), decimal.ROUND_DOWN)
        seen.append(gc.is_tracked(error.args))
    gc.collect()
    return [error.args for error in errors], seen[:1], len(set(map(id, [error.args for error in errors])))


@functools.lru_cache(maxsize=8)
def fibonacci(n, offset):
    return n + offset if n < 2 else fibonacci(n - 1, offset) + fibonacci(n - 2, offset)


@over((1,), (40,))
def case_argument_tuples_while_they_are_used(rounds):
    seen = []
    for number in range(rounds):
        seen.append(fibonacci(number, 0))
        seen.append(attempt(fibonacci, number, []))
        seen.append(attempt(fibonacci))
    return seen, fibonacci.cache_info()


@over((1,), (40,))
def case_weak_references(rounds):
    seen = []
    made = weakref.ref
    for _ in range(rounds):
        plain = Plain()
        one, two = made(plain), weakref.ref(plain)
        seen.append((one is two, one() is plain, weakref.getweakrefcount(plain)))
        called = weakref.ref(plain, lambda gone: seen.append("gone"))
        seen.append(called is one)
        del plain
        seen.append((one(), two() is None))
        seen.append(attempt(made, 3))
        seen.append(attempt(made))
        seen.append(type(weakref.WeakMethod(Plain().__init__)).__name__)
    return seen


class Asking(type):
    answer = True

    def __instancecheck__(cls, instance):
        log.append("asked")
        if cls.answer == "raise":
            raise LookupError(repr(instance))
        return cls.answer


class Asked(metaclass=Asking):
    pass


class Unasked(metaclass=Asking):
    answer = []


@over((1,), (60,))
def case_metaclass_decides_about_instances(rounds):
    log.clear()
    seen = []
    Asked.answer = True
    asked = Asked()
    original = Asking.__instancecheck__
    for number in range(rounds):
        for value in (3, asked, Unasked()):
            for cls in (Asked, Unasked, (int, Asked), (str, Unasked), int | Asked):
                seen.append(attempt(isinstance, value, cls))
                try:
                    seen.append(isinstance(value, cls))
                except LookupError as error:
                    seen.append(str(error)[:10])
        if number == 20:
            Asked.answer = "raise"
        if number == 30:
            Asked.answer = 0
            Asking.__instancecheck__ = lambda cls, instance: number
        if number == 40:
            del Asking.__instancecheck__
        if number == 50:
            Asking.__instancecheck__ = original
    if Asking.__dict__.get("__instancecheck__") is not original:
        Asking.__instancecheck__ = original
    return [str(value)[:40] for value in seen], len(log)


class Endless(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, cls)


class Never(metaclass=Endless):
    pass


@over((1,), (12,))
def case_endless_check(rounds):
    seen = []
    for _ in range(rounds):
        try:
            isinstance(3, Never)
        except RecursionError as error:
            seen.append(type(error).__name__)
    return seen


class Text(str):
    def __str__(self):
        return "text's own"

    def __mod__(self, other):
        return "mod", other

    def __rmod__(self, other):
        return "rmod", other


def percent(a, b):
    return a % b


@over((1,), (40,))
def case_percent(rounds):
    formats = [
        "%s",
        "a%s",
        "%s: %s",
        "(%s,)",
        "%s%s",
        "%%s",
        "%s%",
        "%5s",
        "%d",
        "%(a)s",
        "ä%s",
        "%s→%s",
        "none",
        "",
        Text("%s"),
    ]
    values = [
        "",
        "x",
        "abc",
        "grün",
        "→",
        "𝄞",
        Text("t"),
        5,
        None,
        [1],
        {"a": "b"},
        b"b",
        (),
        ("a",),
        ("a", "b"),
        ("ä", "𝄞"),
        ("", ""),
    ]
    values += [("a", 5), (Text("a"), "b"), ("a", "b", "c"), (("a", "b"), "c")]
    seen = []
    for _ in range(rounds):
        for text in formats:
            for value in values:
                seen.append(attempt(percent, text, value))
                result = attempt(percent, text, value)
                # Equal strings need not be one object, but these are in the interpreter.
                seen.append(any(result is one for one in (value, *(value if isinstance(value, tuple) else ()))))
                seen.append(
                    isinstance(result, str) and (len(result.encode()), result.isascii(), max(result, default=""))
                )
    return [repr(value) for value in seen[-700:]], len(seen)


class Integer(int):
    def __str__(self):
        return "integer's own"


@over((1,), (20,))
def case_percent_of_ints(rounds):
    formats = ["n%s", "%d%i", "n%d: %s", "%u-%s", "ä%d", "→%i%s", "%x.%d", "% d.", "%d%%", "%d"]
    values = [0, -1, True, 1.5, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**30, Integer(7), "a"]
    values += [(1, 2), (-3, "a"), ("a", -3), (2**64, 1), (True, 1), (Integer(7), 1), (1.5, 2), (7, "→")]
    seen = []
    for _ in range(rounds):
        for text in formats:
            for value in values:
                result = attempt(percent, text, value)
                seen.append((result, isinstance(result, str) and (len(result.encode()), result.isascii())))
    return [repr(value) for value in seen[-len(formats) * len(values) :]], len(seen)


class Base:
    pass


class Derived(Base):
    pass


class Meta(type):
    def __subclasscheck__(cls, other):
        log.append("asked")
        return other is int


class Judged(metaclass=Meta):
    pass


@over((1,), (40,))
def case_subclasses(rounds):
    log.clear()
    seen = []
    for _ in range(rounds):
        for one in (Base, Derived, Judged, int, bool, type, object, 3, "text", list[int]):
            for other in (Base, Derived, Judged, int, object, (int, Base), 3, int | str, list[int]):
                seen.append(attempt(issubclass, one, other))
                try:
                    seen.append(issubclass(one, other))
                except TypeError as error:
                    seen.append(str(error))
    return seen[:200], len(seen), len(log)
