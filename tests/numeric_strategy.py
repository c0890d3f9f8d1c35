"""A Hypothesis strategy that makes programs for the optimizing tier: loops over numbers, where now and then something is not as before.

Every loop has few rounds, products are taken modulo something or by a constant, and shifts are short, so that programs end and
values stay small. What is done seldom (another type, a rebound global, a shadowed builtin, another class) happens in a round that
is far enough behind the first ones for the loop to have been optimized.
"""

from collections.abc import Callable

from hypothesis import strategies as st

HEADER = """\
import math
import sys

try:
    import numpy as np

    np.seterr(all="ignore")
except ImportError:
    np = None

G = 3
H = 0.5


class P:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def total(self):
        return self.x + self.y


class Q(P):
    def total(self):
        return self.x - self.y


def rebind(value):
    global G
    G = value


def shadow():
    globals()["abs"] = lambda x: 7


def unshadow():
    globals().pop("abs", None)


def reclass(p):
    p.__class__ = Q if type(p) is P else P


def override():
    P.x = property(lambda self: 11, lambda self, value: None)


def restore():
    if "x" in vars(P):
        del P.x


class Setter:
    def __init__(self, name, value):
        self.name, self.value = name, value

    def __del__(self):
        sys._getframe(1).f_locals[self.name] = self.value


"""

FOOTER = """

def run(a, b, items, text):
    global G
    G = 3
    unshadow()
    restore()
    items = list(items)
    return main(a, b, items, text), items


run.__case_rows__ = (
    lambda: (3, 1.5, [1, 2, 3, 4, 5], "abcab"),
    lambda: (3, 1.5, [1, 2, 3, 4, 5], "abcab"),
    lambda: (5, 2.5, [4, 5, 6, 7, 8, 9], "xyz"),
    lambda: (-7, -0.0, [2.5, 1.5, -3.0, 0.0], "é€😀"),
    lambda: (2**62, float("inf"), [1, 2.5, 2**63 - 1, 4], ""),
    lambda: (0, float("nan"), [], "0"),
    lambda: (True, 5, ["s", 2, None], "ab"),
    lambda: (-(2**63), 1e308, [-(2**63), 2**63 - 1, 0], "abcdefgh"),
)
"""

INTS = [
    "0",
    "1",
    "2",
    "-1",
    "7",
    "-3",
    "10",
    "255",
    "2**30",
    "2**31 - 1",
    "2**53 + 1",
    "2**62",
    "2**63 - 1",
    "-(2**63)",
    "True",
]
FLOATS = ["0.0", "-0.0", "1.5", "-2.25", "1e308", "5e-324", "0.1", "float('inf')", "float('nan')", "2.0**53"]
MODULI = ["1000003", "2**61 - 1", "(2**64)", "7", "-13"]
DTYPES = ["float16", "float32", "float64", "complex64", "complex128", "int16", "int64", "bool", "object", "object"]
COMPARISONS = ["<", "<=", "==", "!=", ">", ">="]


class _Writer:
    def __init__(self, below: Callable[[int], int]) -> None:
        self.below = below
        self.lines: list[str] = []
        self.indent = 0
        self.names = 0
        self.budget = 10 + below(18)
        self.helpers: list[tuple[str, int]] = []
        self.ints: list[str] = []
        self.floats: list[str] = []
        self.fixed: set[str] = set()
        self.loops = 0
        self.counters: list[str] = []

    def one(self, options: list[str]) -> str:
        return options[self.below(len(options))]

    def emit(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    # Expressions

    def int_atom(self) -> str:
        if self.below(4) and self.ints:
            return self.one(self.ints)
        return self.one(INTS) if self.below(8) else "G"

    def float_atom(self) -> str:
        if self.below(4) and self.floats:
            return self.one(self.floats)
        return self.one(FLOATS) if self.below(8) else "H"

    def integer(self, depth: int) -> str:
        if depth <= 0:
            return self.int_atom()
        a, b = self.integer(depth - 1), self.integer(depth - 1 - self.below(2))
        match self.below(22):
            case 0 | 1 | 2:
                return f"({a} {self.one(['+', '-'])} {b})"
            case 3:
                return f"(({a}) * ({b}) % {self.one(MODULI)})"
            case 4:
                return f"({a} * {self.one(['3', '-1', '2', '10'])})"
            case 5:
                return f"({a} {self.one(['//', '%'])} {self.divisor(b)})"
            case 6:
                return f"({a} {self.one(['//', '%'])} {self.one(['2', '-2', '7', '-1', '1', '2**31'])})"
            case 7:
                return f"({a} {self.one(['&', '|', '^'])} {b})"
            case 8:
                return f"({a} {self.one(['<<', '>>'])} ({b} & {self.one(['3', '7', '63'])}) & 0xFFFFFFFFFFFFFFFFFF)"
            case 9:
                return f"({a} >> {self.one(['1', '5', '63', '64', '70'])})"
            case 10:
                return f"({self.one(['-', '~'])}{self.int_atom()})"
            case 11:
                return f"{self.one(['abs', 'int'])}({a})"
            case 12:
                return f"{self.one(['min', 'max'])}({a}, {b})"
            case 13:
                return f"({a} if {self.condition()} else {b})"
            case 14:
                return f"({self.int_atom()} % 1000) ** {self.one(['2', '3', '0', '1', '5'])}"
            case 15:
                return self.one([f"items[{self.int_atom()}]", "len(items)", "len(text)", "items[-1]", "items[0]"])
            case 16 if self.counters:
                return f"items[{self.one(self.counters)}]"
            case 17 if self.helpers:
                name, count = self.helpers[self.below(len(self.helpers))]
                return f"{name}({', '.join(self.int_atom() for _ in range(count))}) % 1000003"
            case 18:
                return self.one(["p.x", "p.y", "p.total()", "ord(text[0])"])
            case 19:
                return f"int({self.floating(depth - 1)})"
            case 20 if self.below(8) == 0:
                return f"sum(x % 1000 for x in range({self.one(['3', '9'])}))"
            case _:
                return f"({a} {self.one(COMPARISONS)} {b})"

    def divisor(self, value: str) -> str:
        """Nearly always one that is not 0."""
        return f"({value} or {self.one(['3', '-2', '0.5'])})" if self.below(6) else value

    def floating(self, depth: int) -> str:
        if depth <= 0:
            return self.float_atom()
        a = self.floating(depth - 1)
        b = self.floating(depth - 1) if self.below(3) else self.integer(depth - 1)
        match self.below(12):
            case 0 | 1 | 2 | 3:
                return f"({a} {self.one(['+', '-', '*'])} {b})"
            case 4:
                return f"({b} {self.one(['-', '*', '/', '//', '%'])} {self.divisor(a)})"
            case 5:
                return f"({a} {self.one(['//', '%', '/'])} {self.divisor(b)})"
            case 6:
                return f"({a} ** {self.one(['2', '0.5', '-1', '3'])})"
            case 7:
                return f"({self.integer(depth - 1)} / {self.divisor(b)})"
            case 8:
                return f"{self.one(['abs', 'float', 'math.sqrt', 'math.sin', 'math.floor', 'math.exp', '-'])}({a})"
            case 9:
                return f"float({self.integer(depth - 1)})"
            case 10:
                return f"({a} if {self.condition()} else {b})"
            case _:
                return f"{self.one(['min', 'max'])}({a}, {self.float_atom()})"

    def condition(self) -> str:
        match self.below(6):
            case 0 | 1:
                return f"{self.int_atom()} {self.one(COMPARISONS)} {self.int_atom()}"
            case 2:
                return f"{self.float_atom()} {self.one(COMPARISONS)} {self.one([self.float_atom(), self.int_atom()])}"
            case 3:
                return self.one([self.int_atom(), self.float_atom(), f"not {self.int_atom()}", "items", "text"])
            case 4:
                return f"{self.int_atom()} {self.one(['<', '<='])} {self.int_atom()} {self.one(['<', '!='])} {self.int_atom()}"
            case _:
                return f"{self.int_atom()} % {self.one(['2', '3'])} == {self.one(['0', '1'])}"

    # Statements

    def block(self, depth: int, at_most: int = 4) -> None:
        self.indent += 1
        for _ in range(1 + self.below(at_most)):
            if self.budget > 0:
                self.statement(depth)
        self.emit("pass")
        self.indent -= 1

    def statement(self, depth: int) -> None:
        self.budget -= 1
        if depth > 0 and self.below(3) == 0:
            compound = [
                self.range_loop,
                self.range_loop,
                self.while_loop,
                self.item_loop,
                self.branch,
                self.attempt,
                self.quiet_nest,
                self.array_loops,
            ]
            compound[self.below(len(compound))](depth - 1)
            return
        match self.below(12):
            case 0 | 1 | 2 if targets := [name for name in self.ints if name not in self.fixed]:
                name = self.one(targets)
                operator = self.one(["=", "+=", "-=", "+=", "-=", "^=", "//=", "%=", "&=", ">>="])
                value = "2" if operator == ">>=" else self.integer(2)
                value = self.divisor(value) if operator in ("//=", "%=") else value
                self.emit(f"{name} {operator} {value}")
            case 3 | 4 if self.floats:
                self.emit(f"{self.one(self.floats)} {self.one(['=', '+=', '-=', '*='])} {self.floating(2)}")
            case 5:
                self.emit(
                    f"items[{self.one([self.int_atom(), '0', '-1', *self.counters])}] = {self.one([self.integer(1), self.floating(1)])}"
                )
            case 6:
                self.emit(f"p.{self.one(['x', 'y'])} {self.one(['=', '+=', '-='])} {self.integer(1)}")
            case 7:
                self.emit(f"if len(items) < 20: items.append({self.integer(1)})")
            case 8 if self.loops:
                self.emit(f"if {self.condition()}: {self.one(['break', 'continue', 'break'])}")
            case 9:
                self.seldom()
            case 10:
                self.emit(f"seen.append(({self.int_atom()}, {self.float_atom()}))")
            case _:
                name = self.fresh("n")
                self.emit(f"{name} = {self.integer(3)}")
                if self.below(2) == 0:
                    self.ints.append(name)

    def quiet_nest(self, _depth: int) -> None:
        """A nest of loops that calls nothing, and moves, compares and overwrites what is in lists of numbers and of bools."""
        numbers, flags, before, x, r, i = (
            self.fresh(prefix) for prefix in ("numbers", "flags", "before", "x", "r", "i")
        )
        first = self.one(["10**6 + k * 37 % 11", "k * 37 % 11 / 4", "2**62 + k * 5 % 7"])
        self.emit(f"{numbers} = [{first} for k in range({self.one(['9', '14'])})]")
        self.emit(f"{flags} = [k % {self.one(['2', '3'])} == 0 for k in range(len({numbers}))]")
        if self.below(4) == 0:
            odd = self.one(["2.5", "2**70", "True", "7", "None", "'s'"])
            self.emit(f"if {self.condition()}: {self.one([numbers, flags])}[{self.one(['0', '4', '-1'])}] = {odd}")
        self.emit(f"{before}, {x} = list({numbers}), {numbers}[3]")
        overwrites = self.below(3) == 0

        def index() -> str:
            shifted = f"({i} * {self.one(['1', '2', '5'])} + {self.one([r, '1', '3'])}) % len({numbers})"
            return self.one([i, i, f"{i} - 1", shifted, "0", "-1"])

        def statement() -> str:
            a, b = index(), index()
            moves = [f"{numbers}[{a}] = {numbers}[{b}]", f"{x} = {numbers}[{a}]", f"{numbers}[{a}] = {x}"]
            swap = f"{numbers}[{a}], {numbers}[{b}] = {numbers}[{b}], {numbers}[{a}]"
            writes = [f"{numbers}[{a}] = {numbers}[{b}] + {self.one(['1', '0.5', r])}", f"{numbers}[{a}] = {r}"]
            marks = [f"{flags}[{a}] = not {flags}[{b}]", f"{flags}[{a}] = {numbers}[{b}] > {numbers}[{a}]"]
            marks += [f"{flags}[{a}] = {self.one(['True', 'False'])}", f"{flags}[{a}] = {flags}[{b}]"]
            return self.one([*moves, swap, swap, *marks, *(writes * 2 if overwrites else [])])

        self.emit(f"for {r} in range({self.one(['3', '6'])}):")
        self.emit(f"    for {i} in range(len({numbers})):")
        for _ in range(1 + self.below(3)):
            test = self.one(
                [f"{numbers}[{index()}] > {numbers}[{index()}]", f"{flags}[{index()}]", f"not {flags}[{index()}]"]
            )
            guarded = f"if {test}: " if self.below(2) else ""
            self.emit(f"        {guarded}{statement()}")
        if self.below(4) == 0:
            self.emit(f"        if {r} == 2 and {i} == 5: {self.one(['break', f'{numbers}[99]', 'continue'])}")
        # Where a number is overwritten by an equal one, its object may stay.
        places = f"[next((k for k, one in enumerate({before}) if one is other), -1) for other in {numbers}]"
        self.emit(f"seen.append(({'None' if overwrites else places}, list({numbers}), {flags}, {x}))")

    def array_loops(self, _depth: int) -> None:
        """A loop over arrays of NumPy's, of any types; they may share their memory, and one may be replaced by one of another type."""
        a, b, out, x, i = (self.fresh(prefix) for prefix in ("a", "b", "out", "x", "i"))
        count = self.one(["9", "14"])

        def array() -> str:
            made = (
                f"(np.arange({count}) * {self.one(['0.5', '1', '-0.25', '1e5', '1e-6'])}).astype({self.one(DTYPES)!r})"
            )
            return made + self.one(["", "", "[::-1]", f"[:{count} - 1]"])

        def atom() -> str:
            place = self.one([i, i, f"{i} - 1", "0", self.int_atom()])
            return self.one([f"{a}[{place}]", f"{b}[{i}]", x, x, f"{out}[{i}]", "2", "0.5", "1.5j", self.float_atom()])

        def expression(depth: int) -> str:
            if depth == 0:
                return atom()
            one, other = expression(depth - 1), expression(self.below(depth))
            match self.below(8):
                case 0:
                    return f"abs({one})"
                case 1:
                    return f"({one}).{self.one(['real', 'imag', 'conjugate()'])}"
                case 2:
                    return f"({one} if {other} {self.one(['==', '!='])} {atom()} else {other})"
                case 3:
                    return f"({self.one(['-', '+'])}{one})"
                case _:
                    return f"({one} {self.one(['+', '-', '*', '/'])} {other})"

        self.emit("if np is not None:")
        self.emit(f"    {a} = {array()}")
        self.emit(f"    {b} = {self.one([array(), f'{a}[::-1]', a])}")
        self.emit(f"    {out}, {x} = np.zeros({count}, {self.one(['complex64', 'complex128', 'object'])!r}), {a}[0]")
        self.emit(f"    for {i} in range({count}):")
        self.emit("        try:")
        self.emit(f"            {x} = {expression(2)}")
        self.emit(f"            {out}[{i}] = {self.one([x, expression(1)])}")
        if self.below(3) == 0:
            self.emit(f"            if {i} == 5: {self.one([a, b])} = {array()}")
        if self.below(3) == 0:
            self.emit(f"            {b}[{i}] = {self.one([f'{b}[0]', f'{b}[{i} - 1]', '1'])}")
        self.emit("        except (ArithmeticError, LookupError, TypeError, AttributeError) as error:")
        self.emit(f"            seen.append(str(error)); {x} = {b}[0]")
        self.emit(f"    seen.append((repr({x}), [str(one.tolist()) for one in ({a}, {b}, {out})]))")

    def seldom(self) -> None:
        """Something that upsets what has been optimized."""
        when = f"{self.one(self.counters)} == {self.one(['2', '4', '7'])}" if self.counters else self.condition()
        what = [
            f"rebind({self.one([*INTS, *FLOATS])})",
            "shadow()",
            "reclass(p)",
            "override()",
            "p.z = 1",
            f"{self.one(self.ints)} = {self.one([*INTS, *FLOATS])}" if self.ints and not self.fixed else "rebind(1)",
            f"items[0] = {self.one(['2.5', 'None', '2**70', 'True', "'s'"])}",
            "items.clear()",
            "items[1:] = [7, 8.5]",
            "del items[0]",
            f"raise ValueError({self.int_atom()})",
            f"p.x = {self.one(['2.5', '2**70', 'Setter("p", 5)'])}",
            f"Setter({self.one(self.floats or self.ints)!r}, {self.one(FLOATS)})" if self.floats else "pass",
        ]
        self.emit(f"if {when}: {self.one(what)}")

    def body(self, depth: int, counter: str | None, number: str | None = None) -> None:
        self.loops += 1
        if counter:
            self.counters.append(counter)
            self.ints.append(counter)
            self.fixed.add(counter)
        known = list(self.ints), list(self.floats)
        if number:
            self.ints.append(number)
        self.block(depth)
        self.ints, self.floats = known
        if counter:
            self.counters.remove(counter)
            self.ints.remove(counter)
        self.loops -= 1
        if self.below(5) == 0:
            self.emit("else:")
            self.block(0, 2)

    def range_loop(self, depth: int) -> None:
        name = self.fresh("i")
        rounds = self.one(["9", "12", "25" if self.loops == 0 else "6"])
        source = self.one(
            [
                rounds,
                rounds,
                f"0, {rounds}",
                f"{rounds}, 0, -1",
                f"-5, {rounds}, 2",
                "2**63 - 6, 2**63 - 1",
                "2**63 - 6, 2**63 + 2",
                "-(2**63) + 5, -(2**63), -1",
                "0, 2**62, 2**59",
                "len(items)",
                f"({self.int_atom()}) % 9 + 3",
                f"0, 9, ({self.int_atom()}) % 4 + 1",
            ]
        )
        self.emit(f"for {name} in range({source}):")
        self.body(depth, name)

    def while_loop(self, depth: int) -> None:
        name = self.fresh("w")
        self.emit(f"{name} = 0")
        self.emit(f"while {name} < {self.one(['8', '13'])}{self.one(['', f' and {self.condition()}'])}:")
        self.indent += 1
        self.emit(f"{name} += {self.one(['1', '2'])}")
        self.indent -= 1
        self.body(depth, name)

    def item_loop(self, depth: int) -> None:
        name, counter = self.fresh("x"), self.fresh("k")
        match self.below(5):
            case 0:
                self.emit(f"for {name} in items[:15]:")
                self.body(depth, None, name)
            case 1:
                self.emit(f"for {counter}, {name} in enumerate(items[:15]):")
                self.body(depth, counter, name)
            case 2:
                self.emit(f"for {counter}, {name} in zip(range(9), items):")
                self.body(depth, counter, name)
            case 3:
                self.emit(f"for {counter}, {name} in zip((1, 2, 3, 4, 5, 6, 7), [2.5, 1, 3, 4, 2**63, 6]):")
                self.body(depth, counter, name)
            case _:
                self.emit(f"for {name} in text:")
                self.body(depth, None)

    def branch(self, depth: int) -> None:
        self.emit(f"if {self.condition()}:")
        self.block(depth)
        if self.below(2):
            self.emit("else:")
            self.block(depth)

    def attempt(self, depth: int) -> None:
        self.emit("try:")
        self.block(depth)
        caught = self.one(["ZeroDivisionError", "(IndexError, TypeError)", "OverflowError", "Exception"])
        self.emit(f"except {caught} as error:")
        self.indent += 1
        self.emit("seen.append(str(error))")
        self.indent -= 1
        if self.below(3) == 0:
            self.emit("finally:")
            self.block(0, 2)

    # Functions

    def helper(self) -> None:
        name = self.fresh("g")
        count = 1 + self.below(3)
        self.ints = [f"a{at}" for at in range(count)]
        self.floats = []
        self.emit(f"def {name}({', '.join(self.ints)}):")
        self.indent += 1
        held, self.helpers = self.helpers, []
        for _ in range(self.below(3)):
            local = self.fresh("t")
            self.emit(f"{local} = {self.plain(2)}")
            self.ints.append(local)
        if self.below(2):
            self.emit(f"if {self.int_atom()} {self.one(COMPARISONS)} {self.int_atom()}: return {self.plain(1)}")
        self.emit(f"return {self.plain(2)}")
        self.helpers = [*held, (name, count)]
        self.indent -= 1
        self.emit("")

    def plain(self, depth: int) -> str:
        """An expression of a helper, which has none of the other variables."""
        a, b = self.int_atom(), self.int_atom()
        if depth > 1 and self.below(2):
            a = f"({self.plain(depth - 1)})"
        return f"{a} {self.one(['+', '-', '//', '%', '*', '&', '/', '|'])} {b}"

    def main(self) -> None:
        self.emit("def main(a, b, items, text):")
        self.indent += 1
        self.emit("p = P(1, 2)")
        self.emit("seen = []")
        self.ints, self.floats = ["a"], ["b"]
        for _ in range(1 + self.below(3)):
            name = self.fresh("v")
            self.emit(f"{name} = {self.one(['0', '1', self.int_atom()])}")
            self.ints.append(name)
        name = self.fresh("f")
        self.emit(f"{name} = {self.one(FLOATS)}")
        self.floats.append(name)
        results = [*self.ints, *self.floats]
        self.indent -= 1
        while self.budget > 0:
            self.indent += 1
            known = list(self.ints), list(self.floats)
            guarded = self.below(4)
            if guarded:
                self.emit("try:")
                self.indent += 1
            self.range_loop(2)
            self.indent -= 1
            if guarded:
                self.emit("except (ArithmeticError, LookupError, TypeError, ValueError) as error:")
                self.emit("    seen.append(str(error))")
                self.indent -= 1
            self.ints, self.floats = known
            if not guarded:
                self.block(2)
        self.indent += 1
        self.emit(f"return {', '.join(results)}, seen, vars(p)")
        self.indent -= 1


@st.composite
def numeric_programs(draw: st.DrawFn) -> str:
    """The source of a program with a ``run`` that the harness calls with its rows."""

    def below(bound: int) -> int:
        return draw(st.integers(0, bound - 1))

    writer = _Writer(below)
    for _ in range(below(3)):
        writer.helper()
    writer.main()
    return HEADER + "\n".join(writer.lines) + "\n" + FOOTER
