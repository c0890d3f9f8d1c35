"""Attributes, globals and calls."""

from __future__ import annotations

import dataclasses
import math

from benchmarks.kernels import kernel


class _Point:
    kind = 7

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def norm(self):
        return self.x + self.y

    def shifted(self, by, scale=1):
        return self.x + by * scale

    @property
    def width(self):
        return self.x

    @staticmethod
    def static(a):
        return a

    @classmethod
    def of_class(cls, a):
        return a

    def __add__(self, other):
        return _Point(self.x + other.x, self.y + other.y)

    def __eq__(self, other):
        return self.x == other.x

    def __hash__(self):
        return hash(self.x)

    def __getitem__(self, index):
        return index

    def __len__(self):
        return 3

    def __call__(self, a):
        return a

    def __contains__(self, item):
        return item == 1


class _Point3(_Point):
    def __init__(self, x, y, z):
        super().__init__(x, y)
        self.z = z

    def norm(self):
        return super().norm() + self.z


class _OtherPoint:
    def __init__(self, x, y):
        self.name = "other"
        self.y = y
        self.x = x

    def norm(self):
        return self.x


class _Slotted:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


@dataclasses.dataclass
class _Record:
    a: int
    b: int = 2


@kernel("attributes")
def attribute_load(n):
    p = _Point(1, 2)
    total = 0
    for _ in range(n):
        total += p.x + p.y
    return total


@kernel("attributes")
def attribute_store(n):
    p = _Point(1, 2)
    for i in range(n):
        p.x = i
        p.y = i
    return p.x


@kernel("attributes")
def attribute_inplace(n):
    p = _Point(1, 2)
    for _ in range(n):
        p.x += 1
    return p.x


@kernel("attributes")
def attribute_polymorphic(n):
    points = (_Point(1, 2), _OtherPoint(3, 4), _Point3(5, 6, 7))
    total = 0
    for i in range(n):
        total += points[i % 3].x
    return total


@kernel("attributes")
def attribute_of_class(n):
    p = _Point(1, 2)
    total = 0
    for _ in range(n):
        total += p.kind + _Point.kind
    return total


@kernel("attributes")
def attribute_of_module(n):
    total = 0.0
    for _ in range(n):
        total += math.pi
    return total


@kernel("attributes")
def attribute_missing_default(n):
    p = _Point(1, 2)
    total = 0
    for _ in range(n):
        total += getattr(p, "absent", 1)
    return total


@kernel("attributes")
def slot_load_store(n):
    p = _Slotted(1, 2)
    for _ in range(n):
        p.x = p.y
        p.y = p.x
    return p.x


@kernel("attributes")
def property_load(n):
    p = _Point(1, 2)
    total = 0
    for _ in range(n):
        total += p.width
    return total


_LIMIT = 3
_counter = 0


@kernel("attributes")
def global_load(n):
    total = 0
    for _ in range(n):
        total += _LIMIT
    return total


@kernel("attributes")
def global_store(n):
    global _counter
    _counter = 0
    for _ in range(n):
        _counter += 1
    return _counter


def _add(a, b):
    return a + b


def _defaults(a, b=2, c=3):
    return a + b + c


def _star(*args):
    return args[0]


def _star_star(**kwargs):
    return kwargs["a"]


def _keyword_only(*, a, b):
    return a + b


def _fib(n):
    if n < 2:
        return n
    return _fib(n - 1) + _fib(n - 2)


def _make_adder(step):
    def adder(a):
        return a + step

    return adder


def _make_counter():
    count = 0

    def counter():
        nonlocal count
        count += 1
        return count

    return counter


_adder = _make_adder(3)
_count = _make_counter()
_negative = lambda a: -a  # noqa: E731


@kernel("calls")
def call_function(n):
    total = 0
    for i in range(n):
        total = _add(total, i)
    return total


@kernel("calls")
def call_recursive(n):
    total = 0
    for _ in range(n // 100):
        total += _fib(9)
    return total


@kernel("calls")
def call_defaults(n):
    total = 0
    for i in range(n):
        total += _defaults(i)
    return total


@kernel("calls")
def call_keywords(n):
    total = 0
    for i in range(n):
        total += _defaults(i, c=1, b=2)
    return total


@kernel("calls")
def call_keyword_only(n):
    total = 0
    for i in range(n):
        total += _keyword_only(a=i, b=1)
    return total


@kernel("calls")
def call_into_star_args(n):
    total = 0
    for i in range(n):
        total += _star(i, 2, 3)
    return total


@kernel("calls")
def call_with_star_args(n):
    args = (1, 2)
    total = 0
    for _ in range(n):
        total += _add(*args)
    return total


@kernel("calls")
def call_into_star_kwargs(n):
    total = 0
    for i in range(n):
        total += _star_star(a=i)
    return total


@kernel("calls")
def call_with_star_kwargs(n):
    kwargs = {"b": 1, "c": 2}
    total = 0
    for i in range(n):
        total += _defaults(i, **kwargs)
    return total


@kernel("calls")
def call_closure(n):
    total = 0
    for i in range(n):
        total += _adder(i)
    return total


@kernel("calls")
def call_nonlocal_counter(n):
    before = _count()
    for _ in range(n):
        _count()
    return _count() - before


@kernel("calls")
def make_and_call_closure(n):
    step = 3
    total = 0
    for i in range(n):

        def inner(a):
            return a + step

        total += inner(i)
    return total


@kernel("calls")
def call_lambda_map(n):
    values = list(range(100))
    total = 0
    for _ in range(n // 100):
        total += sum(map(_negative, values))
    return total


@kernel("calls")
def call_method(n):
    p = _Point(1, 2)
    total = 0
    for _ in range(n):
        total += p.norm()
    return total


@kernel("calls")
def call_method_arguments(n):
    p = _Point(1, 2)
    total = 0
    for i in range(n):
        total += p.shifted(i, 2)
    return total


@kernel("calls")
def call_bound_method(n):
    method = _Point(1, 2).shifted
    total = 0
    for i in range(n):
        total += method(i)
    return total


@kernel("calls")
def call_method_polymorphic(n):
    points = (_Point(1, 2), _OtherPoint(3, 4), _Point(5, 6))
    total = 0
    for i in range(n):
        total += points[i % 3].norm()
    return total


@kernel("calls")
def call_super_method(n):
    p = _Point3(1, 2, 3)
    total = 0
    for _ in range(n):
        total += p.norm()
    return total


@kernel("calls")
def call_static_and_class_method(n):
    p = _Point(1, 2)
    total = 0
    for i in range(n):
        total += p.static(i) + _Point.of_class(i)
    return total


@kernel("calls")
def call_instance(n):
    p = _Point(1, 2)
    total = 0
    for i in range(n):
        total += p(i)
    return total


@kernel("calls")
def instantiate(n):
    for i in range(n):
        p = _Point(i, 2)
    return p.x


@kernel("calls")
def instantiate_slots(n):
    for i in range(n):
        p = _Slotted(i, 2)
    return p.x


@kernel("calls")
def instantiate_super_init(n):
    for i in range(n):
        p = _Point3(i, 2, 3)
    return p.x


@kernel("calls")
def instantiate_dataclass(n):
    for i in range(n):
        record = _Record(i)
    return record.a


@kernel("calls")
def operator_add_overload(n):
    p = _Point(0, 0)
    step = _Point(1, 2)
    for _ in range(n):
        p = p + step
    return p.x


@kernel("calls")
def operator_eq_overload(n):
    a = _Point(1, 0)
    b = _Point(1, 2)
    count = 0
    for _ in range(n):
        if a == b:
            count += 1
    return count


@kernel("calls")
def operator_getitem_len_contains(n):
    p = _Point(1, 2)
    total = 0
    for i in range(n):
        total += p[i] + len(p) + (i in p)
    return total
