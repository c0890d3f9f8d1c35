"""Code of the optimizing tier where its bets fail: what differs from the usual by one value, type, name or moment."""

import itertools
import textwrap

import pytest

from tests.harness import CRANELIFT, DEOPT_CRANELIFT, INTERPRETER, LLVM, difference
from tests.worker import Worker

MODES = (CRANELIFT, LLVM, DEOPT_CRANELIFT)
each_mode = pytest.mark.parametrize("mode", MODES)


class Check:
    """Compares a function's calls between the interpreter and optimized code, in processes of their own."""

    def __init__(self, plain: Worker, optimizing: Worker, mode: str) -> None:
        self.plain, self.optimizing, self.mode = plain, optimizing, mode

    def __call__(self, source: str, usual: str, *edges: str, name: str = "f", optimized: bool = True) -> None:
        """``usual`` and ``edges`` are argument lists. Fails, too, if nothing was optimized (but where it is not to be)."""
        arguments = textwrap.dedent(source), name, f"{usual},", [f"{edge}," for edge in edges]
        expected, _ = self.plain.call("harness.run_edges", *arguments, INTERPRETER)
        found, versions = self.optimizing.call("harness.run_edges", *arguments, self.mode)
        assert not difference(expected, found)
        assert versions or not optimized


@pytest.fixture(params=MODES)
def check(request: pytest.FixtureRequest, plain_worker: Worker, optimizing_worker: Worker) -> Check:
    return Check(plain_worker, optimizing_worker, request.param)


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


class TestFinalizers:
    def test_rebinding_a_local_that_has_the_last_reference(self, check: Check) -> None:
        source = """
            import sys
            LOG = []

            class D:
                def __init__(self, name):
                    self.name = name

                def __del__(self):
                    frame = sys._getframe(1)
                    LOG.append((self.name, frame.f_code.co_name, frame.f_lineno, sorted(frame.f_locals)))

            def f(n):
                LOG.clear()
                x = y = None
                for i in range(n):
                    x = D(i)
                    x, y = 1, x
                    x = 2.5
                y = 3
                return x, y, list(LOG)
        """
        check(source, "5", "0", "1", "9", optimized=False)

    def test_containers_give_up_what_they_held(self, check: Check) -> None:
        source = """
            LOG = []

            class D:
                def __init__(self, name):
                    self.name = name

                def __del__(self):
                    LOG.append(self.name)

            class Box:
                item = None

            def f(n, value):
                LOG.clear()
                items = [D(i) for i in range(n)]
                box = Box()
                box.item = D("box")
                for i in range(n):
                    items[i] = value
                    box.item = value
                    LOG.append(i)
                del items, box
                return list(LOG)
        """
        check(source, "5, 7", "3, 1.5", "4, 'x'", "4, None", optimized=False)

    def test_globals_change_when_an_object_dies(self, check: Check) -> None:
        source = """
            STEP = 1

            class D:
                def __init__(self, step):
                    self.step = step

                def __del__(self):
                    global STEP
                    STEP = self.step

            def f(items, n):
                global STEP
                STEP = 1
                total = 0
                for i in range(n):
                    if i == n // 2:
                        items[0] = i
                    total += STEP
                return total
        """
        check(source, "[1], 8", "[D(100)], 8", "[D(2.5)], 9", "[D('x')], 5", "[D(2**70)], 9")

    def test_decimals_end(self, check: Check) -> None:
        """Theirs is a quiet end; that of an instance of a class made from it need not be."""
        source = """
            import datetime
            from decimal import Decimal

            STEP = 1

            class D(Decimal):
                def __del__(self):
                    global STEP
                    STEP += 10

            def f(make, n):
                global STEP
                STEP = 1
                total = last = make(0)
                for i in range(n):
                    last = make(i)
                    total = total + last
                    last = STEP + i
                return total, last
        """
        edges = ["D, 6", "Decimal, 3", "lambda i: datetime.timedelta(i), 4", "lambda i: [D(i)], 0", "D, 2"]
        check(source, "Decimal, 8", *edges)

    def test_locals_change_when_an_object_dies(self, check: Check) -> None:
        source = """
            import sys

            class D:
                def __del__(self):
                    sys._getframe(1).f_locals["total"] = 1000

            def f(items, n):
                total = 0
                for i in range(n):
                    if i == n // 2:
                        items[0] = i
                    total = total + i
                return total
        """
        check(source, "[1], 8", "[D()], 8", "[D()], 9")


class TestFrames:
    def test_frames_that_somebody_keeps(self, check: Check) -> None:
        source = """
            import sys
            KEPT = []

            def keep(n):
                if n == 1:
                    KEPT.append(sys._getframe(1))
                elif n == 2:
                    try:
                        raise ValueError
                    except ValueError as error:
                        KEPT.append(error.__traceback__.tb_frame.f_back)

            def g(n, early, late):
                total = 0
                if early:
                    keep(early)
                for i in range(n):
                    total += i
                    if i == late:
                        keep(1)
                    half = total / 2
                x = total * 2.5
                return x

            def f(n, early, late):
                result = g(n, early, late)
                seen = [frame.f_locals for frame in KEPT]
                KEPT.clear()
                return result, [dict(one) for one in seen]
        """
        check(source, "20, 0, -1", "20, 1, -1", "200, 1, -1", "200, 2, -1", "200, 0, 10", "200, 2, 150", "50, 1, 20")


class TestSpecialMethods:
    def test_operator_changes_globals_classes_and_locals(self, check: Check) -> None:
        source = """
            import sys
            STEP = 1
            WHAT = None

            class Odd:
                def __add__(self, other):
                    global STEP
                    if WHAT == "global":
                        STEP = 2.5
                    elif WHAT == "class":
                        Box.value = property(lambda self: 77)
                    elif WHAT == "local":
                        sys._getframe(1).f_locals["extra"] = 50
                    elif WHAT == "kept":
                        KEPT.append(sys._getframe(1))
                    elif WHAT == "len":
                        globals()["len"] = lambda x: 5
                    elif WHAT == "raise":
                        raise ValueError(STEP)
                    return other

                __radd__ = __add__

            class Box:
                def __init__(self):
                    self.value = 3

            KEPT = []

            def f(items, what):
                global WHAT, STEP
                WHAT, STEP = what, 1
                box = Box()
                extra = 0
                total = 0
                for item in items:
                    total = item + total
                    total += STEP
                    total += box.value + extra + len(items)
                return total, extra, [frame.f_locals["total"] for frame in KEPT]
        """
        usual = "[1, 2, 3, 4], None"
        for what in ("global", "class", "local", "kept", "len", "raise", "none"):
            check(source, usual, f"[1, 2, Odd(), 4, 5], {what!r}", f"[Odd(), 2, 3], {what!r}", optimized=False)

    def test_truth_index_and_equality(self, check: Check) -> None:
        source = """
            class Odd:
                def __init__(self, value):
                    self.value = value

                def __bool__(self):
                    LIMIT[0] += 1
                    return bool(self.value)

                def __index__(self):
                    LIMIT[0] += 1
                    return self.value

                def __eq__(self, other):
                    LIMIT[0] += 1
                    return self.value == other

            LIMIT = [3]

            def f(items, keys):
                LIMIT[0] = 3
                total = 0
                for key in keys:
                    if key:
                        total += items[key]
                    if key == 2:
                        total += LIMIT[0]
                return total, LIMIT
        """
        check(
            source, "[1, 2, 3], [0, 1, 2]", "[1, 2, 3], [Odd(2), 1]", "[1, 2, 3], [0, Odd(0)]", "[1, 2], [1, -1, -2, 2]"
        )

    def test_attributes(self, check: Check) -> None:
        source = """
            class P:
                def __init__(self, x):
                    self.x = x

            class Q:
                x = 10

            class R:
                __slots__ = ("x",)

                def __init__(self, x):
                    self.x = x

            class S:
                def __getattr__(self, name):
                    P.extra = 5
                    return 8

            class Late(P):
                pass

            def f(objects, change):
                total = 0
                for number, one in enumerate(objects):
                    total += one.x
                    if number == 2:
                        change(objects)
                return total

            def nothing(objects):
                pass

            def other_class(objects):
                objects[-1].__class__ = Late

            def new_attribute(objects):
                objects[-1].y = 1

            def gone(objects):
                del objects[-1].x

            def descriptor(objects):
                Late.x = property(lambda self: 1000, lambda self, value: None)

            def dictionary(objects):
                objects[-1].__dict__ = {"x": 44}

            def string(objects):
                objects[-1].x = "s"
        """
        usual = "[P(1), P(2), P(3), P(4)], nothing"
        changes = ["other_class", "new_attribute", "gone", "descriptor", "dictionary", "string"]
        edges = [f"[P(1), P(2), P(3), Late(4), P(5)], {change}" for change in changes]
        mixed = [
            "[P(1), Q(), R(3), S(), P(5)], nothing",
            "[P(1), P(2), P(3), S()], gone",
            "[P(2**63 - 1), P(1)], nothing",
        ]
        check(source, usual, *edges, *mixed)


class TestExceptions:
    def test_line_and_locals(self, check: Check) -> None:
        source = """
            def f(items, divisor):
                total = 0
                for i, item in enumerate(items):
                    before = total
                    total += (
                        item
                        //
                        divisor
                    )
                    index = items[item]
                    half = total / (index - 3)
                return total, half
        """
        edges = [
            "[1, 2, 0], 0",
            "[1, 2, 3], 1",
            "[1, 2, 'x'], 1",
            "[0, 3, 1, 3], 1",
            "[-9, 1], 1",
            "[], 1",
            "[2**70], 1",
            "[1, None], 1",
        ]
        check(source, "[0, 1, 2], 1", *edges)

    def test_caught_in_the_loop(self, check: Check) -> None:
        source = """
            def f(items, n):
                total, errors = 0, []
                for i in range(n):
                    try:
                        total += 100 // items[i]
                    except ZeroDivisionError as error:
                        errors.append((i, str(error)))
                    except IndexError:
                        errors.append(i)
                        break
                    else:
                        total -= 1
                    finally:
                        total += 1000
                else:
                    total = -total
                return total, errors
        """
        check(source, "[1, 2, 3], 3", "[1, 0, 3], 3", "[1, 2], 3", "[0], 5", "[2**70, 1.5, -7], 3", "['x'], 1")

    def test_in_an_inlined_callee(self, check: Check) -> None:
        source = """
            def g(a, b):
                c = a * 2
                return c // b

            def h(a, b):
                return g(a, b) + g(b, a)

            def f(items):
                total = 0
                for a, b in items:
                    total += h(a, b)
                return total
        """
        check(
            source,
            "[(1, 2), (3, 4)]",
            "[(1, 2), (0, 4)]",
            "[(2**62, 1)]",
            "[(1.5, 2)]",
            "[('a', 1)]",
            "[(1, 2, 3)]",
            "[1]",
            "[(2**63, 2**63)]",
        )

    def test_recursion(self, check: Check) -> None:
        source = """
            import sys

            def leaf(n):
                return n + 1

            def down(n):
                if n == 0:
                    return 0
                return leaf(down(n - 1))

            def f(n):
                try:
                    return down(n)
                except RecursionError as error:
                    depth, step = 0, error.__traceback__
                    while step.tb_next:
                        depth, step = depth + 1, step.tb_next
                    return depth, step.tb_frame.f_code.co_name, str(error)
        """
        check(source, "10", "100", "100000", optimized=False)

    def test_recursion_that_ends_in_an_inlined_callee(self, check: Check) -> None:
        source = """
            import sys

            def leaf(n):
                return n + 1

            def middle(n):
                return leaf(n) * 2

            def down(n, base):
                base += middle(n)
                return base if n == 0 else down(n - 1, base)

            def f(n):
                try:
                    return down(n, 1)
                except RecursionError as error:
                    depth, step = 0, error.__traceback__
                    while step.tb_next:
                        depth, step = depth + 1, step.tb_next
                    return depth, step.tb_frame.f_code.co_name, str(error), step.tb_frame.f_locals["n"]
        """
        check(source, "10", "100", "100000", optimized=False)

    def test_variable_of_a_comprehension_and_of_a_loop(self, check: Check) -> None:
        """The end of the comprehension leaves the variable unbound, and the loop binds it again."""
        source = """
            def f(x, n):
                total = [x ^ i for i in range(4)]
                for r in range(1, n):
                    for i in range(4):
                        total[i] += r
                return total
            """
        check(source, "5, 9", "2, 1", "2**62, 9")

    def test_unbound(self, check: Check) -> None:
        source = """
            def f(n, delete):
                for i in range(n):
                    x = i * 2
                    if delete == i:
                        del x
                    y = x
                return i, x, y
        """
        check(source, "5, -1", "5, 3", "0, 0", "5, 4")


class TestLoops:
    @pytest.mark.parametrize("usual", ["0, 9, 1", "0, 20, 3", "20, 0, -3"])
    def test_ranges(self, check: Check, usual: str) -> None:
        source = """
            def f(start, stop, step):
                seen = []
                for i in range(start, stop, step):
                    seen.append(i)
                    if len(seen) == 6:
                        break
                else:
                    seen.append("else")
                return seen
        """
        edges = [
            "0, 0, 1",
            "5, 0, 1",
            "0, 9, 0",
            "2**63 - 5, 2**63 - 1, 1",
            "2**63 - 5, 2**63 - 1, 3",
            "2**63, 2**63 + 9, 2",
        ]
        edges += [
            "-(2**63) + 5, -(2**63), -2",
            "0, 10, 2**62",
            "0, -(2**62), -(2**61)",
            "0, 2**63 - 1, 2**62",
            "True, 5, True",
        ]
        edges += ["1.5, 2, 1", "0, 'x', 1", "0, 10, 2**70", "-(2**63), 2**63 - 1, 2**63 - 1", "2**70, 0, -(2**68)"]
        check(source, usual, *edges)

    @pytest.mark.parametrize("step", ["2", "-1", "-3", "2**31", "2**40", "-(2**40)", "7"])
    def test_constant_steps(self, check: Check, step: str) -> None:
        source = f"""
            def f(start, stop):
                count = last = 0
                for i in range(start, stop, {eval(step)}):
                    last = i
                    count += 1
                    if count == 6:
                        break
                return count, last
        """
        check(
            source,
            "0, 20",
            "20, 0",
            "2**63 - 9, 2**63 - 1",
            "-(2**63) + 9, -(2**63)",
            "0, 2**63 - 1",
            "0, -(2**63)",
            "2**63 - 1, 2**63 + 40",
            "0, 2**70",
        )

    def test_lists_that_change(self, check: Check) -> None:
        source = """
            def f(items, what):
                total = 0
                for i, x in enumerate(items):
                    total += x
                    if i == 1:
                        if what == "append" and len(items) < 9:
                            items.append(7)
                        elif what == "clear":
                            items.clear()
                        elif what == "pop":
                            items.pop()
                        elif what == "type":
                            items[2] = 2.5
                        elif what == "string":
                            items[2] = "s"
                        elif what == "slice":
                            items[2:] = [9, 9, 9, 9]
                        elif what == "insert":
                            items.insert(0, 5)
                return total, items
        """
        edges = [f"[1, 2, 3, 4], {what!r}" for what in ("append", "clear", "pop", "type", "string", "slice", "insert")]
        check(source, "[1, 2, 3, 4], ''", *edges)

    def test_slices(self, check: Check) -> None:
        bounds = [
            "0, 3",
            "1, -1",
            "-3, 2",
            "None, None",
            "5, 1",
            "2**63, 1",
            "-(2**63), 2**63 - 1",
            "True, 3",
            "'a', 2",
        ]
        sequences = [
            "[1, 2.5, 'x', None, 5]",
            "(1, 2, 3, 4)",
            "'abcdé😀'",
            "b'abcdef'",
            "bytearray(b'abcdef')",
            "[]",
            "range(9)",
        ]
        source = """
            def f(x, i, j):
                whole = x[:]
                return x[i:j], x[i:], x[:j], x[1:3], x[i::2], x[:j:-1], x[::-1], x[j::-2], whole is x, type(whole)
            """
        for usual in sequences[:5]:
            edges = [f"{sequence}, {bound}" for sequence in sequences for bound in bounds]
            check(source, f"{usual}, 1, 3", *edges)

    def test_stores_to_slices(self, check: Check) -> None:
        source = """
            class Loud:
                def __init__(self, name, log):
                    self.name, self.log = name, log
                def __del__(self):
                    self.log.append(self.name)

            class Sub(list):
                def __setitem__(self, key, value):
                    super().__setitem__(slice(0, 1), value)

            def f(make, i, j, new):
                log = []
                items = make(log)
                items[i:j] = new if new is not None else items
                items[1:1] = (7, 8)
                items[:2] = items[2::-1]
                return items, log
            """
        plain = "lambda log: [1, 2, 3, 4, 5]"
        check(
            source,
            f"{plain}, 1, 3, [9, 9, 9]",
            f"{plain}, 4, 1, (6,)",
            f"{plain}, -2, 2**70, [1]",
            f"{plain}, None, None, None",
            f"{plain}, 0, 2, 'text'",
            f"{plain}, 0, 2, iter([4, 5])",
            f"{plain}, 0, 2, 5",
            f"{plain}, 'a', 2, [5]",
            "lambda log: [Loud('a', log), 1, Loud('b', log), 2], 0, 3, []",
            "lambda log: Sub([1, 2, 3, 4]), 1, 3, [9]",
            "lambda log: bytearray(b'abcdef'), 1, 3, b'xyz'",
        )

    def test_zip_and_enumerate(self, check: Check) -> None:
        source = """
            def f(a, b):
                total = 0
                for i, (x, y) in enumerate(zip(a, b)):
                    total += i * x - y
                for x, y in zip(a, b):
                    last = x, y
                return total, last
        """
        edges = [
            "[1, 2], [1]",
            "[1], [1, 2]",
            "[], [1]",
            "[1.5], [2]",
            "['x'], [1]",
            "(1, 2), [3, 4]",
            "[None, 1], [2, 's']",
        ]
        edges += ["iter([1, 2]), [3, 4]", "'ab', [1, 2]", "5, [1]", "[2**70, 1], [1, 2]", "{1: 2}, [3]"]
        check(source, "[1, 2, 3], [4, 5, 6]", *edges)

    def test_elements_of_other_types_behind_objects(self, check: Check) -> None:
        source = """
            def f(a, b):
                found = []
                total = 0
                for x, y in zip(a, b):
                    found.append(x)
                    total += y
                return found, total
        """
        check(source, "[[], [], []], [1, 2, 3]", "[[], []], [1, 2.5]", "[[], []], [1, 's']", "[[]], [2**70]")

    def test_indices(self, check: Check) -> None:
        source = """
            def f(items, first, last):
                total = items[0]
                for i in range(first, last):
                    total = total + items[i]
                return total, items[-1]
        """
        edges = [
            "[1, 2, 3], -3, 3",
            "[1, 2, 3], 0, 5",
            "[1, 2, 3], -5, 0",
            "[], 0, 0",
            "(1, 2, 3), 0, 3",
            "'abc', -3, 3",
            "b'abc', 0, 3",
        ]
        edges += [
            "bytearray(b'abc'), 0, 4",
            "[1, 2.5, 's'], 0, 3",
            "{0: 1, 1: 5, -1: 3}, 0, 2",
            "'é€😀', 0, 3",
            "[2**62, 2**62, 2**62], 0, 3",
        ]
        for usual in (
            "[1, 2, 3], 0, 3",
            "(1.5, 2.5, 3.5), 0, 3",
            "'abc', 0, 3",
            "b'abc', 0, 3",
            "bytearray(b'abc'), 0, 3",
        ):
            check(source, usual, *edges)

    def test_names_rebound(self, check: Check) -> None:
        source = """
            SCALE = 2

            def helper(x):
                return x * SCALE

            def other(x):
                return -x

            def f(n, what):
                global SCALE, helper
                SCALE = 2
                saved = helper
                total = 0
                for i in range(n):
                    total += helper(i) + SCALE + abs(-i)
                    if i == 2:
                        if what == "scale":
                            SCALE = 2.5
                        elif what == "helper":
                            helper = other
                        elif what == "code":
                            helper.__code__ = other.__code__
                        elif what == "abs":
                            globals()["abs"] = lambda x: 100
                        elif what == "del":
                            del SCALE
                helper = saved
                return total
        """
        for what in ("scale", "helper", "code", "abs", "del"):
            check(source, "6, ''", f"6, {what!r}", f"4, {what!r}", optimized=False)

    def test_sum_past_a_word(self, check: Check) -> None:
        source = """
            def f(items):
                return sum(x * 2 for x in items), sum(items), sum([x for x in items])
        """
        check(source, "[1, 2, 3]", "[2**62, 2**62]", "[1.5, 2]", "['x']", "[True, 2.5]", optimized=False)

    def test_cells(self, check: Check) -> None:
        source = """
            def f(n, bad):
                total = 0
                def add(x):
                    nonlocal total
                    total += x
                for i in range(n):
                    add(i)
                    if i == bad:
                        total = 1.5
                return total
        """
        check(source, "6, -1", "6, 2", "0, 0", optimized=False)
