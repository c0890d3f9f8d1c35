"""Micro kernels, one for each feature a fast path may exist for.

A kernel takes the number of rounds and returns a value that depends on all of them, so that the interpreter's copy
and the compiled copy can be compared. `benchmarks.micro` executes this file's source once for each side: both have
code objects of their own, and neither warms the other up.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

KERNELS: dict[str, list[Callable[[int], Any]]] = {}


def kernel(group: str) -> Callable[[Callable[[int], Any]], Callable[[int], Any]]:
    """Registers a kernel under the group it is listed in."""

    def register(function: Callable[[int], Any]) -> Callable[[int], Any]:
        KERNELS.setdefault(group, []).append(function)
        return function

    return register


# --- Arithmetic ------------------------------------------------------------------------------------------------------


@kernel("arithmetic")
def int_add(n):
    total = 0
    for i in range(n):
        total = total + i
    return total


@kernel("arithmetic")
def int_inplace_mix(n):
    x = 1
    for i in range(n):
        x += i
        x -= 3
        x *= 3
        x %= 65521
    return x


@kernel("arithmetic")
def int_floordiv_mod(n):
    total = 0
    for i in range(n):
        total += i // 7 + i % 7
    return total


@kernel("arithmetic")
def int_bits(n):
    x = 1
    for i in range(n):
        x = ((x << 3) ^ i) & 0xFFFFFF
        x = (x >> 1) | 1
    return x


@kernel("arithmetic")
def int_big(n):
    x = 1 << 70
    for _ in range(n):
        x = x + 12345678901
    return x


@kernel("arithmetic")
def int_truediv(n):
    total = 0.0
    for i in range(n):
        total += i / 3
    return total


@kernel("arithmetic")
def int_negate_invert(n):
    x = 1
    for i in range(n):
        x = -i
        x = ~x
    return x


@kernel("arithmetic")
def float_arithmetic(n):
    x = 0.5
    for _ in range(n):
        x = x * 1.000001 + 0.25
        x = x - 0.125 * x
    return x


@kernel("arithmetic")
def float_int_mix(n):
    x = 0.0
    for i in range(n):
        x = x + i * 0.5
    return x


@kernel("arithmetic")
def float_power(n):
    x = 1.5
    total = 0.0
    for _ in range(n):
        total += x**2
    return total


@kernel("arithmetic")
def while_countdown(n):
    total = 0
    while n > 0:
        total += 2
        n -= 1
    return total


@kernel("arithmetic")
def nested_ranges(n):
    total = 0
    for i in range(n // 10):
        for j in range(10):
            total += i ^ j
    return total


# --- Comparison and tests --------------------------------------------------------------------------------------------


@kernel("tests")
def int_compare(n):
    count = 0
    for i in range(n):
        if i < 1000:
            count += 1
        elif i == 5000:
            count += 2
    return count


@kernel("tests")
def float_compare(n):
    count = 0
    x = 0.0
    for _ in range(n):
        x += 0.5
        if x > 100.25:
            count += 1
    return count


@kernel("tests")
def str_compare(n):
    count = 0
    words = ("alpha", "beta", "gamma", "delta")
    for i in range(n):
        if words[i & 3] == "gamma":
            count += 1
    return count


@kernel("tests")
def is_none(n):
    value = None
    count = 0
    for i in range(n):
        if value is None:
            count += 1
        if i is not None:
            count += 1
    return count


@kernel("tests")
def truth_and_or_not(n):
    flags = (0, 1, "", "x", [], [1], None, 2.5)
    count = 0
    for i in range(n):
        a = flags[i & 7]
        if (a and i) or not a:
            count += 1
    return count


@kernel("tests")
def chained_compare(n):
    count = 0
    for i in range(n):
        if 10 <= i < 1_000_000:
            count += 1
    return count


@kernel("tests")
def set_contains(n):
    members = {3, 5, 7, 11, "a"}
    count = 0
    for i in range(n):
        if i & 15 in members:
            count += 1
    return count


@kernel("tests")
def dict_contains(n):
    table = dict.fromkeys("abcdef", 1)
    keys = "axbycz"
    count = 0
    for i in range(n):
        if keys[i % 6] in table:
            count += 1
    return count


@kernel("tests")
def tuple_contains(n):
    count = 0
    for i in range(n):
        if i & 7 in (1, 3, 5):
            count += 1
    return count


@kernel("tests")
def match_literals(n):
    total = 0
    for i in range(n):
        match i & 3:
            case 0:
                total += 1
            case 1 | 2:
                total += 2
            case _:
                total += 3
    return total


@kernel("tests")
def match_sequence(n):
    pair = (1, 2)
    total = 0
    for _ in range(n):
        match pair:
            case [a, b]:
                total += a + b
    return total


# --- Containers ------------------------------------------------------------------------------------------------------


@kernel("containers")
def list_index(n):
    values = [1, 2, 3, 4, 5, 6, 7, 8]
    total = 0
    for i in range(n):
        total += values[i & 7]
    return total


@kernel("containers")
def list_index_negative(n):
    values = [1, 2, 3, 4]
    total = 0
    for _ in range(n):
        total += values[-1]
    return total


@kernel("containers")
def list_store(n):
    values = [0] * 8
    for i in range(n):
        values[i & 7] = i
    return values


@kernel("containers")
def list_add_inplace_item(n):
    values = [0] * 8
    for i in range(n):
        values[i & 7] += i
    return values


@kernel("containers")
def list_of_lists(n):
    grid = [[1, 2, 3, 4] for _ in range(4)]
    total = 0
    for i in range(n):
        total += grid[i & 3][i & 1]
    return total


@kernel("containers")
def tuple_index(n):
    values = (1, 2, 3, 4)
    total = 0
    for i in range(n):
        total += values[i & 3]
    return total


@kernel("containers")
def str_index(n):
    text = "abcdefgh"
    count = 0
    for i in range(n):
        if text[i & 7] == "c":
            count += 1
    return count


@kernel("containers")
def bytes_index(n):
    data = b"abcdefgh"
    total = 0
    for i in range(n):
        total += data[i & 7]
    return total


@kernel("containers")
def dict_index_str(n):
    table = {"alpha": 1, "beta": 2}
    total = 0
    for _ in range(n):
        total += table["alpha"] + table["beta"]
    return total


@kernel("containers")
def dict_index_int(n):
    table = {i: i for i in range(16)}
    total = 0
    for i in range(n):
        total += table[i & 15]
    return total


@kernel("containers")
def dict_store(n):
    table = {}
    for i in range(n):
        table[i & 15] = i
    return table


@kernel("containers")
def dict_get(n):
    table = {1: 2, 3: 4}
    total = 0
    for i in range(n):
        total += table.get(i & 3, 0)
    return total


@kernel("containers")
def list_append(n):
    values = []
    for i in range(n):
        values.append(i)
    return len(values)


@kernel("containers")
def list_append_pop(n):
    values = [1]
    for i in range(n):
        values.append(i)
        values.pop()
    return values


@kernel("containers")
def list_slice(n):
    values = [1, 2, 3, 4, 5, 6, 7, 8]
    total = 0
    for _ in range(n):
        total += len(values[2:5])
    return total


@kernel("containers")
def build_tuple_list(n):
    count = 0
    for i in range(n):
        count += len((i, count)) + len([i, i, i])
    return count


@kernel("containers")
def build_dict(n):
    count = 0
    for i in range(n):
        count += len({"a": i, "b": count})
    return count


@kernel("containers")
def unpack_tuple(n):
    pair = (1, 2)
    total = 0
    for _ in range(n):
        a, b = pair
        total += a + b
    return total


@kernel("containers")
def unpack_list_of_three(n):
    triple = [1, 2, 3]
    total = 0
    for _ in range(n):
        a, b, c = triple
        total += a + b + c
    return total


@kernel("containers")
def unpack_star(n):
    values = (1, 2, 3, 4)
    total = 0
    for _ in range(n):
        first, *rest = values
        total += first + len(rest)
    return total


@kernel("containers")
def swap(n):
    a, b, c = 1, 2, 3
    for _ in range(n):
        a, b, c = b, c, a
    return a, b, c


# --- Iteration -------------------------------------------------------------------------------------------------------


@kernel("iteration")
def range_loop(n):
    for _ in range(n):
        pass
    return n


@kernel("iteration")
def list_iteration(n):
    values = [1] * 100
    total = 0
    for _ in range(n // 100):
        for value in values:
            total += value
    return total


@kernel("iteration")
def tuple_iteration(n):
    values = (1,) * 100
    total = 0
    for _ in range(n // 100):
        for value in values:
            total += value
    return total


@kernel("iteration")
def str_iteration(n):
    text = "abcde" * 20
    count = 0
    for _ in range(n // 100):
        for character in text:
            if character == "c":
                count += 1
    return count


@kernel("iteration")
def dict_items_iteration(n):
    table = {i: i for i in range(100)}
    total = 0
    for _ in range(n // 100):
        for key, value in table.items():
            total += key + value
    return total


@kernel("iteration")
def dict_keys_iteration(n):
    table = {i: i for i in range(100)}
    total = 0
    for _ in range(n // 100):
        for key in table:
            total += key
    return total


@kernel("iteration")
def set_iteration(n):
    members = set(range(100))
    total = 0
    for _ in range(n // 100):
        for member in members:
            total += member
    return total


@kernel("iteration")
def enumerate_iteration(n):
    values = [1] * 100
    total = 0
    for _ in range(n // 100):
        for i, value in enumerate(values):
            total += i + value
    return total


@kernel("iteration")
def zip_iteration(n):
    left = [1] * 100
    right = [2] * 100
    total = 0
    for _ in range(n // 100):
        for a, b in zip(left, right, strict=True):
            total += a * b
    return total


@kernel("iteration")
def list_comprehension(n):
    total = 0
    for _ in range(n // 100):
        total += len([i * 2 for i in range(100)])
    return total


@kernel("iteration")
def list_comprehension_filter(n):
    total = 0
    for _ in range(n // 100):
        total += len([i for i in range(100) if i & 1])
    return total


@kernel("iteration")
def dict_comprehension(n):
    total = 0
    for _ in range(n // 100):
        total += len({i: i for i in range(100)})
    return total


@kernel("iteration")
def set_comprehension(n):
    total = 0
    for _ in range(n // 100):
        total += len({i & 15 for i in range(100)})
    return total


@kernel("iteration")
def generator_expression(n):
    total = 0
    for _ in range(n // 100):
        total += sum(i * 2 for i in range(100))
    return total


def _count_up(limit):
    i = 0
    while i < limit:
        yield i
        i += 1


@kernel("iteration")
def generator_loop(n):
    total = 0
    for i in _count_up(n):
        total += i
    return total


class _Countdown:
    def __init__(self, start):
        self.left = start

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self):
        if self.left <= 0:
            raise StopIteration
        self.left -= 1
        return self.left


@kernel("iteration")
def iterator_class(n):
    total = 0
    for i in _Countdown(n):
        total += i
    return total


# --- Generators and coroutines ---------------------------------------------------------------------------------------


def _numbers(n):
    for i in range(n):
        yield i


def _squares(source):
    for x in source:
        yield x * x


def _odd(source):
    for x in source:
        if x & 1:
            yield x


@kernel("generators")
def pipeline_into_sum(n):
    return sum(_odd(_squares(_numbers(n))))


@kernel("generators")
def generators_of_three(n):
    total = 0
    for _ in range(n // 10):
        for x in _numbers(3):
            total += x
    return total


def _averages():
    total, count, average = 0.0, 0, None
    while True:
        total += yield average
        count += 1
        average = total / count


@kernel("generators")
def generator_send(n):
    averages = _averages()
    next(averages)
    last = 0.0
    for i in range(n):
        last = averages.send(i)
    return last


@kernel("generators")
def generator_next(n):
    numbers = _numbers(n)
    total = 0
    for _ in range(n):
        total += next(numbers)
    return total


def _delegate(depth, n):
    if depth:
        yield from _delegate(depth - 1, n)
    else:
        yield from _numbers(n)


@kernel("generators")
def yield_from_ten_deep(n):
    total = 0
    for x in _delegate(10, n // 10):
        total += x
    return total


def _guarded(n):
    for i in range(n):
        try:
            yield i
        finally:
            pass


@kernel("generators")
def generator_left_early(n):
    total = 0
    for _ in range(n // 10):
        for x in _guarded(3):
            total += x
            break
    return total


def _catching():
    caught = 0
    while True:
        try:
            yield caught
        except ValueError:
            caught += 1


@kernel("generators")
def generator_throw(n):
    catching = _catching()
    next(catching)
    last = 0
    for _ in range(n // 10):
        last = catching.throw(ValueError)
    return last


async def _identity(x):
    return x


async def _await_each(n):
    total = 0
    for i in range(n):
        total += await _identity(i)
    return total


async def _waiting(depth, n):
    if depth:
        return await _waiting(depth - 1, n)
    for _ in range(n):
        await _Pause()
    return n


class _Pause:
    def __await__(self):
        yield


async def _count_asynchronously(n):
    for i in range(n):
        yield i


async def _sum_asynchronously(n):
    total = 0
    async for x in _count_asynchronously(n):
        total += x
    return total


class _AsyncManager:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        return False


async def _enter_each(n):
    manager = _AsyncManager()
    count = 0
    for _ in range(n):
        async with manager:
            count += 1
    return count


def _finish(coroutine):
    waits = 0
    try:
        while True:
            coroutine.send(None)
            waits += 1
    except StopIteration as stop:
        return stop.value, waits


@kernel("generators")
def await_coroutine(n):
    return _finish(_await_each(n))


@kernel("generators")
def await_ten_deep(n):
    return _finish(_waiting(10, n // 10))


@kernel("generators")
def async_for(n):
    return _finish(_sum_asynchronously(n))


@kernel("generators")
def async_with(n):
    return _finish(_enter_each(n // 10))


# --- Attributes and globals ------------------------------------------------------------------------------------------


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


# --- Calls -----------------------------------------------------------------------------------------------------------


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


# --- Builtins and text -----------------------------------------------------------------------------------------------


@kernel("builtins")
def builtin_len(n):
    values = [1, 2, 3]
    total = 0
    for _ in range(n):
        total += len(values)
    return total


@kernel("builtins")
def builtin_isinstance(n):
    values = (1, "a", 2.5, None)
    count = 0
    for i in range(n):
        if isinstance(values[i & 3], (int, str)):
            count += 1
        if isinstance(i, int):
            count += 1
    return count


@kernel("builtins")
def builtin_min_max_abs(n):
    total = 0
    for i in range(n):
        total += min(i, 100) + max(i, 5) + abs(-i)
    return total


@kernel("builtins")
def builtin_ord_chr(n):
    total = 0
    for i in range(n):
        total += ord(chr(i & 127))
    return total


@kernel("builtins")
def builtin_int_float_str(n):
    total = 0
    for i in range(n):
        total += int(float(i)) + len(str(i))
    return total


@kernel("builtins")
def builtin_type_is(n):
    count = 0
    for i in range(n):
        if type(i) is int:
            count += 1
    return count


@kernel("builtins")
def math_function(n):
    total = 0.0
    for i in range(n):
        total += math.sqrt(i)
    return total


@kernel("builtins")
def sort_with_key(n):
    values = list(range(100))
    for _ in range(n // 100):
        values.sort(key=_negative)
    return values[0]


@kernel("builtins")
def fstring(n):
    total = 0
    for i in range(n):
        total += len(f"{i}: {total!r:>4}")
    return total


@kernel("builtins")
def str_concatenate(n):
    total = 0
    for _ in range(n // 10):
        text = ""
        for _ in range(10):
            text += "ab"
        total += len(text)
    return total


@kernel("builtins")
def str_methods(n):
    text = "alpha,beta"
    count = 0
    for _ in range(n):
        if text.startswith("al") and text.find("z") < 0:
            count += 1
    return count


@kernel("builtins")
def str_join_split(n):
    total = 0
    for _ in range(n):
        total += len(",".join("a b c".split()))
    return total


# --- Exceptions and context managers ---------------------------------------------------------------------------------


class _Manager:
    def __enter__(self):
        return self

    def __exit__(self, *args):
        return False


def _raiser():
    raise ValueError("x")


@kernel("exceptions")
def try_without_raise(n):
    total = 0
    for i in range(n):
        try:
            total += i
        except ValueError:
            total -= 1
    return total


@kernel("exceptions")
def try_finally(n):
    total = 0
    for i in range(n):
        try:
            total += i
        finally:
            total += 1
    return total


@kernel("exceptions")
def raise_and_catch(n):
    count = 0
    for _ in range(n // 10):
        try:
            raise ValueError
        except ValueError:
            count += 1
    return count


@kernel("exceptions")
def raise_through_call(n):
    count = 0
    for _ in range(n // 10):
        try:
            _raiser()
        except ValueError as error:
            count += len(error.args)
    return count


@kernel("exceptions")
def catch_key_error(n):
    table = {1: 2}
    count = 0
    for i in range(n // 10):
        try:
            count += table[i & 1]
        except KeyError:
            count += 1
    return count


@kernel("exceptions")
def with_statement(n):
    manager = _Manager()
    count = 0
    for _ in range(n):
        with manager:
            count += 1
    return count


@kernel("exceptions")
def assert_true(n):
    count = 0
    for i in range(n):
        assert i >= 0, "never"
        count += 1
    return count
