"""NumPy's complex numbers and halves as values: where somebody looks they are objects of their own types, and end as such."""

from __future__ import annotations

import math
import random
import sys
from typing import TYPE_CHECKING, Any

import justjit
import pytest

from tests.array_programs import copy_of, np, outcome
from tests.numpy_numbers import COMPLEX, NAMES, compare, numbers, optimized
from tests.optimized_programs import optimizing_soon  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(np is None, reason="NumPy is not installed")


@pytest.mark.parametrize("name", NAMES)
def test_objects(name: str) -> None:
    """Where somebody looks, a number is an object of its own type."""

    def work(data: Any, out: list) -> Any:
        for i in range(len(data)):
            value = data[i] * 2
            out.append(value)
            out.append((i, value, value.real, value.imag, -value, +value, abs(value), value.conjugate()))
            out.append(value is value)  # noqa: PLR0124
            out.append((isinstance(value, complex), isinstance(value, float), isinstance(value, np.complexfloating)))
            out.append(
                (type(value).__name__, repr(value), f"{value:.3}", str(value + 1), hash(value) if value == value else 0)
            )
            out.append([value, value == 2, bool(value), value in (2, 4)])
        first, second = out[0], out[1][1]
        return value, first is second, complex(data[0]), value.dtype.str

    compare(work, lambda: (numbers(name, 30), []), lambda: (np.array([math.nan, 0, 2, -0.0, math.inf], name), []))


def test_one_object_for_one_number() -> None:
    def work(data: Any, out: list) -> Any:
        value = data[0] * 1
        for i in range(len(data)):
            value = data[i] + 1
            pair = (value, value)
            out.append(pair[0] is pair[1])
        return value, out

    for name in NAMES:
        compare(work, lambda: (numbers(name, 60), []))


@pytest.mark.parametrize("name", NAMES)
def test_arguments(name: str) -> None:
    def work(x: Any, y: Any, rounds: int) -> Any:
        z = x
        for _ in range(rounds):
            z = z * y + x
            if abs(z) > 50:
                z = x - 1
        return z, x, y

    class Own(np.complex128):
        def __mul__(self, other: Any) -> Any:
            return 7

        def __rmul__(self, other: Any) -> Any:
            return 8

    kind = np.dtype(name).type
    others = [
        kind(0.25),
        np.complex128(0.25j),
        np.complex64(0.5),
        np.float16(0.5),
        Own(2),
        2,
        0.5,
        1j,
        "x",
        np.array(2.0),
    ]
    compare(
        work,
        lambda: (kind(0.5), kind(0.75), 40),
        *(lambda x=x: (x, kind(0.75), 5) for x in others),
        *(lambda y=y: (kind(0.75), y, 5) for y in others),
    )


@pytest.mark.parametrize("name", NAMES)
def test_left_in_the_middle(name: str) -> None:
    """The numbers that were in registers are objects of the frame afterwards."""

    def work(data: Any, when: int, what: Any, log: list) -> Any:
        before = data[0]
        result = data[0] - data[0]
        for i in range(len(data)):
            other = result - before
            if i == when:
                what = [what]
            elif i == when + 1:
                log.append((before, result, other, data[i] * 2))
                data = what[0](data, log)
            result = result + data[i] * before
            before = data[i]
        return before, result, other

    def locals_of_caller(data: Any, log: list) -> Any:
        frame = sys._getframe(1)
        log.append({key: value for key, value in frame.f_locals.items() if key in ("before", "result", "other")})
        return data

    def as_objects(data: Any, log: list) -> Any:
        return data.astype(object)

    def as_floats(data: Any, log: list) -> Any:
        return data.real.astype("float64")

    def huge(data: Any, log: list) -> Any:
        return data * 10000 * (1e304 if name == "complex128" else 1e34 if name == "complex64" else 1)

    def missing(data: Any, log: list) -> Any:
        return data[:20]

    for what in (locals_of_caller, as_objects, as_floats, huge, missing):
        compare(
            work,
            lambda: (numbers(name, 60), 99, what, []),
            *(lambda when=when: (numbers(name, 60), when, what, []) for when in (10, 30, 57)),
        )


def test_carried_from_a_python_number() -> None:
    """A loop whose number is Python's first, and NumPy's from the second round on."""

    def work(data: Any, start: Any) -> Any:
        result = start
        for i in range(len(data)):
            result = result * 0.5 + data[i]
        return result

    for name in NAMES:
        for start in (0, 0.0, 0j, True, np.float32(0), np.float64(1.5)):
            compare(
                work,
                lambda: (numbers(name, 40), start),
                lambda: (numbers(name, 1), start),
                lambda: (numbers(name, 0), start),
            )


def step(z: Any, c: Any) -> Any:
    return z * z * 0.25 + c


def recursive(z: Any, depth: int) -> Any:
    return z if depth == 0 else recursive(z * z * 0.25, depth - 1) + z


def products(data: Any, factor: Any) -> Iterator[Any]:
    for item in data:
        yield item * factor


class Point:
    def __init__(self, at: Any) -> None:
        self.at = at

    def moved(self, by: Any) -> Point:
        return Point(self.at * 0.5 + by)


def by_calls(data: Any) -> Any:
    z = data[0]
    for i in range(len(data)):
        z = step(z, data[i])
    return z


def by_recursion(data: Any) -> Any:
    result = 0
    for i in range(len(data)):
        result = result + recursive(data[i], 4)
    return result


def by_generators(data: Any) -> Any:
    result = 0
    for item in products(data, 2):
        result = result + item
    return result, sum(x * x for x in data), sum(abs(x) for x in products(data, data[0])), [x + 1 for x in data]


def by_instances(data: Any) -> Any:
    point = Point(data[0])
    for i in range(len(data)):
        point = point.moved(data[i])
    return point.at, vars(point)


def by_cells(data: Any) -> Any:
    total = data[0]

    def add(item: Any) -> None:
        nonlocal total
        total = total + item

    for item in data:
        add(item)
    return total


def by_exceptions(data: Any) -> Any:
    result, count = data[0], 0
    for i in range(len(data) + 3):
        try:
            result = result * 0.5 + data[i]
        except IndexError:
            count += 1
            result = result + 1
    return result, count


def by_swapping(data: Any) -> Any:
    a, b = data[0], data[1]
    pair = (a, b)
    for i in range(len(data)):
        a, b = b, a * 0.5 + data[i]
        pair = (b, pair[0])
    return a, b, pair, max(abs(a), abs(b)), (a, b) == pair, str(pair)


def by_dictionaries(data: Any) -> Any:
    found: dict = {}
    for i in range(len(data)):
        key = data[i]
        found[key] = found.get(key, 0) + 1
        found[i] = key + 1
    return list(found.items())


SURROUNDINGS = [
    by_calls,
    by_recursion,
    by_generators,
    by_instances,
    by_cells,
    by_exceptions,
    by_swapping,
    by_dictionaries,
]


@pytest.mark.parametrize("name", [*NAMES, "float64"])
@pytest.mark.parametrize("function", SURROUNDINGS)
def test_surroundings(function: Callable, name: str) -> None:
    """In functions that are inlined or called, in generators, instances and cells that are not made, where nothing is left."""
    functions = (step, recursive, products, Point.__init__, Point.moved)
    odd = numbers(name, 30)
    odd[20:23] = [math.inf, math.nan, 0]
    for stress in ("off", "deopt"):
        with justjit.config(stress=stress):
            for one in functions:
                justjit.jit(one)
            compiled = copy_of(function)
            justjit.jit(compiled)
            for data in [numbers(name, 40)] * 8 + [odd, numbers("float32", 30), numbers(name, 40)]:
                assert outcome(compiled, (data,)) == outcome(copy_of(function), (data,))
            assert stress != "off" or justjit.stats(compiled).tier == "optimizing", justjit.explain(compiled)


def test_references() -> None:
    def work(a: Any, b: Any, out: list) -> Any:
        x = a[0]
        for i in range(len(a)):
            x = x * a[i] - b[i]
            if abs(x) > 4:
                x = a[i]
            b[i] = x
        out.append(x)
        return x.real + x.imag

    for name in COMPLEX:
        a, b, out = numbers(name, 100), numbers(name, 100, 2), []  # type: ignore[var-annotated]
        compiled = optimized(work, lambda: (a, b, out))
        out.clear()
        before = sys.getrefcount(a), sys.getrefcount(b)
        blocks = sys.getallocatedblocks()
        for _ in range(200):
            compiled(a, b, out)
            out.clear()
        assert (sys.getrefcount(a), sys.getrefcount(b)) == before
        assert sys.getallocatedblocks() - blocks < 50


def test_random_expressions() -> None:
    """Arithmetic of all types with one another."""
    generator = random.Random(5)
    names = [*NAMES, "float32", "float64", "int16", "int64", "bool"]

    def expression(depth: int) -> str:
        if depth == 0:
            return generator.choice(["a[i]", "b[i]", "x", "2", "0.5", "1.5j", "True"])
        one, other = expression(depth - 1), expression(depth - 1 - generator.randrange(depth))
        form = generator.randrange(8)
        if form == 0:
            return f"(-({one}))"
        if form == 1:
            return f"abs({one})"
        if form == 2:
            return f"({one}).{generator.choice(['real', 'imag', 'conjugate()'])}"
        if form == 3:
            return f"({one} if {other} == {one} else {other})"
        return f"({one} {generator.choice('+-*/')} {other})"

    for _ in range(60):
        first, second, third = (generator.choice(names) for _ in range(3))
        source = f"""
def work(a, b, out):
    x = a[0]
    for i in range(len(a)):
        try:
            x = {expression(3)}
            out[i] = x
            x = {expression(2)}
        except TypeError as error:
            x = str(error)
        if not (abs(x) < 1000 if not isinstance(x, str) else False):
            x = b[i]
    return x
"""
        space: dict = {}
        exec(source, space)
        work = space["work"]
        make = lambda: (numbers(first, 30), numbers(second, 30, 2), np.zeros(30, third))  # noqa: B023, E731
        compiled = copy_of(work)
        justjit.jit(compiled)
        for _ in range(12):
            assert outcome(compiled, make()) == outcome(work, make()), source
        justjit.stats(compiled)
