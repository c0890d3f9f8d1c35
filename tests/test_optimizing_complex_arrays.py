"""Arrays of complex numbers and of halves in the optimizing tier: unboxed, and everything as in the interpreter."""

from __future__ import annotations

import contextlib
import math
import random
import re
import subprocess
import sys
import textwrap
import warnings
from typing import TYPE_CHECKING, Any

import justjit
import pytest

from tests.array_programs import at, binary, copy_of, fill, np, outcome, reverse, total, total_of_items
from tests.numpy_numbers import COMPLEX, NAMES, QUIET, calls, compare, left, numbers, optimized, unboxed
from tests.optimized_programs import optimizing_soon  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(np is None, reason="NumPy is not installed")

# ---- loops ---------------------------------------------------------------------------------------------------------


def mandelbrot(points: Any, counts: Any) -> None:
    for i in range(len(points)):
        c = points[i]
        z = 0j
        n = 0
        while n < 40 and z.real * z.real + z.imag * z.imag <= 4.0:
            z = z * z + c
            n += 1
        counts[i] = n


def mandelbrot_by_abs(points: Any, counts: Any) -> None:
    for i in range(len(points)):
        c = points[i]
        z = c
        n = 0
        while n < 40 and abs(z) <= 2:
            z = z * z + c
            n += 1
        counts[i] = n


def butterfly(data: Any, factors: Any) -> None:
    half = len(data) // 2
    for i in range(half):
        t = factors[i] * data[i + half]
        u = data[i]
        data[i] = u + t
        data[i + half] = u - t


def dot(a: Any, b: Any) -> Any:
    result = a[0]
    for i in range(len(a)):
        result += a[i].conjugate() * b[i]
    return result


def polynomial(data: Any, out: Any) -> None:
    for i in range(len(data)):
        x = data[i]
        out[i] = ((x * 2 + 1.5j) * x - 0.25) * x + (1 + 2j) - True


def quotients(a: Any, b: Any) -> None:
    for i in range(len(a)):
        b[i] = a[i] / (b[i] + 3) + 2.5 / a[i] - b[i] / 4


def comparisons(data: Any, other: Any) -> Any:
    equal = true = 0
    for i in range(len(data)):
        x = -data[i]
        if x == other[i] or +x != -other[i]:
            equal += 1
        if x == 1 or x != 0.5 or other[i] == 1j:
            equal += 2
        if x:
            true += 1
        if not bool(x):
            true += 100
    return equal, true


def sums_of_items(data: Any) -> Any:
    result = 0
    largest = 0.0
    for k, item in enumerate(data):
        result = result + item * k
        if abs(item) > largest:
            largest = abs(item)
    return result, largest


@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("function", [mandelbrot, mandelbrot_by_abs])
def test_mandelbrot(name: str, function: Callable) -> None:
    points = numbers(name, 60)
    unboxed(
        function, lambda: (points, np.zeros(len(points), dtype=int)), lambda: (points * 100, np.zeros(60, dtype=int))
    )


@pytest.mark.parametrize("name", COMPLEX)
def test_butterfly(name: str) -> None:
    data, factors = numbers(name, 64), numbers(name, 32, 2)
    huge = (np.arange(64) * 1e18).astype(name)
    unboxed(
        butterfly,
        lambda: (data.copy(), factors),
        lambda: ((copy := data.copy()), copy[8:40]),
        lambda: (huge.copy() * huge[5], factors * huge[7]),
        lambda: (data.copy() * 1e-30, factors * 1e-30),
    )


@pytest.mark.parametrize("name", COMPLEX)
def test_dot(name: str) -> None:
    unboxed(
        dot,
        lambda: (numbers(name, 50), numbers(name, 50, 3)),
        lambda: (numbers(name, 50), numbers("float64", 50).astype(name)),
        lambda: (numbers(name, 50), numbers("float16", 50)),
    )
    unboxed(dot, lambda: (numbers("complex64", 50), numbers("complex128", 50)))
    unboxed(dot, lambda: (numbers("complex128", 50), numbers("complex64", 50)))
    unboxed(dot, lambda: (numbers("complex64", 50), np.arange(50)))


@pytest.mark.parametrize("name", COMPLEX)
def test_with_python_numbers(name: str) -> None:
    unboxed(polynomial, lambda: (numbers(name, 50), numbers(name, 50)))
    unboxed(polynomial, lambda: (numbers("float32", 50), numbers("complex64", 50)))
    unboxed(polynomial, lambda: (numbers("int16", 50), numbers("complex128", 50)))


@pytest.mark.parametrize("name", [*NAMES, "float32"])
def test_quotients(name: str) -> None:
    unboxed(
        quotients,
        lambda: (numbers(name, 50), numbers(name, 50, 2)),
        lambda: (numbers(name, 50) * 0, numbers(name, 50, 2)),
        lambda: (numbers(name, 50), np.full(50, -3, dtype=name)),
    )


@pytest.mark.parametrize("name", [*NAMES, "float32"])
def test_tests(name: str) -> None:
    mixed = numbers(name, 40)
    mixed[5:20] = [1, -1, 0, 0.5, math.nan, -0.5, 0, -0.0, 1, 1, math.inf, -math.inf, 0, 1, -1]
    unboxed(
        comparisons, lambda: (numbers(name, 40), -numbers(name, 40)), lambda: (mixed, -mixed), lambda: (mixed, mixed)
    )


@pytest.mark.parametrize("name", [*NAMES, "float32"])
def test_items(name: str) -> None:
    unboxed(
        sums_of_items, lambda: (numbers(name, 40),), lambda: (numbers(name, 40)[::-3],), lambda: (numbers(name, 0),)
    )


def scaled(a: Any, b: Any, factor: Any) -> None:
    for i in range(len(a)):
        b[i] = a[i] * factor + b[i] - abs(a[i]) / 2


def test_halves() -> None:
    numbers_of_all_sizes = np.arange(1, 31, dtype=np.uint16).repeat(3).view("float16")
    unboxed(
        scaled,
        lambda: (numbers("float16", 50), numbers("float16", 50, 2), 0.5),
        lambda: (numbers("float16", 50), numbers("float16", 50, 2), 1e6),
        lambda: (numbers_of_all_sizes, numbers("float16", 90), 0.3),
        lambda: (numbers_of_all_sizes[::-1], numbers_of_all_sizes.copy(), -0.0),
        lambda: (numbers("float16", 50) * 30000, numbers("float16", 50) * 30000, 2.0),
    )
    unboxed(scaled, lambda: (numbers("float16", 50), numbers("float32", 50), np.float16(0.3)))
    unboxed(scaled, lambda: (numbers("float16", 50), numbers("float64", 50), 3))
    unboxed(scaled, lambda: (numbers("int8", 50), numbers("float16", 50), np.float16(0.3)))


def test_all_halves() -> None:
    """Each half, read, stored as it is and by way of another precision."""

    def through(data: Any, same: Any, wide: Any, narrow: Any) -> None:
        for i in range(len(data)):
            same[i] = data[i]
            wide[i] = data[i]
            narrow[i] = wide[i]

    every = np.arange(1 << 16, dtype=np.uint16).view("float16")
    finite = every[np.isfinite(every)]
    for data in (finite, every):
        for name in ("float32", "float64", "complex128"):
            back = "float16" if name != "complex128" else name
            make = lambda: (data, np.zeros_like(data), np.zeros(len(data), name), np.zeros(len(data), back))  # noqa: B023, E731
            compiled = optimized(through, lambda: tuple(part[15000:15300] for part in make()))
            ours, theirs = make(), make()
            with np.errstate(all="ignore"):
                compiled(*ours)
                copy_of(through)(*theirs)
            assert all(one.tobytes() == other.tobytes() for one, other in zip(ours[:2], theirs[:2], strict=True))
            with np.errstate(all="ignore"):
                assert np.array_equal(ours[2], theirs[2], equal_nan=True)
                assert np.array_equal(ours[3], theirs[3], equal_nan=True)


def test_memoryviews_of_halves() -> None:
    def copy(source: Any, target: Any) -> Any:
        result = 0.0
        for i in range(len(source)):
            target[i] = source[i]
            result += target[i]
        return result

    def view(values: list) -> memoryview:
        return memoryview(bytearray(np.array(values, dtype="float16").tobytes())).cast("e")

    odd = [0.1, -0.0, 65504.0, 2.0**-24, -(2.0**-15)]
    unboxed(
        copy,
        lambda: (view([1, 2, 3] * 20), view([0] * 60)),
        lambda: (view(odd), view([0] * 5)),
        lambda: (view([math.inf, math.nan]), view([0] * 2)),
    )
    values = [
        0.1,
        65519.99,
        65520.0,
        -65520.0,
        1e300,
        math.inf,
        -math.inf,
        math.nan,
        1e-10,
        2.0**-25,
        2.0**-25 * 1.0001,
    ]
    values += [-0.0, 3, 2**16, 2**70, 10**400, True, "x", None, 1j, np.float16(2.5), np.float32(0.1), np.float64(1e9)]
    for seen in (0.5, 3, np.float32(0.5), np.float16(0.5)):
        compare(fill, lambda: (view([0] * 60), seen), *(lambda value=value: (view([0] * 3), value) for value in values))
    for function in (total, total_of_items, reverse):
        compare(function, lambda: (view([1, 2, 3] * 20),), lambda: (view(odd),), lambda: (view(odd)[::-2],))


# ---- arithmetic, bit for bit ---------------------------------------------------------------------------------------

EXTREMES = {
    "float16": [0.0, -0.0, 1.0, 65504.0, 2.0**-24, -(2.0**-14), 2.0**-10, 300.0, math.inf, math.nan, 0.1],
    "complex64": [0.0, -0.0, 1.0, 3e38, 1e-45, -1.2e-38, 2e-20, 1e20, math.inf, math.nan, 0.1],
    "complex128": [0.0, -0.0, 1.0, 1e308, 5e-324, -2.3e-308, 2e-160, 1e160, math.inf, math.nan, 0.1],
}


def extremes(name: str) -> Any:
    parts = EXTREMES[name]
    values = parts if name == "float16" else [complex(real, imaginary) for real in parts for imaginary in parts]
    return np.array(values, dtype=name)


@contextlib.contextmanager
def strict() -> Iterator[None]:
    with np.errstate(all="raise"):
        yield


@contextlib.contextmanager
def ignoring() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


@contextlib.contextmanager
def warning() -> Iterator[None]:
    with np.errstate(all="warn"):
        yield


@contextlib.contextmanager
def raising() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("operator", ["+", "-", "*", "/"])
@pytest.mark.parametrize("name", NAMES)
def test_extremes(name: str, operator: str) -> None:
    """Each pair of numbers by itself, in code that was made for others, whatever is to happen on errors."""
    space: dict = {}
    exec(
        f"def work(a, b, i, j):\n    result = None\n    for _ in range(1):\n        result = a[i] {operator} b[j]\n    return result\n",
        space,
    )
    work = space["work"]
    data = extremes(name)
    compiled = optimized(work, lambda: (np.full(3, 1.5, dtype=name), np.full(3, 2.5, dtype=name), 1, 2))
    assert calls(compiled) <= QUIET
    step = 1 if name == "float16" else 7
    for manner in (strict, ignoring, warning, raising):
        with manner():
            for i in range(0, len(data), step):
                for j in range(0, len(data), step if manner is not strict else 3 * step):
                    assert outcome(compiled, (data, data, i, j)) == outcome(work, (data, data, i, j)), (
                        data[i],
                        data[j],
                    )


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "==", "!=", "<", ">="])
@pytest.mark.parametrize("sides", [("complex64", "complex64"), ("complex128", "complex128"), ("complex64", "float32")])
def test_many_numbers(operator: str, sides: tuple[str, str]) -> None:
    """What is rounded is rounded as NumPy does it."""
    space: dict = {}
    exec(f"def work(a, b, out):\n    for i in range(len(a)):\n        out[i] = a[i] {operator} b[i]\n", space)
    work = space["work"]
    kind = "bool" if operator in ("==", "!=", "<", ">=") else sides[0]
    generator = np.random.default_rng(3)

    def many(name: str, count: int) -> Any:
        sizes = np.exp2(generator.integers(-20, 20, (2, count)))
        parts = generator.uniform(-1, 1, (2, count)) * sizes
        return (parts[0] + 1j * parts[1] if name in COMPLEX else parts[0]).astype(name)

    few, others = [tuple(many(name, 200) for name in sides) for _ in range(2)]
    a, b = (many(name, 6000) for name in sides)
    compiled = optimized(work, lambda: (*few, np.zeros(200, kind)))
    assert calls(compiled) <= QUIET
    ours, theirs = np.zeros(len(a), kind), np.zeros(len(a), kind)
    before = left(compiled)
    compiled(a, b, ours)
    work(a, b, theirs)
    assert ours.tobytes() == theirs.tobytes()
    assert left(compiled) == before
    compiled(*others, ours)
    work(*others, theirs)
    assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("operator", ["+", "-", "*", "/"])
def test_pairs_of_halves(operator: str) -> None:
    space: dict = {}
    exec(f"def work(a, b, out):\n    for i in range(len(a)):\n        out[i] = a[i] {operator} b[i]\n", space)
    work = space["work"]
    generator = np.random.default_rng(4)
    a, b = (generator.integers(0, 0x7C00, 20_000, dtype=np.uint16).view("float16") for _ in range(2))
    a[::3] *= -1
    few = numbers("float16", 200), numbers("float16", 200, 2) + np.float16(3)
    compiled = optimized(work, lambda: (*few, np.zeros(200, "float16")))
    assert calls(compiled) <= QUIET
    ours, theirs = np.zeros(len(a), "float16"), np.zeros(len(a), "float16")
    with np.errstate(all="ignore"):
        for start in range(0, len(a), 50):
            part = slice(start, start + 50)
            compiled(a[part], b[part], ours[part])
            work(a[part], b[part], theirs[part])
    assert ours.tobytes() == theirs.tobytes()


OTHERS = [0, 1, -3, True, 2**53 + 1, 2**63 - 1, 2**70, 0.0, -0.0, 0.1, 1e39, 1e-46, 1e5, 65520, math.nan, math.inf]
OTHERS += [1j, complex(-0.0, 0.1), complex(math.inf, 1), complex(1e39, 1), complex(1, 1e-50)]


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "==", "!=", "<", ">=", "**", "//"])
@pytest.mark.parametrize("name", [*NAMES, "float32", "float64", "int64", "bool"])
def test_python_numbers(name: str, operator: str) -> None:
    for expression in (f"a[i] {operator} b", f"b {operator} a[i]"):
        space: dict = {}
        exec(
            f"def work(a, b):\n    result = []\n    for i in range(len(a)):\n        result.append({expression})\n    return result\n",
            space,
        )
        values = np.array([1, 0, -0.5, 3], dtype=name)
        for seen in (2, 0.5, 2 - 1j, True, np.float32(0.5), np.complex64(2j)):
            ordered = operator in ("<", ">=", "//")
            if isinstance(seen, complex) and ordered and "complex" not in name:
                continue
            compiled = copy_of(space["work"])
            justjit.jit(compiled)
            for _ in range(12):
                first = outcome(compiled, (np.ones(60, name), seen))
            assert first == outcome(space["work"], (np.ones(60, name), seen))
            for other in OTHERS:
                assert outcome(compiled, (values, other)) == outcome(space["work"], (values, other)), (seen, other)


GLOBAL = np.complex128(0.5 - 2j) if np is not None else None
GLOBAL_SINGLE = np.complex64(0.5 - 2j) if np is not None else None


def test_global_numbers() -> None:
    def work(data: Any, out: Any) -> Any:
        for i in range(len(data)):
            out[i] = data[i] * GLOBAL + GLOBAL_SINGLE
        return out[0] == GLOBAL, abs(GLOBAL), GLOBAL.real, GLOBAL_SINGLE.conjugate()

    compare(work, lambda: (numbers("complex128", 40), numbers("complex128", 40)))


# ---- stores --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, "float32", "float64", "int64", "bool"])
def test_stores(name: str) -> None:
    values = [*OTHERS, "x", "1+2j", None, [1], np.array(2.5), np.array([1j])]
    for other in [*NAMES, "float32", "float64", "int32", "int64", "uint64", "bool"]:
        values += list(np.array([1, 0, 2.5, 5000.3], dtype=other))
    values += list(extremes("complex128")[::9]) + list(extremes("complex64")[::9]) + list(extremes("float16"))
    values += [np.float64(1e39), np.float64(1e-310), np.int64(2**62 + 1), np.int64(2049), np.int32(2**24 + 1)]
    for seen in (1, 0.5, 1 + 2j, True, *(np.dtype(other).type(1) for other in [*NAMES, "float32", "int16", "bool"])):
        compiled = copy_of(fill)
        justjit.jit(compiled)
        for _ in range(8):
            outcome(compiled, (np.zeros(60, name), seen))
        for value in values:
            assert outcome(compiled, (np.zeros(2, name), value)) == outcome(fill, (np.zeros(2, name), value)), (
                seen,
                value,
            )


@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("value", [1.5, 2, True, 1 - 2j])
def test_stores_stay(name: str, value: Any) -> None:
    unboxed(fill, lambda: (np.zeros(60, name), value))


def test_complex_into_real() -> None:
    """NumPy warns, or raises: never in place."""
    for name in ("float64", "float32", "float16", "int64"):
        for how in ("always", "error"):
            with warnings.catch_warnings():
                warnings.simplefilter(how)  # type: ignore[arg-type]
                compiled = copy_of(fill)
                justjit.jit(compiled)
                for _ in range(8):
                    ours = outcome(compiled, (np.zeros(60, name), np.complex128(1 + 2j)))
                assert ours == outcome(fill, (np.zeros(60, name), np.complex128(1 + 2j)))
                assert "discards the imaginary part" in str(ours)


# ---- layouts -------------------------------------------------------------------------------------------------------


def locked(data: Any) -> Any:
    data.flags.writeable = False
    return data


def forms(name: str) -> list[Callable[[], Any]]:
    def line() -> Any:
        return np.arange(1, 25).astype(name)

    def unaligned() -> Any:
        return np.frombuffer(bytearray(24 * line().itemsize + 1), dtype=name, offset=1)

    class Other(np.ndarray):
        def __getitem__(self, index: Any) -> Any:
            return super().__getitem__(index) * 3

    def fields() -> Any:
        table = np.zeros(24, dtype=[("flag", "i1"), ("value", name), ("more", "i8")])
        table["value"] = line()
        return table["value"]

    def aligned_fields() -> Any:
        table = np.zeros(24, dtype=np.dtype([("flag", "i1"), ("value", name), ("more", "i8")], align=True))
        table["value"] = line()
        return table["value"]

    return [
        line,
        lambda: line()[::-1],
        lambda: line()[::3],
        lambda: line()[:0],
        lambda: np.broadcast_to(line()[3], (24,)),
        lambda: line().astype(np.dtype(name).newbyteorder()),
        unaligned,
        lambda: line().view(Other),
        fields,
        aligned_fields,
        lambda: locked(line()),
        lambda: line().reshape(4, 6),
        lambda: line().reshape(4, 6)[:, 2],
        lambda: line()[0],
        lambda: np.array(line()[0]),
        lambda: line().real.astype("float64"),
        lambda: line().astype("complex64"),
        lambda: line().astype(object),
        lambda: list(line()),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_layouts(name: str) -> None:
    all_forms = forms(name)
    for seen in (0, 1, 2, 8, 9):
        for function in (total, total_of_items):
            compare(function, lambda: (all_forms[seen](),), *(lambda form=form: (form(),) for form in all_forms))
        for function in (reverse, lambda data: fill(data, 2)):
            compiled = copy_of(function)
            justjit.jit(compiled)
            for _ in range(30):
                compiled(all_forms[seen]())
            for form in all_forms:
                if "complex64" not in name or form is not all_forms[4]:
                    assert outcome(compiled, (form(),)) == outcome(function, (form(),))


@pytest.mark.parametrize("name", NAMES)
def test_indices(name: str) -> None:
    data = np.arange(1, 5).astype(name)
    for index in (0, -1, 3, 4, -4, -5, True, None, slice(1), (0,), (), (0, 0), 1.0, 1j, 2**70):
        compare(at, lambda: (data, 1), lambda index=index: (data, index))


@pytest.mark.parametrize("name", COMPLEX)
def test_rows(name: str) -> None:
    def product(a: Any, b: Any, out: Any) -> None:
        for i in range(len(a)):
            for j in range(b.shape[1]):
                result = 0j
                for k in range(a.shape[1]):
                    result += a[i, k] * b[k][j]
                out[i][j] = result

    def grid(rows: int, columns: int) -> Any:
        return numbers(name, rows * columns).reshape(rows, columns)

    unboxed(
        product,
        lambda: (grid(5, 6), grid(6, 4), np.zeros((5, 4), name)),
        lambda: (grid(6, 5).T, grid(4, 6)[::-1, ::-1].T, np.zeros((5, 8), name)[:, ::2]),
        lambda: (grid(5, 6), grid(6, 4), np.zeros((5, 4), "float64")),
        lambda: (grid(5, 6), np.broadcast_to(grid(1, 4), (6, 4)), np.zeros((5, 4), name)),
    )


@pytest.mark.parametrize("name", NAMES)
def test_aliases(name: str) -> None:
    """The same memory as numbers of another type, and shifted by half an element."""

    def mix(a: Any, b: Any, c: Any) -> Any:
        result = 0
        for i in range(len(a) - 1):
            a[i] = a[i + 1] + 1
            b[i] = b[i + 1]
            result += a[i] + c[i] + b[i]
            c[i] = 2
            a[i + 1] += b[i]
        return result

    def make() -> tuple:
        data = numbers(name, 40)
        part = np.frombuffer(
            data, dtype="float32" if name == "complex64" else "float16" if name == "float16" else "float64"
        )
        shifted = part[1 : len(part) - 1].view(name) if name in COMPLEX else data[::-1]
        return data, part, shifted

    unboxed(mix, make, lambda: (make()[0], make()[1], make()[2]))


def test_what_is_not_done_here_is_seen() -> None:
    """The test of this file for unboxed loops can fail."""

    def powers(a: Any) -> Any:
        for i in range(len(a)):
            a[i] = a[i] ** 2.5

    compiled = optimized(powers, lambda: (np.abs(numbers("complex128", 40)).astype("complex128"),))
    assert not calls(compiled) <= QUIET


def test_binary_for_all() -> None:
    for operator in ("+", "*", "=="):
        for first in NAMES:
            for second in NAMES:
                compare(binary(operator), lambda: (numbers(first, 15), numbers(second, 15, 2)))


def test_without_numpy() -> None:
    """Halves are Python's as well."""
    program = """
        import sys
        sys.modules["numpy"] = None
        import justjit

        def work(view, out):
            result = 0.0
            for i in range(len(view)):
                out[i] = view[i] * 0.5
                result += out[i]
            return result

        with justjit.config(tier="optimizing", background=False, backend="cranelift", optimize_calls=3):
            justjit.jit(work)
            data = bytearray(range(64))
            for _ in range(20):
                print(work(memoryview(data).cast("e"), memoryview(bytearray(64)).cast("e")))
            assert justjit.stats(work).tier == "optimizing", justjit.explain(work)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.split())) == 1
