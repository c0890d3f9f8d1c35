"""Expressions of the programs of ``object_strategy``."""

from collections.abc import Callable

ATOMS = {
    "int": [
        "0",
        "1",
        "2",
        "3",
        "-1",
        "7",
        "10",
        "255",
        "2**31 - 1",
        "2**62",
        "2**63 - 1",
        "-(2**63)",
        "True",
        "Number(6)",
    ],
    "float": ["0.0", "-0.0", "1.5", "-2.25", "0.1", "1e308"],
    "str": ["''", "'a'", "'abc'", "'é😀'", "'12'", "TEXT", "Word('ab')"],
    "list": ["[]", "[1, 2, 3]", "['x', 2.5, None]", "[[1], [2, [3]]]", "Items([3, 4])"],
    "tuple": ["(1, 2)", "(3, 'x')", "(2.5, 1)", "Pair((1, 2))"],
    "dict": ["{}", "{'k': 1}", "{'k': 2, 1: 'z'}", "Table(k=3)"],
    "object": ["Base(1)", "Derived(2, 3)", "Slotted(5, 6)", "Dynamic(7)"],
}
KINDS = ["int", "int", "int", "float", "str", "str", "list", "tuple", "dict", "object", "object"]
OVERRIDDEN = """
get both kind x __init__ __len__ __getitem__ __eq__ __bool__ __add__ __call__ __getattribute__ __setattr__ __del__
""".split()
COMPARISONS = ["<", "<=", "==", "!=", ">", ">="]
COMPREHENSION_NAMES = ["i", "j", "x"]
ERRORS = ["ValueError", "KeyError", "TypeError"]


class Expressions:
    """Writes expressions, of the kind that is wanted; ``below(n)`` gives an integer from 0 to n - 1."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self.below = below
        self.lines: list[str] = []
        self.indent = 0
        self.names = 0
        self.budget = 0
        self.loops = 0
        self.kinds: dict[str, str] = {}
        self.counters: list[str] = []
        self.helpers: list[tuple[str, list[str]]] = []
        self.closures: list[str] = []

    def one(self, options: list[str]) -> str:
        return options[self.below(len(options))]

    def emit(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def atom(self, kind: str) -> str:
        if self.below(25) == 24:
            return f"({self.atom(self.one(KINDS))})"
        names = [name for name, found in self.kinds.items() if found == kind]
        if names and self.below(5):
            return self.one(names)
        if kind == "int" and self.counters and self.below(2):
            return self.one(self.counters)
        if kind == "int" and self.below(8) == 7:
            return "G"
        return self.one(ATOMS[kind])

    def expression(self, kind: str, depth: int = 2) -> str:
        if depth <= 0 or self.below(4) == 0:
            return self.atom(kind)
        return getattr(self, f"_{kind}")(depth - 1)

    def _int(self, depth: int) -> str:
        def sub() -> str:
            return self.expression("int", depth)

        a, b = sub(), sub()
        return self.one(
            [
                f"({a} {self.one(['+', '-', '+', '-', '&', '|', '^'])} {b})",
                f"({a} + {b})",
                f"(({a}) * ({b}) % 1000003)",
                f"({a} {self.one(['//', '%'])} ({b} or 3))",
                f"({a} if {self.condition()} else {b})",
                f"len({self.atom(self.one(['str', 'list', 'dict', 'tuple', 'object']))})",
                f"{self.atom('list')}[{self.index()}]",
                f"{self.atom('tuple')}[{self.one(['0', '1', '-1', self.atom('int')])}]",
                f"{self.atom('object')}.{self.one(['x', 'y', 'x', 'y', 'get()', f'get({self.one(["0", "1", "2"])})', 'kind', 'settable'])}",
                f"{self.atom('object')}({self.atom('int')})",
                f"{self.atom('object')}[{self.atom('int')}]",
                f"ord({self.atom('str')}[{self.index()}])",
                f"{self.atom('dict')}.get({self.one(['1', '"k"', self.atom('str')])}, {a})",
                f"Base.plus({a}{self.one(['', f', {b}', f', b={b}'])})",
                f"{self.one(['min', 'max'])}({a}, {b})",
                self.helper_call(),
                self.closure_call(),
                f"{self.one(['abs', 'int', '-', '~'])}({a})",
                f"depth({self.atom('int')} % 9{self.one(['', ', step=2', ', 3'])})",
                f"walk({self.atom('list')})",
                f"(w := {a})",
                f"{self.atom('str')}.find({self.atom('str')})",
                f"sum([{self.element()} {self.clause()}])",
                f"{self.one(['Base', 'Derived', 'Slotted'])}({a}{self.one(['', f', {b}', f', y={b}'])}).{self.one(['x', 'get()', 'y', 'both[0]', 'get(2)'])}",
                f"Plain({a}).x",
                f"({a} {self.one(COMPARISONS)} {b})",
            ]
        )

    def _float(self, depth: int) -> str:
        a, b = self.expression("float", depth), self.expression(self.one(["float", "int"]), depth)
        return self.one(
            [
                f"({a} {self.one(['+', '-', '*'])} {b})",
                f"({a} / ({b} or 0.5))",
                f"abs({a})",
                f"float({self.atom('int')})",
            ]
        )

    def _str(self, depth: int) -> str:
        a, b = self.expression("str", depth), self.atom("str")
        spec = self.one(["", "", "", "", "!r", ":>5"])
        return self.one(
            [
                f"({a} + {b})[:20]",
                f"{a}[{self.index()}]",
                f"{b}[{self.slice()}]",
                f"str({self.atom('int')})",
                f'f"<{{{self.atom(self.one(["int", "str", "object", "tuple"]))}{spec}}}>"[:20]',
                f"{b}.{self.one(['upper()', 'strip()', 'replace("a", "b")', 'lower()'])}",
                f"''.join([x for x in {a} if x {self.one(['!=', '==', '<', 'in'])} {b}])",
            ]
        )

    def _list(self, depth: int) -> str:
        return self.one(
            [
                f"[{self.element()} {self.clause()}]",
                f"[{self.expression('int', depth)}, {self.expression('str', depth)}]",
                f"{self.atom('list')}[{self.slice()}]",
                f"({self.atom('list')} + [{self.atom('int')}])[-8:]",
                f"list({self.atom(self.one(['str', 'dict', 'tuple', 'list']))})[:8]",
                f"[{self.one(COMPREHENSION_NAMES)} for {self.one(['i', 'j'])}, {self.one(['x', 'j'])} in enumerate({self.atom('list')})]",
                f"list(each({self.atom('list')}))",
                f"[b for a, b in [{self.atom('tuple')}, (1, 2)]]",
                f"sorted({self.atom('list')}, key=str)",
            ]
        )

    def _tuple(self, depth: int) -> str:
        return self.one(
            [
                f"({self.expression('int', depth)}, {self.expression(self.one(KINDS), depth)})",
                f"{self.atom('object')}.both",
                f"divmod({self.atom('int')}, {self.atom('int')} or 1)",
                f"many({self.atom('int')}{self.one(['', ', 1', ', 1, 2', ', c=5', ', z=1', ', b=3, q=1'])})",
            ]
        )

    def _dict(self, depth: int) -> str:
        return self.one(
            [
                f"{{{self.atom('str')}: {self.expression('int', depth)}}}",
                f"dict({self.atom('dict')})",
                f"vars({self.atom('object')})",
                f"dict([{self.atom('tuple')}])",
            ]
        )

    def _object(self, depth: int) -> str:
        a, b = self.expression("int", depth), self.expression(self.one(KINDS), depth)
        return self.one(
            [
                f"{self.one(['Base', 'Derived', 'Slotted', 'Plain'])}({a})",
                f"{self.one(['Base', 'Derived', 'Slotted'])}({b}, {a})",
                f"({self.atom('object')} + {self.atom(self.one(['object', 'int']))})",
                f"{self.atom('object')}.add({a}{self.one(['', ', twice=True', ', twice=False'])})",
                f"{self.one(['Base', 'Derived'])}.make({b})",
                f"({self.atom('object')} if {self.condition()} else {self.atom('object')})",
                f"Loud({a}, {b})",
            ]
        )

    def index(self) -> str:
        return self.one(["0", "-1", "0", self.atom("int"), *self.counters])

    def slice(self) -> str:
        def bound() -> str:
            return self.one(["", "1", "-1", "2", self.atom("int")])

        return f"{bound()}:{bound()}{self.one(['', '', '', ':2', ':-1'])}"

    def element(self) -> str:
        name = self.one(COMPREHENSION_NAMES)
        return self.one(
            [
                name,
                f"({name}, 1)",
                f"{name} + {self.atom('int')}",
                f"{name} if {name} else 0",
                f"log({name})",
                f"Plain({name}).x",
            ]
        )

    def clause(self) -> str:
        name = self.one(COMPREHENSION_NAMES)
        source = self.one(
            [
                "range(4)",
                self.atom("list"),
                self.atom("tuple"),
                self.atom("str"),
                f"range({self.atom('int')} % 5)",
                "[1, 2]",
            ]
        )
        condition = self.one(["", "", f" if {name}", f" if {name} != {self.atom('int')}"])
        inner = f" for {self.one(COMPREHENSION_NAMES)} in ({name}, 2)" if self.below(5) == 0 else ""
        return f"for {name} in {source}{inner}{condition}"

    def condition(self) -> str:
        return self.one(
            [
                f"{self.atom('int')} {self.one(COMPARISONS)} {self.atom('int')}",
                f"{self.atom('int')} < {self.atom('int')} <= {self.atom('int')}",
                f"{self.atom('str')} {self.one(['==', '!=', '<', 'in', 'not in'])} {self.atom('str')}",
                f"{self.atom('int')} {self.one(['in', 'not in'])} {self.atom(self.one(['list', 'dict', 'tuple', 'object']))}",
                f"{self.atom(self.one(KINDS))} {self.one(['is', 'is not'])} {self.one(['None', self.atom('object')])}",
                f"isinstance({self.atom(self.one(KINDS))}, {self.one(['int', 'Base', '(int, float)', 'Derived', 'str', 'Slotted'])})",
                f"{self.atom(self.one(KINDS))}",
                f"not {self.atom(self.one(KINDS))}",
                f"{self.atom('int')} % 2 {self.one(['and', 'or'])} {self.atom('object')}.x",
                f"{self.atom('object')} {self.one(['==', '!=', '<', '>'])} {self.atom('object')}",
                f"type({self.atom('object')}) is {self.one(['Base', 'Derived', 'Slotted'])}",
                f"{self.atom('str')}[{self.index()}] {self.one(['==', '>=', '<'])} 'b'",
                f"hasattr({self.atom('object')}, {self.one(['"x"', '"extra"', '"z"'])})",
            ]
        )

    def helper_call(self) -> str:
        if not self.helpers:
            return self.atom("int")
        name, kinds = self.helpers[self.below(len(self.helpers))]
        arguments = [self.atom(kind) for kind in kinds]
        if kinds and self.below(4) == 0:
            arguments.pop()
        elif kinds and self.below(4) == 0:
            arguments[-1] = f"p{len(kinds) - 1}={arguments[-1]}"
        return f"{name}({', '.join(arguments)})"

    def closure_call(self) -> str:
        return f"{self.one(self.closures)}({self.atom('int')})" if self.closures else self.atom("int")
