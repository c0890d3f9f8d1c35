"""A Hypothesis strategy that makes whole programs: deterministic, always ending, and as odd as real ones.

A program is a module with a few classes and functions and a ``main(a, b, c, d)``. Every loop round and every function entry first
calls ``tick()``, which raises once the fuel is spent. That call stands outside any ``try`` of its loop or function, so that no handler
inside can keep the loop alive. Values stay small by construction: integers are multiplied modulo a constant, strings and lists cut.

Each variable has a kind ("int", "float", "str", "list", "dict"), so that most operations succeed; now and then an expression of
another kind is put in, so that many programs raise. Since a variable may hold something of another kind, sums and products have a
number subtracted from them or their operands: else a list that is added to itself in a loop would fill the memory.
"""

from collections.abc import Callable

from hypothesis import strategies as st

from tests import suspending
from tests.suspending import Definition, Suspending

HEADER = """\
FUEL = 300


class OutOfFuel(BaseException):
    pass


def tick():
    global FUEL
    FUEL -= 1
    if FUEL < 0:
        raise OutOfFuel


def refuel():
    global FUEL
    FUEL = 300


LOG = []


def log(value):
    LOG.append(value)
    return value


class Manager:
    def __init__(self, swallow):
        self.swallow = swallow

    def __enter__(self):
        log("enter")
        return self

    def __exit__(self, kind, error, traceback):
        log(kind.__name__ if kind else "exit")
        return self.swallow


class Loud:
    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"Loud({self.name})"

    def __del__(self):
        LOG.append(f"del {self.name}")
"""
HEADER += suspending.HEADER
"""What every program begins with. ``tick`` and ``log`` are compiled like all the rest."""

FOOTER = """

def run(a, b, c, d):
    refuel()
    LOG.clear()
    try:
        return main(a, b, c, d), list(LOG)
    finally:
        print(len(LOG), LOG)


run.__case_rows__ = (
    lambda: (3, 1.5, "abc", [1, 2, 3]),
    lambda: (-7, -0.0, "", []),
    lambda: (2**62, float("inf"), "é€😀", ["x", 2.5, None]),
    lambda: (0, float("nan"), "0", [[1], (2, 3)]),
)
"""

INTS = [
    "0",
    "1",
    "2",
    "-1",
    "7",
    "-3",
    "255",
    "2**30",
    "2**31 - 1",
    "2**62",
    "-(2**62)",
    "2**63 - 1",
    "-(2**63)",
    "10**25",
    "True",
]
FLOATS = ["0.0", "-0.0", "1.5", "-2.25", "1e308", "5e-324", "float('inf')", "float('nan')", "0.1"]
STRS = ["''", "'a'", "'xyz'", "'é😀'", "'10'", "'a b c'"]
KEYS = ["'k'", "'z'", "1", "(1, 2)", "None"]
EXCEPTIONS = ["ValueError", "KeyError", "ZeroDivisionError", "TypeError", "IndexError", "RuntimeError"]
CAUGHT = ["Exception", "(TypeError, ValueError)", "ArithmeticError", "LookupError", "NameError", *EXCEPTIONS]
KINDS = ["int", "int", "int", "float", "str", "list", "dict"]
INT_OPERATORS = ["+", "-", "+", "-", "//", "%", "&", "|", "^", "/"]
COMPARISONS = ["<", "<=", "==", "!=", ">", ">="]


class Scope:
    """The names that a function body may use."""

    def __init__(self, outer: "Scope | None" = None, flavor: str = "") -> None:
        self.kinds: dict[str, str] = {}
        self.flavor = flavor
        self.outer = outer
        self.loops = 0
        self.in_finally = 0
        self.in_except_star = 0
        self.declared: set[str] = set()


class _Writer(Suspending):
    """Writes one program; ``below(n)`` gives an integer from 0 to n - 1, by which Hypothesis steers and shrinks it."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self.below = below
        self.lines: list[str] = []
        self.indent = 0
        self.names = 0
        self.budget = 14 + below(30)
        self.functions: list[Definition] = []
        self.classes: list[str] = []

    # Small choices

    def one(self, options: list[str]) -> str:
        return options[self.below(len(options))]

    def chance(self, outcomes: int) -> bool:
        """True once in ``outcomes``; shrinks to False."""
        return self.below(outcomes) == outcomes - 1

    def emit(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def variable(self, scope: Scope, kind: str) -> str | None:
        names = [name for name, found in scope.kinds.items() if found == kind]
        return self.one(names) if names else None

    # Expressions

    def expression(self, scope: Scope, kind: str, depth: int = 2) -> str:
        if self.chance(25):
            kind = self.one(["float", "bool", "none", "str", "int"])
        if scope.flavor and self.chance(5):
            return self.suspension(scope, kind, depth - 1)
        if depth <= 0 or self.below(3) == 0:
            return self.atom(scope, kind)
        made = {
            "int": self.integer,
            "float": self.floating,
            "str": self.string,
            "list": self.sequence,
            "dict": self.mapping,
            "bool": self.condition,
        }.get(kind)
        return made(scope, depth - 1) if made else self.atom(scope, kind)

    def atom(self, scope: Scope, kind: str) -> str:
        if self.below(4) and (name := self.variable(scope, kind)):
            return name
        match kind:
            case "int":
                return self.one(INTS)
            case "float":
                return self.one(FLOATS)
            case "str":
                return self.one(STRS)
            case "list":
                return self.one(["[]", "[1, 2, 3]", "['x', 2.5, None]", "list(range(4))"])
            case "dict":
                return self.one(["{}", "{'k': 1}", "{'k': 2, 1: 'z'}"])
            case "bool":
                return self.one(["True", "False"])
            case _:
                return "None"

    def integer(self, scope: Scope, depth: int) -> str:
        def sub() -> str:
            return self.expression(scope, "int", depth)

        match self.below(14):
            case 0 | 1 | 2:
                return self.sum_or_difference(sub(), self.one(INT_OPERATORS[:4]), sub())
            case 3:
                return self.sum_or_difference(sub(), self.one(INT_OPERATORS), sub())
            case 4:
                left, right = (f"({self.atom(scope, 'int')} - {self.below(2)})" for _ in range(2))
                return f"({left} * {right} % {self.one(['1000003', '2**61 - 1', '2**70'])})"
            case 5:
                return f"({sub()} {self.one(['<<', '>>'])} ({self.atom(scope, 'int')} & 63) & 0xFFFFFFFFFFFFFFFFFF)"
            case 6:
                return f"{self.one(['-', '~', '+'])}{self.atom(scope, 'int')}"
            case 7:
                return f"len({self.atom(scope, self.one(['str', 'list', 'dict']))})"
            case 8:
                return f"({sub()} if {self.condition(scope, depth)} else {sub()})"
            case 9:
                return f"{self.one(['min', 'max'])}({sub()}, {self.atom(scope, 'int')})"
            case 10:
                return f"int({self.expression(scope, 'float', depth)})"
            case 11:
                return f"sum([{self.comprehension_element(scope)} {self.comprehension_clause(scope)}])"
            case 12:
                return self.user_call(scope, depth) or self.atom(scope, "int")
            case _:
                return f"abs({sub()})"

    def sum_or_difference(self, left: str, operator: str, right: str, zero: str = "0") -> str:
        """Of numbers, whatever the operands are."""
        return f"({left} {operator} {right})" if operator != "+" else f"({left} + {right} - {zero})"

    def floating(self, scope: Scope, depth: int) -> str:
        left = self.expression(scope, "float", depth)
        right = self.expression(scope, self.one(["float", "float", "int"]), depth)
        match self.below(4):
            case 0:
                return self.sum_or_difference(left, self.one(["+", "-"]), right, "0.0")
            case 1:
                return f"(({left} - 0.0) * ({right} - 0))"
            case 2:
                return f"({left} {self.one(['/', '//', '%'])} {right})"
            case _:
                return self.one([f"-{self.atom(scope, 'float')}", f"abs({left})", f"float({self.atom(scope, 'int')})"])

    def string(self, scope: Scope, depth: int) -> str:
        match self.below(7):
            case 0:
                return f"({self.expression(scope, 'str', depth)} + {self.expression(scope, 'str', depth)})[:40]"
            case 1:
                spec = self.one(["", "", "!r", "!s:>6", ":>4", ":5"])
                return f'f"<{{({self.atom(scope, self.one(KINDS))}){spec}}}|{{{self.atom(scope, "int")}}}>"[:40]'
            case 2:
                return f"{self.atom(scope, 'str')}[{self.slice(scope)}]"
            case 3:
                return f"{self.atom(scope, 'str')}.{self.one(['upper()', 'lower()', 'strip()', 'title()', "replace('a', 'b')"])}"
            case 4:
                return f"str({self.expression(scope, self.one(['int', 'float']), depth)})[:40]"
            case 5:
                return f"{self.atom(scope, 'str')}[{self.atom(scope, 'int')}]"
            case _:
                return f"','.join(map(str, {self.atom(scope, 'list')}))[:40]"

    def sequence(self, scope: Scope, depth: int) -> str:
        match self.below(7):
            case 0:
                parts = [self.expression(scope, self.one(["int", "float", "str"]), depth) for _ in range(self.below(4))]
                return f"[{', '.join(parts)}]"
            case 1:
                return f"[{self.comprehension_element(scope)} {self.comprehension_clause(scope)}][:24]"
            case 2:
                return f"{self.atom(scope, 'list')}[{self.slice(scope)}]"
            case 3:
                return f"({self.atom(scope, 'list')} + [{self.atom(scope, 'int')}])[-8:]"
            case 4:
                return f"[*{self.atom(scope, 'list')}, *{self.atom(scope, 'str')}][:8]"
            case 5:
                return f"sorted({self.atom(scope, 'list')}, key=str)"
            case _:
                return f"list({self.atom(scope, self.one(['str', 'dict', 'list']))})[:8]"

    def mapping(self, scope: Scope, depth: int) -> str:
        match self.below(4):
            case 0:
                return f"{{{self.one(KEYS)}: {self.expression(scope, 'int', depth)}, 'k': {self.atom(scope, 'str')}}}"
            case 1:
                return f"{{i: {self.comprehension_element(scope)} {self.comprehension_clause(scope)}}}"
            case 2:
                return f"{{**{self.atom(scope, 'dict')}, {self.one(KEYS)}: {self.atom(scope, 'int')}}}"
            case _:
                return f"dict({self.atom(scope, 'dict')}, q={self.atom(scope, 'int')})"

    def slice(self, scope: Scope) -> str:
        def bound() -> str:
            return self.one(["", "", "1", "-1", "2", "-2", self.atom(scope, "int")])

        return f"{bound()}:{bound()}" + (f":{self.one(['2', '-1', '-2', ''])}" if self.chance(4) else "")

    def comprehension_element(self, scope: Scope) -> str:
        return self.one(["i", "i * 3", f"i + {self.atom(scope, 'int')}", "i if i % 2 else -i", "(lambda: i)()"])

    def comprehension_clause(self, scope: Scope) -> str:
        source = self.one(["range(4)", "range(-2, 3)", "[1, 2, 5]", "(3, 4)", self.atom(scope, "list"), "range(3)"])
        condition = self.one(["", "", " if i", " if i > 1", f" if i != {self.atom(scope, 'int')}"])
        nested = " for j in range(2)" if self.chance(6) else ""
        return f"for i in {source}{nested}{condition}"

    def condition(self, scope: Scope, depth: int = 1) -> str:
        match self.below(9):
            case 0 | 1 | 2:
                kind = self.one(["int", "int", "float", "str"])
                return f"({self.atom(scope, kind)} {self.one(COMPARISONS)} {self.expression(scope, kind, depth - 1)})"
            case 3:
                return f"({self.atom(scope, 'int')} < {self.atom(scope, 'int')} <= {self.atom(scope, 'int')})"
            case 4:
                return f"({self.atom(scope, self.one(KINDS))} {self.one(['is', 'is not'])} None)"
            case 5:
                return f"({self.atom(scope, 'int')} {self.one(['in', 'not in'])} {self.atom(scope, 'list')})"
            case 6:
                return f"({self.one(KEYS)} in {self.atom(scope, 'dict')})"
            case 7:
                return f"(not {self.atom(scope, self.one(KINDS))})"
            case _:
                word = self.one(["and", "or"])
                return (
                    f"({self.atom(scope, self.one(KINDS))} {word} {self.condition(scope, 0) if depth > 0 else 'True'})"
                )

    def call(self, scope: Scope, definition: Definition, depth: int) -> str:
        """A call of one of the program's functions, nearly always one that binds."""
        arguments = [self.expression(scope, kind, min(depth, 1)) for kind in definition.kinds]
        match definition.form if not self.chance(20) else "wrong":
            case "keyword":
                arguments[-1:] = [f"last={arguments[-1]}"]
            case "star":
                arguments[-1:] = [f"*[{arguments[-1]}, 1]"]
            case "default":
                if self.chance(2):
                    arguments.pop()
            case "wrong":
                arguments.append("0")
                arguments.append("unknown=1")
        return f"{definition.name}({', '.join(arguments)})"

    def user_call(self, scope: Scope, depth: int) -> str | None:
        if not self.functions:
            return None
        definition = self.functions[self.below(len(self.functions))]
        call = self.call(scope, definition, depth)
        return self.driven(call, definition.flavor) if definition.flavor else call

    # Statements

    def block(self, scope: Scope, depth: int, at_most: int = 4) -> None:
        self.indent += 1
        written = len(self.lines)
        known = dict(scope.kinds)
        for _ in range(1 + self.below(at_most)):
            if self.budget <= 0:
                break
            self.statement(scope, depth)
        if len(self.lines) == written:
            self.emit("pass")
        self.indent -= 1
        if self.below(4):
            scope.kinds = known  # else what follows may use names that were never bound

    def statement(self, scope: Scope, depth: int) -> None:
        self.budget -= 1
        simple = [self.assign, self.assign, self.augment, self.augment, self.store, self.call_statement, self.small]
        compound = [self.branch, self.for_loop, self.while_loop, self.try_statement, self.with_statement]
        compound += [self.match_statement, self.nested_function, self.for_loop, self.try_statement, self.except_star]
        if scope.flavor and self.below(4) == 0:
            self.suspend_statement(scope, depth)
        elif depth > 0 and self.below(2):
            compound[self.below(len(compound))](scope, depth - 1)
        else:
            simple[self.below(len(simple))](scope)

    def target(self, scope: Scope, kind: str) -> str:
        if self.below(3) and (name := self.variable(scope, kind)):
            return name
        name = self.fresh(kind[0])
        scope.kinds[name] = kind
        return name

    def assign(self, scope: Scope) -> None:
        kind = self.one(KINDS)
        match self.below(8):
            case 0:
                value, name = self.expression(scope, "int"), self.target(scope, "int")
                other = self.target(scope, "int")
                self.emit(f"{name}, {other} = {self.atom(scope, 'int')}, {value}")
            case 1:
                source = self.atom(scope, "list")
                first, rest = self.target(scope, "int"), self.target(scope, "list")
                self.emit(f"{first}, *{rest} = {source}")
            case 2:
                value = self.expression(scope, kind)
                name = self.target(scope, kind)
                self.emit(f"{name} = {self.target(scope, kind)} = {value}")
            case _:
                value = self.expression(scope, kind, 3)
                self.emit(f"{self.target(scope, kind)} = {value}")

    def augment(self, scope: Scope) -> None:
        kind = self.one(["int", "int", "int", "float", "str", "list"])
        name = self.variable(scope, kind)
        if name is None:
            return self.assign(scope)
        match kind:
            case "int":
                operator = self.one(["+", "-", "+", "-", "&", "|", "^", "//", "%", ">>"])
                value = "3" if operator == ">>" else self.expression(scope, "int")
                self.emit(f"{name} {operator}= {value} - 0" if operator == "+" else f"{name} {operator}= {value}")
            case "float":
                value = self.expression(scope, self.one(["float", "int"]))
                self.emit(f"{name} {self.one(['+', '-', '*', '/'])}= {value} - 0.0")
            case "str":
                self.emit(f"{name} += {self.one(STRS)}")
            case _:
                self.emit(f"{name} += [{self.expression(scope, 'int')}]")

    def store(self, scope: Scope) -> None:
        match self.below(7):
            case 0 | 1:
                self.emit(f"{self.atom(scope, 'dict')}[{self.one(KEYS)}] = {self.expression(scope, 'int')}")
            case 2:
                self.emit(f"{self.atom(scope, 'list')}[{self.atom(scope, 'int')}] = {self.expression(scope, 'int')}")
            case 3:
                self.emit(f"{self.atom(scope, 'list')}[{self.slice(scope)}] = [{self.expression(scope, 'int')}]")
            case 4:
                self.emit(f"{self.atom(scope, 'list')}.append({self.expression(scope, 'int')})")
            case 5:
                self.emit(f"del {self.atom(scope, 'dict')}[{self.one(KEYS)}]")
            case _:
                self.emit(f"del {self.atom(scope, 'list')}[{self.one(['0', '-1', '1:2', self.atom(scope, 'int')])}]")

    def call_statement(self, scope: Scope) -> None:
        match self.below(7):
            case 5 | 6 if self.drive_statement(scope):
                pass
            case 0:
                self.emit(f"log({self.expression(scope, self.one(KINDS))})")
            case 1:
                self.emit(f"print({self.atom(scope, self.one(KINDS))}, {self.expression(scope, 'int')})")
            case 2 if self.classes:
                self.emit(f"log({self.one(self.classes)}({self.atom(scope, 'int')}).get({self.atom(scope, 'int')}))")
            case _:
                call = self.user_call(scope, 1)
                self.emit(f"{self.target(scope, 'int')} = {call}" if call else f"log({self.atom(scope, 'int')})")

    def small(self, scope: Scope) -> None:
        match self.below(9):
            case 0 if scope.loops:
                self.emit(f"if {self.condition(scope)}: {self.one(['break', 'continue'])}")
            case 1 if not scope.in_except_star:
                self.emit(f"if {self.condition(scope)}: {self.return_statement(scope)}")
            case 2:
                message = self.expression(scope, self.one(["int", "str"]), 1)
                self.emit(
                    f"if {self.condition(scope)}: raise {self.one(EXCEPTIONS)}({message}){self.one(['', '', ' from None'])}"
                )
            case 3:
                self.emit(f"assert {self.condition(scope)}, {self.atom(scope, 'str')}")
            case 4 if names := [name for name in scope.kinds if name[-1:].isdigit() and name not in scope.declared]:
                name = self.one(names)
                self.emit(f"if {self.condition(scope)}: del {name}")
            case 5:
                name = self.fresh("loud")
                self.emit(f"{name} = Loud({self.atom(scope, 'int')})")
            case 6:
                self.emit(f"{self.fresh('v')} = sorted(locals())")
            case 7:
                self.emit(f"log((w := {self.expression(scope, 'int')}, w))")
            case _:
                self.emit("pass")

    def return_statement(self, scope: Scope) -> str:
        return "return" if scope.flavor == "asynchronous" else f"return {self.expression(scope, 'int')}"

    def branch(self, scope: Scope, depth: int) -> None:
        self.emit(f"if {self.condition(scope)}:")
        self.block(scope, depth)
        if self.chance(3):
            self.emit(f"elif {self.condition(scope)}:")
            self.block(scope, depth)
        if self.below(2):
            self.emit("else:")
            self.block(scope, depth)

    def loop_body(self, scope: Scope, depth: int) -> None:
        self.indent += 1
        self.emit("tick()")
        self.indent -= 1
        scope.loops += 1
        self.block(scope, depth)
        scope.loops -= 1
        if self.chance(4):
            self.emit("else:")
            self.block(scope, depth, 2)

    def for_loop(self, scope: Scope, depth: int) -> None:
        small = self.one(["3", "10", "40"])
        match self.below(7):
            case 0 | 1:
                source, kind = f"range({small})", "int"
            case 2:
                step = self.one(["1", "-1", "3", "-(2**62)", "2**61"])
                source, kind = f"range({self.atom(scope, 'int')}, {self.one(INTS)}, {step})", "int"
            case 3:
                source, kind = self.atom(scope, "list"), "int"
            case 4:
                source, kind = self.atom(scope, "str"), "str"
            case 5:
                source, kind = self.one([self.atom(scope, "dict"), f"enumerate({self.atom(scope, 'list')})"]), "int"
            case _:
                source, kind = f"(x * 2 for x in range({small}))", "int"
        if source.startswith("enumerate"):
            target = f"{self.target(scope, 'int')}, {self.target(scope, 'int')}"
        else:
            target = self.target(scope, kind)
        self.emit(f"for {target} in {source}:")
        self.loop_body(scope, depth)

    def while_loop(self, scope: Scope, depth: int) -> None:
        self.emit(f"while {self.condition(scope)}:" if self.below(3) else "while True:")
        self.loop_body(scope, depth)

    def try_statement(self, scope: Scope, depth: int) -> None:
        form = self.below(4)
        self.emit("try:")
        self.block(scope, depth)
        if form != 1:
            for _ in range(1 + self.below(2)):
                name = self.fresh("e") if self.below(2) else None
                self.emit(f"except {self.one(CAUGHT)}{f' as {name}' if name else ''}:")
                if name:
                    self.indent += 1
                    self.emit(f"log(({name!r}, type({name}).__name__, {name}.args, type({name}.__context__).__name__))")
                    self.indent -= 1
                self.block(scope, depth, 3)
                if self.chance(5):
                    self.indent += 1
                    self.emit("raise")
                    self.indent -= 1
            if self.chance(4):
                self.emit("else:")
                self.block(scope, depth, 2)
        if form <= 1:
            self.emit("finally:")
            self.block(scope, depth, 3)

    def except_star(self, scope: Scope, depth: int) -> None:
        self.emit("try:")
        self.block(scope, depth)
        if self.below(2):
            self.indent += 1
            self.emit(
                f"raise ExceptionGroup('g', [{self.one(EXCEPTIONS)}(1), {self.one(EXCEPTIONS)}({self.atom(scope, 'int')})])"
            )
            self.indent -= 1
        scope.in_except_star += 1
        loops, scope.loops = scope.loops, 0
        for _ in range(1 + self.below(2)):
            self.emit(f"except* {self.one(EXCEPTIONS)} as group:")
            self.indent += 1
            self.emit("log(repr(group))")
            self.indent -= 1
            self.block(scope, depth, 2)
        scope.loops = loops
        scope.in_except_star -= 1

    def with_statement(self, scope: Scope, depth: int) -> None:
        swallow = self.one(["False", "True", self.condition(scope)])
        second = ", Manager(False)" if self.chance(4) else ""
        self.emit(f"with Manager({swallow}) as {self.fresh('m')}{second}:")
        self.block(scope, depth)

    def match_statement(self, scope: Scope, depth: int) -> None:
        subject = self.one(
            [
                self.atom(scope, self.one(KINDS)),
                f"[{self.atom(scope, 'int')}, {self.atom(scope, 'str')}]",
                self.atom(scope, "list"),
            ]
        )
        self.emit(f"match {subject}:")
        self.indent += 1
        for _ in range(1 + self.below(3)):
            kind = self.below(7)
            number, items = self.fresh("i"), self.fresh("l")
            pattern, bound = [
                (self.one(["0", "1", "-1", "None", "'a'", "2.5"]), {}),
                (f"[{number}, *{items}]", {number: "int", items: "list"}),
                (f"{{'k': {number}}}", {number: "int"}),
                (f"int({number})", {number: "int"}),
                (f"str() | list() as {items}", {items: "list"}),
                (f"(0 | 1 | 7) as {number}", {number: "int"}),
                (f"[{number}, str()]", {number: "int"}),
            ][kind]
            guard = f" if {self.condition(scope)}" if self.chance(4) else ""
            self.emit(f"case {pattern}{guard}:")
            scope.kinds |= bound
            self.block(scope, depth, 2)
        if self.below(2):
            self.emit("case _:")
            self.block(scope, depth, 2)
        self.indent -= 1

    # Definitions

    def nested_function(self, scope: Scope, depth: int) -> None:
        name = self.fresh("f")
        flavor = self.flavor()
        inner = Scope(scope)
        parameter = self.fresh("p")
        inner.kinds[parameter] = self.one(KINDS)
        kind = inner.kinds[parameter]
        outer = {n: k for n, k in scope.kinds.items() if n not in inner.kinds}
        if self.chance(4):
            self.emit(f"{name} = lambda {parameter}: {self.expression(inner, 'int')}")
            self.functions.append(Definition(name, [kind], "positional", ""))
            return
        inner.flavor = flavor
        self.emit(f"{self.keyword(flavor)} {name}({parameter}):")
        self.indent += 1
        self.emit("tick()")
        taken = [n for n in outer if n.isidentifier() and self.chance(3)]
        if taken and scope.outer is None and self.below(3):
            self.emit(f"nonlocal {', '.join(taken)}")
            inner.declared |= set(taken)
            scope.declared |= set(taken)
            inner.kinds |= {n: outer[n] for n in taken}
        elif taken:
            self.emit(f"log({taken[0]})")
        self.indent -= 1
        self.block(inner, depth)
        self.end(inner)
        known = len(self.functions)
        self.functions.append(Definition(name, [kind], "positional", flavor))
        call = f"{name}({self.atom(scope, kind)})"
        self.emit(f"log({self.driven(call, flavor) if flavor else call})")
        if scope.outer is not None or self.below(2):
            del self.functions[known:]

    def flavor(self) -> str:
        return self.one(["", "generator", "coroutine", "asynchronous", "generator"]) if self.below(2) else ""

    def keyword(self, flavor: str) -> str:
        return "async def" if flavor in ("coroutine", "asynchronous") else "def"

    def end(self, scope: Scope) -> None:
        """The last statements of a function, which make it what its flavor says."""
        self.indent += 1
        match scope.flavor:
            case "asynchronous":
                self.emit(f"yield {self.expression(scope, 'int')}")
            case "generator":
                self.emit(f"return (yield {self.expression(scope, 'int')})")
            case _:
                self.emit(f"return {self.expression(scope, 'int')}")
        self.indent -= 1

    def function(self) -> None:
        name = self.fresh("function")
        flavor = self.flavor()
        scope = Scope(flavor=flavor)
        kinds = [self.one(KINDS) for _ in range(1 + self.below(3))]
        form = self.one(["positional", "keyword", "star", "default"])
        parameters = [f"{kind[0]}{index}" for index, kind in enumerate(kinds)]
        scope.kinds |= dict(zip(parameters, kinds, strict=True))
        signature = list(parameters)
        if form == "keyword":
            last = parameters[-1]
            scope.kinds["last"] = scope.kinds.pop(last)
            signature[-1:] = ["*", "last"]
        elif form == "star":
            signature.append("*rest")
        elif form == "default":
            signature[-1] += f"={self.atom(Scope(), kinds[-1])}"
        self.emit("")
        self.emit(f"{self.keyword(flavor)} {name}({', '.join(signature)}):")
        self.indent += 1
        self.emit("tick()")
        self.indent -= 1
        known = len(self.functions)
        if self.chance(4):
            self.functions.append(Definition(name, kinds, form, flavor))  # it may call itself
        self.block(scope, 2)
        self.end(scope)
        del self.functions[known:]
        self.functions.append(Definition(name, kinds, form, flavor))

    def class_definition(self) -> None:
        name = self.fresh("Class")
        base = f"({self.one(self.classes)})" if self.classes and self.below(2) else ""
        scope = Scope()
        scope.kinds |= {"n": "int", "self.n": "int", "self.shared": "list"}
        scope.declared |= {"n", "self.n", "self.shared"}
        self.emit("")
        self.emit(f"class {name}{base}:")
        self.indent += 1
        if self.chance(3):
            self.emit("__slots__ = ('n',)" if not base else "__slots__ = ()")
        self.emit(f"shared = {self.one(['[]', '[1]', '(1, 2)'])}")
        self.emit("def __init__(self, n):")
        self.emit("    tick()")
        self.emit("    super().__init__(n)" if base else "    self.n = n")
        self.emit("def get(self, n):")
        self.emit("    tick()")
        known = len(self.functions)
        self.block(scope, 1, 3)
        value = self.expression(scope, "int")
        self.emit(f"    return {f'super().get({value})' if base and self.below(2) else value}")
        del self.functions[known:]
        if self.chance(3):
            self.emit("def each(self, n):")
            self.emit("    tick()")
            inner = Scope(flavor="generator")
            inner.kinds |= {"n": "int", "self.n": "int", "self.shared": "list"}
            inner.declared |= {"n", "self.n", "self.shared"}
            self.block(inner, 1, 2)
            self.end(inner)
            self.functions.append(Definition(f"{name}(2).each", ["int"], "positional", "generator"))
        if self.chance(2):
            self.emit("@property")
            self.emit("def double(self):")
            self.emit("    return self.n + self.n")
        self.indent -= 1
        self.classes.append(name)

    def program(self) -> str:
        for _ in range(self.below(4)):
            self.function() if self.below(4) else self.class_definition()
        scope = Scope()
        scope.kinds |= {"a": "int", "b": "float", "c": "str", "d": "list"}
        self.emit("")
        self.emit("def main(a, b, c, d):")
        self.indent += 1
        self.emit("tick()")
        self.indent -= 1
        self.budget = max(self.budget, 8)
        self.block(scope, 3, 8)
        self.indent += 1
        names = [name for name in scope.kinds if name in "abcd" or self.below(3)]
        self.emit(f"return [{', '.join(names)}]")
        self.indent -= 1
        return HEADER + "\n".join(self.lines) + FOOTER


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Sources of whole programs; the harness calls their function ``run``."""
    numbers = {n: st.integers(0, n - 1) for n in range(1, 32)}

    def below(n: int) -> int:
        strategy = numbers.get(n)
        return draw(strategy if strategy is not None else st.integers(0, n - 1))

    return _Writer(below).program()
