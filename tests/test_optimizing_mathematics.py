"""Functions of ``math`` and ``cmath``, and builtins and methods of numbers, in optimized code: to the bit what the interpreter has."""

import cmath
import itertools
import math
import random
import struct
from collections.abc import Iterator
from typing import Any

import justjit
import pytest

from tests.optimized_programs import namespace, optimizing  # noqa: F401

FLOATS = [
    *(
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        1.5,
        2.5,
        -2.5,
        0.1,
        0.7,
        1.1,
        1.73,
        3.0,
        7.25,
        100.0,
        709.0,
        711.0,
        1e10,
        -1e10,
    ),
    *(2.0**52 + 0.5, 2.0**53, 2.0**62, 2.0**63, -(2.0**63), 1e100, 1e300, 1.7e308, -1.7e308),
    *(1e-10, 1e-300, 2.2e-308, 5e-324, -5e-324, 1 + 2**-52, 1 - 2**-53, math.pi, math.inf, -math.inf, math.nan),
]
INTS = [
    0,
    1,
    -1,
    2,
    3,
    7,
    8,
    12,
    -12,
    255,
    2**31,
    2**32 - 1,
    2**53 + 1,
    2**62,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64,
    -(2**70),
    True,
]
COMPLEX = [complex(a, b) for a, b in itertools.product(FLOATS[:18:2] + FLOATS[-12:], FLOATS[1:18:3] + FLOATS[-12:])]


def numbers(values: list[Any], make: Any, count: int = 300) -> list[Any]:
    """Those, and as many at random."""
    chance = random.Random(17)
    return values + [make(chance) for _ in range(count)]


def a_float(chance: random.Random) -> float:
    return chance.choice(
        [chance.random(), chance.uniform(-10, 10), chance.gauss(0, 1) * 10.0 ** chance.randint(-20, 20)]
    )


def an_int(chance: random.Random) -> int:
    return chance.randint(-1, 1) * chance.getrandbits(chance.choice([3, 16, 40, 63]))


def a_complex(chance: random.Random) -> complex:
    return complex(a_float(chance), a_float(chance))


ONE = {
    "float": numbers(FLOATS, a_float),
    "int": numbers(INTS, an_int),
    "complex": numbers(COMPLEX, a_complex, 500),
}
TWO = {
    "floats": list(itertools.product(FLOATS, FLOATS)) + list(itertools.batched(numbers([], a_float, 1000), 2)),
    "ints": list(itertools.product(INTS, INTS)) + list(itertools.batched(numbers([], an_int, 1000), 2)),
    "mixed": list(itertools.product(FLOATS, INTS)),
    "mixed the other way": list(itertools.product(INTS, FLOATS)),
    "complexes": list(itertools.batched(numbers([], a_complex, 1000), 2))
    + list(itertools.product(COMPLEX[::13], COMPLEX[::7])),
    "three ints": list(
        itertools.product(
            [0, 1, -3, 7, 2**40 + 1, -(2**63), 2**63 - 1],
            [0, 1, 2, 5, 64, -1],
            [1, -1, 7, -7, 10**9 + 7, 2**63 - 1, -(2**63), 0],
        )
    ),
    "three floats": list(itertools.batched(numbers([], a_float, 900), 3)),
}

MATH = """
    sqrt fabs floor ceil trunc isnan isinf isfinite modf frexp degrees radians exp sin cos tan asin acos atan sinh cosh tanh
    asinh acosh atanh cbrt exp2 expm1 erf erfc log log1p log2 log10 gamma lgamma ulp
""".split()
MATH_OF_TWO = "atan2 fmod pow copysign hypot remainder nextafter isclose".split()
CMATH = "isnan isinf isfinite phase polar sqrt exp log sin cos sinh cosh tan tanh asin acos atan log10".split()

CASES = [
    *((f"math.{name}(x)", kind) for name in MATH for kind in ("float", "int")),
    *((f"math.{name}(x, y)", kind) for name in MATH_OF_TWO for kind in ("floats", "mixed", "mixed the other way")),
    *((f"math.{name}(x)", "int") for name in ("isqrt", "factorial_of_small")),
    *((f"math.{name}(x, y)", "ints") for name in ("gcd", "lcm")),
    ("math.ldexp(x, y)", "mixed"),
    ("math.fma(x, y, z)", "three floats"),
    *((f"cmath.{name}(x)", kind) for name in CMATH for kind in ("complex", "float", "int")),
    *(("cmath.rect(x, y)", kind) for kind in ("floats", "mixed")),
    *(("divmod(x, y)", kind) for kind in ("floats", "ints", "mixed", "mixed the other way")),
    *(("pow(x, y)", kind) for kind in ("floats", "mixed", "mixed the other way")),
    ("pow(x, 3)", "int"),
    ("pow(x, y, z)", "three ints"),
    *(("round(x)", kind) for kind in ("float", "int")),
    ("round(x, 2)", "float"),
    *(("complex(x, y)", kind) for kind in ("floats", "ints", "mixed", "complexes")),
    *(("complex(x)", kind) for kind in ("float", "int", "complex")),
    *(("x / y", kind) for kind in ("complexes",)),
    ("x * y", "complexes"),
    *(
        (expression, "complex")
        for expression in ("x.real", "x.imag", "x.conjugate()", "abs(x)", "x / (2+1j)", "1 / x", "x * 2.5")
    ),
    *((expression, "int") for expression in ("x.bit_length()", "x.bit_count()", "list(reversed(range(x & 7)))")),
    *((expression, "float") for expression in ("x.is_integer()",)),
]


def exact(value: Any) -> Any:
    """A value that is equal only to what is the same in type and bits; NaN is one value."""
    if isinstance(value, float):
        return float, struct.pack("<d", value) if value == value else "nan"
    if isinstance(value, complex):
        return complex, exact(value.real), exact(value.imag)
    if isinstance(value, tuple | list):
        return type(value), [exact(item) for item in value]
    return type(value), value


SOURCE = """
    import cmath
    import math

    def f(values, results):
        for {names} in values:
            try:
                value = {expression}
            except (ValueError, OverflowError, ZeroDivisionError, TypeError) as error:
                value = type(error).__name__ + str(error)
            results.append(value)
"""


def cases() -> Iterator[Any]:
    for expression, kind in CASES:
        expression = expression.replace("math.factorial_of_small(x)", "math.factorial(x & 31)")
        yield pytest.param(expression, kind, id=f"{expression}-{kind}")


@pytest.mark.parametrize(("expression", "kind"), list(cases()))
def test_all_values(expression: str, kind: str) -> None:
    values = ONE.get(kind) or TWO[kind]
    names = "x" if kind in ONE else "x, y, z" if kind.startswith("three") else "x, y"
    source = SOURCE.format(names=names, expression=expression)
    expected: list[Any] = []
    namespace(source, jitted=False)["f"](values, expected)
    f = namespace(source, jitted=True)["f"]
    # First what is plain, so that optimized code is made for that and left by the rest; then everything.
    plain = [value for value, result in zip(values, expected, strict=True) if not isinstance(result, str)]
    for _ in range(12):
        f(plain[20:60], [])
    for _ in range(2):
        results: list[Any] = []
        f(values, results)
        for value, result, wanted in zip(values, results, expected, strict=True):
            assert exact(result) == exact(wanted), (expression, value, result, wanted)


# Without the interpreter's function and without objects.
DONE_HERE = [
    *(f"math.{name}(x)" for name in MATH if name not in ("gamma", "lgamma", "ulp", "cbrt", "acosh", "modf", "frexp")),
    *(f"math.{name}(x, 0.75)" for name in MATH_OF_TWO),
    *("math.acosh(x + 1.0)", "math.modf(x)[0]", "math.frexp(x)[1]", "math.ldexp(x, i)", "math.fma(x, x, x)"),
    *("math.gcd(i, 12)", "math.isqrt(i)", "i.bit_length()", "i.bit_count()", "x.is_integer()", "divmod(i, 7)[1]"),
    *(
        "divmod(x, 0.3)[0]",
        "pow(i, 3, 11)",
        "round(x)",
        "round(i)",
        "complex(x, 1.0).imag",
        "z.real",
        "z.conjugate().imag",
    ),
    *("(z / (2 + 1j)).real", "cmath.phase(z)", "cmath.polar(z)[0]", "cmath.rect(x, 0.5).real", "cmath.isnan(z)"),
    *(f"cmath.{name}(z).imag" for name in ("sqrt", "exp", "log", "sin", "cos", "sinh", "cosh")),
]

LOOP = """
    import cmath
    import math

    def f(n):
        total = 0.0
        for i in range(1, n):
            x = i / (n + 1)
            z = x + 0.25j
            total += {expression}
        return total
"""


@pytest.mark.parametrize("expression", DONE_HERE)
def test_without_objects(expression: str) -> None:
    source = LOOP.format(expression=expression)
    f = namespace(source, jitted=True)["f"]
    expected = namespace(source, jitted=False)["f"](50)
    for _ in range(12):
        assert exact(f(50)) == exact(expected)
    text = justjit.dump(f, "ir")
    assert isinstance(text, str)
    for function in ("justjit_call", "rebox", "make_complex", "make_tuple", "load_method", "load_attr"):
        assert function not in text, (function, text)
    # Other threads may have wanted to run.
    assert not justjit.stats(f).deopts.keys() - {"something was pending at a safepoint"}


CHANGES = {
    "a name": "cmath.sqrt = other",
    "a module": "class cmath:\n            sqrt = staticmethod(other)",
}


@pytest.mark.parametrize("change", CHANGES)
def test_functions_that_are_replaced(change: str) -> None:
    source = f"""
    import types
    import cmath as original

    cmath = types.ModuleType("cmath")
    cmath.__dict__.update(original.__dict__)

    def other(z):
        return -z

    def change():
        global cmath
        {CHANGES[change]}

    def f(n, at):
        total = 0j
        for i in range(n):
            if i == at:
                change()
            total += cmath.sqrt(i * 1j)
        return total
    """

    def run(jitted: bool) -> list[complex]:
        names = namespace(source, jitted=jitted)
        return [*(names["f"](30, -1) for _ in range(12)), names["f"](30, 20), names["f"](30, -1)]

    assert run(jitted=True) == run(jitted=False)


def test_subclasses() -> None:
    source = """
    import math

    class Number(float):
        def __float__(self):
            return 4.0

        def __round__(self, digits=None):
            return "rounded"

        def is_integer(self):
            return "mine"

    class Count(int):
        def bit_length(self):
            return "mine"

        def __index__(self):
            return 9

        def __divmod__(self, other):
            return "divided", other

    def f(x, i):
        results = []
        for _ in range(3):
            results += [math.sqrt(x), round(x), x.is_integer(), i.bit_length(), math.gcd(i, 6), *divmod(i, 4)]
        return results
    """
    names, plain = namespace(source, jitted=True), namespace(source, jitted=False)
    for _ in range(12):
        assert names["f"](2.25, 12) == plain["f"](2.25, 12)
    for x, i in [("Number", 12), (2.25, "Count"), ("Number", "Count")]:
        one, two = (
            given["f"](given[x](2.25) if isinstance(x, str) else x, given[i](12) if isinstance(i, str) else i)
            for given in (names, plain)
        )
        assert one == two


def test_round_keeps_the_object() -> None:
    """``round`` of an int is that int."""
    source = """
    def f(x):
        return [round(x) is x for _ in range(3)]
    """
    f = namespace(source, jitted=True)["f"]
    value = 10**6
    for _ in range(12):
        assert f(value) == [True] * 3


def test_the_tests_cover_cmath() -> None:
    """Every function of ``cmath`` of one number is compared."""
    functions = {name for name in vars(cmath) if callable(getattr(cmath, name)) and not name.startswith("_")}
    assert functions - set(CMATH) <= {"rect", "isclose", "acosh", "asinh", "atanh"}
