"""Arrays of numbers in the optimizing tier: everything as in the interpreter, to the bit, warnings included."""

from __future__ import annotations

import math
import random
import struct
import types
import warnings
from array import array
from typing import TYPE_CHECKING, Any

import pytest
from justjit import _core

from tests.array_programs import (
    ARITHMETIC,
    DTYPES,
    SCALARS,
    at,
    binary,
    binary_with,
    check,
    copy_of,
    edges,
    fill,
    needs_numpy,
    np,
    optimized,
    outcome,
    reverse,
    some,
    total,
    total_of_items,
    vector,
)
from tests.optimized_programs import has_llvm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _optimizing(request: pytest.FixtureRequest) -> Iterator[None]:
    names = ("tier", "background", "backend", "optimize_calls", "optimize_loops")
    before = {name: value for name, value in _core.get_config().items() if name in names}
    backend = getattr(request, "param", "cranelift")
    _core.set_config(tier="optimizing", background=False, backend=backend, optimize_calls=3)
    yield
    _core.set_config(**before)


both = pytest.mark.parametrize("_optimizing", ["cranelift", *(["llvm"] if has_llvm() else [])], indirect=True)


# ---- programs ------------------------------------------------------------------------------------------------------


def numbered(data: Any) -> Any:
    best = -1
    for i, item in enumerate(data):
        if item > 2:
            best = i
    return best


def growing(data: Any, items: Any) -> Any:
    result = 0
    for i in range(len(items)):
        data.append(items[i])
        result += data[i]
    return result, len(data)


def growing_while_iterated(data: Any) -> Any:
    result = 0
    for item in data:
        result += item
        if len(data) < 40:
            data.append(item)
    return result


INTEGERS = {code: 8 * array(code).itemsize for code in "bBhHiIlLqQ"}


def bounds(code: str) -> tuple[int, int]:
    width = INTEGERS[code]
    return (0, 2**width - 1) if code.isupper() else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)


# ---- array.array and memoryviews -----------------------------------------------------------------------------------


def holders(code: str, items: list) -> list[Callable[[], Any]]:
    return [lambda: array(code, items), lambda: memoryview(array(code, items))]


@pytest.mark.parametrize("code", INTEGERS)
@pytest.mark.parametrize("which", [0, 1])
def test_integers(code: str, which: int) -> None:
    low, high = bounds(code)
    few = [1, 5, 0, 7, 3]
    make = holders(code, few)[which]
    extreme = holders(code, [low, high, low, 0, high])[which]
    for function in (total, total_of_items, reverse, numbered):
        check(function, lambda: (make(),), lambda: (extreme(),), lambda: (array(code, [1]),), lambda: ([1, 2],))
    check(
        fill,
        lambda: (make(), 3),
        *(lambda value=value: (make(), value) for value in (low, high, low - 1, high + 1, True, 1.5, "x", None, 2**70)),
    )


@both
@pytest.mark.parametrize("code", "fd")
@pytest.mark.parametrize("which", [0, 1])
def test_floats(code: str, which: int) -> None:
    make = holders(code, [1.5, -0.0, 0.1, 3.25])[which]
    odd = holders(code, [math.nan, -0.0, math.inf, -math.inf, 5e-324])[which]
    for function in (total, total_of_items, reverse, numbered):
        check(function, lambda: (make(),), lambda: (odd(),))
    values = (3, True, 1e300, -1e-300, math.nan, math.inf, 2**53 + 1, 2**63 - 1, 2**70, 10**400, "x", None)
    check(fill, lambda: (make(), 0.1), *(lambda value=value: (make(), value) for value in values))
    check(fill, lambda: (make(), 3), *(lambda value=value: (make(), value) for value in values))


def test_empty() -> None:
    for function in (total, total_of_items):
        check(function, lambda: (array("d", [1.0]),), lambda: (array("d"),))
        check(function, lambda: (memoryview(array("d", [1.0])),), lambda: (memoryview(array("d")),))


def test_indices() -> None:
    for make in holders("h", [1, -2, 3]):
        for index in (0, 2, -1, -3, 3, -4, True, 2**63, 2**70, 1.0, None, slice(1)):
            check(at, lambda: (make(), 1), lambda index=index: (make(), index))


def test_other_typecode_than_seen() -> None:
    check(
        total,
        lambda: (array("d", [1.0, 2.0]),),
        lambda: (array("f", [1.0, 2.0]),),
        lambda: (array("q", [1, 2]),),
        lambda: (memoryview(b"abc"),),
    )


@both
def test_append_inside_the_loop() -> None:
    items = [0.5 * number for number in range(200)]
    check(growing, lambda: (array("d"), array("d", items)), stays=False)
    check(growing_while_iterated, lambda: (array("q", [1, 2, 3]),), stays=False)


def test_memoryviews_of_all_kinds() -> None:
    data = bytearray(range(64))
    views = [
        lambda: memoryview(data)[::2],
        lambda: memoryview(data)[::-1],
        lambda: memoryview(data)[8:40],
        lambda: memoryview(data)[3:4],
        lambda: memoryview(data)[5:5],
        lambda: memoryview(bytes(data)),
        lambda: memoryview(data).cast("h")[::3],
        lambda: memoryview(data)[1:33].cast("d"),
        lambda: memoryview(data).cast("B", (8, 8)),
        lambda: memoryview(data).cast("c"),
        lambda: memoryview(data).cast("?"),
    ]
    for seen in views[:8]:
        for function in (total, total_of_items):
            check(function, lambda: (seen(),), *(lambda view=view: (view(),) for view in views), stays=seen != views[7])
    check(
        fill,
        lambda: (memoryview(bytearray(8)), 3),
        lambda: (memoryview(bytes(8)), 3),
        lambda: (memoryview(bytearray(8)).toreadonly(), 3),
        lambda: (memoryview(bytearray(8)).cast("?"), 3),
    )
    check(fill, lambda: (memoryview(bytearray(8)).cast("?"), True), lambda: (memoryview(bytearray(8)).cast("?"), []))
    check(total, lambda: (memoryview(bytes([0, 1, 2, 255])).cast("?"),))


@both
def test_released_memoryview() -> None:
    def use(view: memoryview, when: int) -> int:
        result = 0
        for i in range(8):
            if i == when:
                view.release()
            result += view[i]
        return result

    def iterate(view: memoryview, when: int) -> int:
        result = 0
        for item in view:
            if result == when:
                view.release()
            result += item
        return result

    for function in (use, iterate):
        check(function, lambda: (memoryview(bytes(range(1, 9))), 99), lambda: (memoryview(bytes(range(1, 9))), 3))


@both
def test_aliases() -> None:
    def mix(a: Any, b: Any) -> Any:
        result = 0
        for i in range(len(a)):
            a[i] = 258 + i
            result += b[0]
            b[0] = 7
            result += a[i]
        return result

    def make() -> tuple:
        data = array("i", [1, 2, 3, 4])
        return memoryview(data), memoryview(data).cast("B")

    check(mix, make)


# ---- NumPy ---------------------------------------------------------------------------------------------------------


@needs_numpy
@pytest.mark.parametrize("name", DTYPES)
def test_numpy_items(name: str) -> None:
    for function in (total, total_of_items, reverse):
        check(function, lambda: (vector(name),), lambda: (vector(name, edges(name)),), lambda: (vector(name)[:0],))
        for other in DTYPES:
            check(function, lambda: (vector(name),), lambda other=other: (vector(other),))
    for index in (0, -1, 3, 4, -4, -5, True, None, slice(1), (0,), (), (0, 0), 1.0, 2**70):
        check(at, lambda: (vector(name), 1), lambda index=index: (vector(name), index))


@needs_numpy
@pytest.mark.parametrize("name", DTYPES)
def test_numpy_stores(name: str) -> None:
    values = [0, 1, -1, True, 127, 128, 255, 256, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**70]
    values += [0.1, -0.0, 1e-45, 1e-50, 1e300, math.nan, math.inf, "x", None, 2.7]
    values += [value for other in DTYPES for value in vector(other, edges(other))]
    seen = [1, True, 0.5, *(vector(other)[0] for other in DTYPES)]
    for first in seen:
        check(
            fill,
            lambda: (vector(name), first),
            *(lambda value=value: (vector(name), value) for value in values),
            stays=False,
        )


@needs_numpy
@pytest.mark.parametrize("operator", ARITHMETIC)
def test_numpy_operators(operator: str) -> None:
    function = binary(operator)
    for first in SCALARS:
        for second in SCALARS:
            check(
                function,
                lambda: (vector(first, [1, 1]), vector(second, [1, 1])),
                *(
                    lambda x=x, y=y: (vector(first, [1, x]), vector(second, [1, y]))
                    for x in edges(first)
                    for y in edges(second)[:6]
                ),
                stays=False,
            )


@needs_numpy
@both
@pytest.mark.parametrize("operator", ARITHMETIC)
def test_numpy_operators_on_random_numbers(operator: str) -> None:
    function = binary(operator)
    generator = random.Random(operator)
    for first in SCALARS:
        for second in SCALARS[2::3]:
            sides = [(first, second), (second, first)][generator.random() < 0.5]
            numbers = tuple(some(generator, name, 12) for name in sides)
            check(function, lambda: numbers, stays=False)


@needs_numpy
@pytest.mark.parametrize("operator", ARITHMETIC)
@pytest.mark.parametrize("left", [False, True])
def test_numpy_with_python_numbers(operator: str, *, left: bool) -> None:
    function = binary_with(operator, left=left)
    others = [0, 1, -1, 3, 255, 2**31, 2**53 + 1, 2**63 - 1, 2**64, True, 0.0, -0.0, 0.1, 2.5, 1e308, 1e-308]
    others += [math.nan, math.inf]
    for name in SCALARS:
        for seen in (3, 2.5, True):
            check(
                function,
                lambda: (vector(name, [1, 1]), seen),
                *(lambda other=other: (vector(name, edges(name)), other) for other in others),
                stays=False,
            )


@both
@needs_numpy
def test_float64_stays_compiled() -> None:
    def work(a: Any, b: Any) -> Any:
        result = 0.0
        for i in range(len(a)):
            result += a[i] * b[i] - a[i] / (b[i] + 2) + 3 * a[i] - 0.5
            if a[i] < b[i] or a[i] == 1.5:
                result -= -a[i] + abs(b[i])
            result += math.sqrt(a[i]) + float(b[i]) + a[i] ** 2 + a[i] // 0.3 + a[i] % 0.3
        return result

    values = [0.25 * number + 0.1 for number in range(50)]
    check(work, lambda: (vector("float64", values), vector("float64", values[::-1])))


@both
@needs_numpy
def test_int64_stays_compiled() -> None:
    def work(a: Any, table: list) -> Any:
        result = 0
        counts = [0] * 10
        for i in range(len(a)):
            x = a[i]
            result = (result * 31 + x) % 1_000_003
            counts[x % 10] += 1
            result ^= table[x % 3]
            result += (x >> 1) - (x << 2) + (x // 7) - (x & 5) + abs(-x) + int(x)
            if ~x < -20:
                result += 1
        return result, counts

    check(work, lambda: (np.arange(60), [1, 2, 3]))


@both
@needs_numpy
def test_error_states() -> None:
    def work(a: Any, b: Any) -> Any:
        return [a[i] * b[i] for i in range(len(a))], [a[i] / b[i] for i in range(len(a))]

    def strict(*arguments: Any) -> Any:
        with np.errstate(all="raise"):
            return inner(*arguments)

    extremes = [1.0, 1e200, 1e-200, 5e-324, 0.0, math.inf]
    for x in extremes:
        for y in extremes:
            inner = copy_of(work)
            expected = outcome(strict, (vector("float64", [x]), vector("float64", [y])))
            inner = optimized(work, lambda: (vector("float64", [1.5]), vector("float64", [2.5])))
            assert outcome(strict, (vector("float64", [x]), vector("float64", [y]))) == expected


def two_dimensional(a: Any) -> Any:
    rows, columns = a.shape
    result = 0
    for i in range(rows):
        for j in range(a.shape[1]):
            result += a[i, j] * (i + 1)
            a[i, j] = a[i, j - 1]
            a[-1, 0] += 1
    return result, a.ndim, a.size, columns


def rows_of_rows(a: Any) -> Any:
    result = 0
    for i in range(len(a)):
        for j in range(len(a[i])):
            result += a[i][j] * (j + 1)
            a[i][j] += 1
            a[i - 1][j] = a[i][j]
    return result


def grid(name: str) -> Any:
    return np.arange(24, dtype=name).reshape(4, 6)


@both
@needs_numpy
@pytest.mark.parametrize("name", ["int8", "int64", "float32", "float64"])
@pytest.mark.parametrize("function", [two_dimensional, rows_of_rows])
def test_two_dimensions(name: str, function: Callable) -> None:
    forms: list[Callable] = [
        lambda: grid(name),
        lambda: grid(name).T,
        lambda: grid(name)[::-1, ::-2],
        lambda: np.asfortranarray(grid(name)),
        lambda: grid(name)[1:3, 2:5],
        lambda: grid(name)[:, :0],
        lambda: np.broadcast_to(grid(name)[0], (3, 6)),
        lambda: grid("int16"),
        lambda: grid(name)[0],
        lambda: grid(name).reshape(2, 3, 4),
        lambda: grid(name).astype(np.dtype(name).newbyteorder()),
        lambda: grid(name).view(np.recarray),
    ]
    for seen in forms[:5]:
        check(function, lambda: (seen(),), *(lambda form=form: (form(),) for form in forms), stays=False)


@both
@needs_numpy
def test_stays_compiled_in_two_dimensions() -> None:
    def work(a: Any, b: Any) -> None:
        for i in range(1, len(a) - 1):
            for j in range(1, a.shape[1] - 1):
                b[i, j] = 0.25 * (a[i - 1, j] + a[i + 1, j] + a[i][j - 1] + a[i][j + 1])
                b[i][0] = a[i][j]

    check(work, lambda: (grid("float64") + 0.5, grid("float64")))
    check(work, lambda: (grid("float64").T + 0.5, grid("float64").T))


@needs_numpy
def test_writing_where_it_is_not_allowed() -> None:
    def locked() -> Any:
        data = vector("float64")
        data.flags.writeable = False
        return data

    check(fill, lambda: (vector("float64"), 1.5), lambda: (locked(), 1.5), lambda: (np.frombuffer(bytes(16)), 1.5))


@both
@needs_numpy
def test_shape_changes_inside_the_loop() -> None:
    def change(data: Any, when: int, how: Callable) -> Any:
        result = []
        for i in range(4):
            if i == when:
                how(data)
            result.append(data[i])
        return result

    def shape(data: Any) -> None:
        data.shape = (2, 2)

    def resize(data: Any) -> None:
        data.resize(2, refcheck=False)

    for how in (shape, resize):
        check(
            change,
            lambda: (vector("float64"), 9, how),
            lambda: (vector("float64"), 2, how),
            lambda: (vector("float64"), 3, how),
        )


@both
@needs_numpy
def test_rows_are_made_where_they_are_seen() -> None:
    def work(a: Any, log: list) -> Any:
        result = 0
        for i in range(len(a)):
            a[i][0] += len(log)
            result += a[i][log.append(i) or 1]
            row = a[i]
            row[2] = 5
            result += row[2]
        return result

    check(work, lambda: (grid("float64"), []), lambda: (grid("float64")[:, :2], []), stays=False)


@both
@needs_numpy
def test_scalars_are_objects_where_they_are_seen() -> None:
    def work(data: Any, out: list, text: Any) -> Any:
        largest = data[0]
        for i in range(len(data)):
            value = data[i]
            largest = max(largest, value)
            out.append(value)
            out.append((i, value))
            out.append(value is value)  # noqa: PLR0124
            text.append(f"{value} {value + 1} {value == 2}")
        return largest, min(data[0], data[1]), value

    for name in DTYPES:
        check(work, lambda: (vector(name), [], []), lambda: (vector(name, edges(name)), [], []), stays=False)


@needs_numpy
def test_scalars_as_arguments() -> None:
    def work(x: Any, y: Any) -> Any:
        result = x
        for _ in range(5):
            result = result * y + x
            if result > 1000:
                result = x
        return result

    for first in DTYPES:
        for second in ("int64", "float64"):
            numbers = vector(first)[0], vector(second)[0]
            check(
                work,
                lambda: numbers,
                *(lambda x=x: (x, numbers[1]) for x in vector(first, edges(first))),
                stays=False,
            )


@both
@needs_numpy
def test_numpy_arrays_and_python_arrays_share_memory() -> None:
    def mix(a: Any, b: Any, c: Any) -> Any:
        result = 0.0
        for i in range(len(a)):
            a[i] = i + 0.5
            b[i] = b[i] * 2
            result += a[i] + c[i]
        return result

    def make() -> tuple:
        data = array("d", [1.0, 2.0, 3.0])
        return data, np.frombuffer(data), memoryview(data)

    check(mix, make)


@both
@needs_numpy
def test_half_made_iterators() -> None:
    def work(data: Any, stop: Any) -> Any:
        result = []
        for item in data:
            result.append(item)
            if item == stop:
                result.append(str(stop))
                stop = None
        return result

    for name in ("int64", "float64"):
        check(work, lambda: (vector(name, [1, 2, 3, 4]), 99), lambda: (vector(name, [1, 2, 3, 4]), 2))
    for code in "qd":
        for which in (0, 1):
            make = holders(code, [1, 2, 3, 4])[which]
            check(work, lambda: (make(), 99), lambda: (make(), 2))
