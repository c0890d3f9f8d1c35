"""Operators in the optimizing tier, on every pair of values that is an edge of one of them."""

import itertools

import pytest

from tests.edges import Check, check  # noqa: F401 (a fixture)

INTS = [
    "0",
    "1",
    "-1",
    "2",
    "-7",
    "62",
    "63",
    "64",
    "-64",
    "2**30",
    "2**31",
    "2**53",
    "2**53 + 1",
    "-(2**53) - 1",
    "2**62",
    "2**63 - 1",
    "2**63",
    "-(2**63)",
    "-(2**63) - 1",
    "3037000500",
    "-3037000500",
    "2**64",
    "10**30",
    "True",
    "False",
]
FLOATS = [
    "0.0",
    "-0.0",
    "1.0",
    "-1.5",
    "0.1",
    "1e308",
    "-1e308",
    "5e-324",
    "float('inf')",
    "-float('inf')",
    "float('nan')",
    "2.0**53",
    "2.0**63",
    "-(2.0**63)",
    "9007199254740993.0",
    "9223372036854774784.0",
    "1e20",
]
OTHERS = ["'a'", "None", "1j", "[1]", "(1, 2)"]
BINARY = ["+", "-", "*", "//", "%", "/", "**", "<<", ">>", "&", "|", "^"]
COMPARISONS = ["<", "<=", "==", "!=", ">", ">="]


def _is_huge(operator: str, right: str) -> bool:
    """Whether the result takes too long to compute."""
    large = eval(right)
    if operator not in ("**", "<<") or isinstance(large, float):
        return False
    return bool(large > (20 if operator == "**" else 200))


def _pairs(operator: str, lefts: list[str], rights: list[str]) -> list[str]:
    return [f"{a}, {b}" for a, b in itertools.product(lefts, rights) if not _is_huge(operator, b)]


class TestOperators:
    @pytest.mark.parametrize("operator", BINARY)
    def test_two_ints(self, check: Check, operator: str) -> None:
        check(f"def f(a, b):\n    return a {operator} b", "7, 3", *_pairs(operator, INTS, INTS))

    @pytest.mark.parametrize("operator", BINARY[:7])
    def test_two_floats(self, check: Check, operator: str) -> None:
        check(f"def f(a, b):\n    return a {operator} b", "7.5, 2.5", *_pairs(operator, FLOATS, FLOATS))

    @pytest.mark.parametrize("operator", BINARY[:7])
    def test_int_with_float(self, check: Check, operator: str) -> None:
        check(f"def f(a, b):\n    return a {operator} b", "7, 2.5", *_pairs(operator, INTS, FLOATS))
        check(f"def f(a, b):\n    return a {operator} b", "7.5, 2", *_pairs(operator, FLOATS, INTS))

    @pytest.mark.parametrize("operator", [*BINARY[:7], "=="])
    def test_other_types(self, check: Check, operator: str) -> None:
        values = ["1", "2.5", *OTHERS]
        for usual in ("1, 2", "1.5, 2.5", "1j, 2j", "1j, 2", "2.0, 1j"):
            check(f"def f(a, b):\n    return a {operator} b", usual, *_pairs("", values, values))

    @pytest.mark.parametrize("operator", BINARY)
    @pytest.mark.parametrize("constant", ["1", "2", "-1", "3", "10", "64", "0.5", "-0.0", "True"])
    def test_constants(self, check: Check, operator: str, constant: str) -> None:
        usual = "2.5" if "." in constant and operator not in BINARY[7:] else "5"
        numbers = INTS if operator in ("<<", ">>", "&", "|", "^") else INTS + FLOATS
        if operator not in ("**", "<<"):
            check(f"def f(a):\n    return {constant} {operator} a", usual, *numbers)
        check(f"def f(a):\n    return a {operator} {constant}", usual, *numbers)

    @pytest.mark.parametrize("operator", COMPARISONS)
    def test_comparisons(self, check: Check, operator: str) -> None:
        source = f"def f(a, b):\n    return (a {operator} b), ('yes' if a {operator} b else 'no')"
        numbers = INTS + FLOATS
        for usual in ("1, 2", "1.5, 2.5", "1, 2.5", "2.5, 1"):
            check(source, usual, *_pairs("", numbers, numbers))

    @pytest.mark.parametrize(
        "expression", ["-a", "~a", "not a", "abs(a)", "bool(a)", "int(a)", "float(a)", "(1 if a else 2)"]
    )
    @pytest.mark.parametrize("usual", ["3", "2.5", "True", "1j"])
    def test_one_operand(self, check: Check, expression: str, usual: str) -> None:
        if expression != "~a" or "." not in usual and "j" not in usual:
            optimized = not ("j" in usual and expression[:3] in ("int", "flo"))
            check(f"def f(a):\n    return {expression}", usual, *INTS, *FLOATS, *OTHERS, optimized=optimized)

    @pytest.mark.parametrize("expression", ["min(a, b)", "max(a, b)", "divmod(a, b)", "pow(a, b % 5)", "round(a)"])
    @pytest.mark.parametrize("usual", ["3, 2", "3.5, 2.5", "3, 2.5"])
    def test_builtins_of_two(self, check: Check, expression: str, usual: str) -> None:
        numbers = [
            "3",
            "-3",
            "0",
            "2**63 - 1",
            "-(2**63)",
            "2**64",
            "0.0",
            "-0.0",
            "float('nan')",
            "float('inf')",
            "True",
        ]
        check(f"def f(a, b):\n    return {expression}", usual, *_pairs("", numbers, numbers), optimized=False)

    @pytest.mark.parametrize(
        "name", ["sqrt", "floor", "ceil", "trunc", "fabs", "sin", "exp", "log", "atan", "log10", "cosh"]
    )
    def test_math(self, check: Check, name: str) -> None:
        for usual in ("2.5", "3"):
            check(f"import math\ndef f(a):\n    return math.{name}(a)", usual, *INTS, *FLOATS, *OTHERS)

    def test_augmented_in_a_loop(self, check: Check) -> None:
        for operator in BINARY:
            source = f"""
                def f(start, value, rounds):
                    x = start
                    for i in range(rounds):
                        x {operator}= value
                    return x, i
            """
            edges = ["1, 2, 9", "-3, 1, 12", "2**62, 1, 9", "1.5, 2, 9", "3, 0.5, 9", "2, True, 7", "5, 0, 9"]
            if operator not in ("<<", "**"):
                edges += ["2**62, 2**61, 9", "-(2**62), -(2**61), 9", "1, 10**19, 9", "-(2**63), -1, 3"]
            if operator == "*":
                edges += ["3, 7, 60", "3037000499, 3037000500, 2", "-2, 2, 70"]
            check(source, "2, 1, 9", *edges)


class TestIdentity:
    """Unboxed numbers must not show where objects are told apart."""

    def test_one_object_under_two_names(self, check: Check) -> None:
        check("def f(a, b):\n    x = a * b\n    y = x\n    return x is y, x == y", "1.5, 2.5", "3, 10**6", "3, 10**20")
        check("def f(a, b):\n    x = y = a * b\n    return x is y", "1.5, 2.5", "3, 10**6", "3, 10**20")

    def test_nan_is_found_by_identity(self, check: Check) -> None:
        source = """
            def f(a, b):
                x = a - b
                items = [x]
                return x in items, items.index(x), items.count(x), (x,) == (x,), {x: 1}.get(x), x in (x, 1)
        """
        check(source, "1.5, 2.5", "float('inf'), float('inf')")

    def test_nan_in_a_loop(self, check: Check) -> None:
        source = """
            def f(a, b, n):
                seen = []
                for i in range(n):
                    x = a - b
                    if x not in seen:
                        seen.append(x)
                    y = x
                    if y in seen and x is y:
                        seen.append(i)
                return len(seen), seen
        """
        check(source, "1.5, 2.5, 6", "float('inf'), float('inf'), 8")

    def test_constant_is_itself(self, check: Check) -> None:
        check("def g():\n    x = 100000\n    return x\ndef f(a):\n    return g() is g()", "3", "0")

    def test_tuple_under_two_names(self, check: Check) -> None:
        check("def f(a, b):\n    x = y = (a, b)\n    return x is y, x", "1, 2", "1.5, []")
        check("def g(a, b):\n    t = (a, b)\n    return t is t\ndef f(a, b):\n    return g(a, b)", "1, 2", "1.5, []")

    def test_iterator_in_an_inlined_callee(self, check: Check) -> None:
        source = """
            def g(items, n):
                it = enumerate(items)
                total = 0
                for i, x in it:
                    total += x
                    if i == n:
                        break
                for i, x in it:
                    total += 1000 * x
                return total

            def f(items, n):
                return g(items, n)
        """
        check(source, "[1, 2, 3, 4], 1", "[1, 2, 3], 0", "[], 0", "[1.5, 2, 3], 1", optimized=False)
