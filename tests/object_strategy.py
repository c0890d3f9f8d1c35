"""A Hypothesis strategy that makes programs for the optimizing tier: loops over objects of all kinds, where now and then something is
not as before.

Each function has what the optimizing tier translates in its usual course, so that it is optimized; what that tier declines (making
functions, ``yield``, …) is in functions of its own that are called, and in branches that are seldom taken. Loops have few
rounds, only functions that are already written are called, and strings, lists and products are cut, so that programs end.
"""

from collections.abc import Callable

from hypothesis import strategies as st

HEADER = """\
import builtins
import sys

G = 3
TEXT = "abc"
LOG = []


def log(value):
    LOG.append(value)
    return value


class Base:
    kind = 1
    limit = 2**62

    def __init__(self, x, y=2):
        self.x = x
        self.y = y

    def get(self, n=1):
        return self.x if n else self.y

    def add(self, n, *, twice=False):
        self.x = (n if twice else 0) + n
        return self

    @property
    def both(self):
        return (self.x, self.y)

    @property
    def settable(self):
        return self.y

    @settable.setter
    def settable(self, value):
        self.y = value

    @staticmethod
    def plus(a, b=1):
        return a + b

    @classmethod
    def make(cls, x):
        return cls(x)

    def __add__(self, other):
        if isinstance(other, Base):
            return Base(self.x, other.y)
        if isinstance(other, int):
            return Base(self.x, other)
        return NotImplemented

    def __len__(self):
        return 3

    def __getitem__(self, i):
        if i == 1:
            return self.y
        return self.x if i < 3 else [][i]

    def __eq__(self, other):
        return type(other) is type(self) and (self.x, self.y) == (other.x, other.y)

    def __lt__(self, other):
        return str(self.x) < str(other)

    def __contains__(self, value):
        return value == self.x or value == self.y

    def __call__(self, n):
        return self.get(n)

    def __bool__(self):
        return self.y != 0

    def __repr__(self):
        return f"{type(self).__name__}({self.x!r}, {self.y!r})"


class Derived(Base):
    kind = 2.5

    def __init__(self, x, y=4):
        super().__init__(x, y)
        self.extra = y

    def get(self, n=1):
        return super().get(n) if n != 2 else self.extra

    @property
    def both(self):
        return [self.x, self.extra]


class Slotted:
    __slots__ = ("x", "y")
    kind = "s"

    def __init__(self, x, y=0):
        self.x = x
        self.y = y

    def get(self, n=0):
        return self.y if n else self.x

    @property
    def both(self):
        return self.x, self.y

    def __iter__(self):
        return iter((self.x, self.y))

    def __add__(self, other):
        return self.x + (other.x if isinstance(other, Slotted) else other)

    def __radd__(self, other):
        return other

    def __repr__(self):
        return f"Slotted({self.x!r})"


class Plain:
    def __init__(self, x):
        self.x = x


class Number(int):
    def __add__(self, other):
        return 40

    def __index__(self):
        return 1


class Word(str):
    def __getitem__(self, i):
        return "w"

    def __len__(self):
        return 2


class Items(list):
    def __getitem__(self, i):
        return 5

    def __len__(self):
        return 1

    def append(self, value):
        log(value)


class Pair(tuple):
    def __iter__(self):
        return iter((8, 9))

    def __getitem__(self, i):
        return i


class Table(dict):
    def __missing__(self, key):
        return 6

    def get(self, key, default=None):
        return 4


class Loud:
    def __init__(self, name, value=0):
        self.name = name
        self.value = value

    def get(self, n=0):
        return self.value

    def __del__(self):
        LOG.append(("del", self.name))

    def __repr__(self):
        return f"Loud({self.name})"


class Manager:
    def __init__(self, swallow):
        self.swallow = swallow

    def __enter__(self):
        return log("enter")

    def __exit__(self, kind, error, traceback):
        log(kind.__name__ if kind else "exit")
        return self.swallow


class Setter:
    def __init__(self, name, value):
        self.name, self.value = name, value

    def __del__(self):
        sys._getframe(1).f_locals[self.name] = self.value


class Dynamic:
    def __init__(self, x):
        self.x = x

    def __getattr__(self, name):
        if name == "y":
            return self.x
        if name == "both":
            return (1, self)
        raise AttributeError(name)

    def __hash__(self):
        return 3

    def __eq__(self, other):
        return self.x == other


def fails(n):
    if n == 2:
        raise KeyError(n)
    if n == 4:
        raise ValueError(n) from TypeError(n)
    if n == 5:
        return [][n]
    return n


def entries(error):
    # What an exception shows of where it was raised, and of those before it.
    seen = []
    while error is not None and len(seen) < 20:
        seen.append(type(error).__name__)
        traceback = error.__traceback__
        while traceback is not None:
            code = traceback.tb_frame.f_code
            seen.append((code.co_name, traceback.tb_lineno - code.co_firstlineno))
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__
    return seen


# In loops over what they may make longer.
def tick():
    LOG.append(None)
    if len(LOG) > 3000:
        raise OutOfFuel


class OutOfFuel(BaseException):
    pass


def rebind(value):
    global G
    G = value


SHADOWS = {"len": lambda x: 7, "range": lambda *x: iter((5, 6)), "isinstance": lambda a, b: True, "Base": Slotted, "ord": lambda x: 9}
BUILTINS = {name: vars(builtins)[name] for name in ("len", "range", "isinstance", "ord")}


def shadow(name):
    globals()[name] = SHADOWS[name]


def shadow_builtin(name):
    setattr(builtins, name, SHADOWS[name])


def unshadow():
    for name in BUILTINS:
        globals().pop(name, None)
    vars(builtins).update(BUILTINS)
    globals()["Base"] = Derived.__base__


def reclass(p):
    if type(p) in (Base, Derived):
        p.__class__ = Derived if type(p) is Base else Base
        p.extra = 8


def own_init(self, x, y=3):
    self.y = self.x = y


OVERRIDES = {
    "get": lambda self, n=1: 13,
    "both": property(lambda self: 14),
    "kind": 15,
    "x": property(lambda self: 16, lambda self, value: None),
    "__init__": own_init,
    "__len__": lambda self: 2**40,
    "__getitem__": lambda self, i: self,
    "__eq__": lambda self, other: NotImplemented,
    "__bool__": lambda self: False,
    "__add__": lambda self, other: other,
    "__call__": None,
    "__getattribute__": lambda self, name: 18 if name == "y" else object.__getattribute__(self, name),
    "__setattr__": lambda self, name, value: object.__setattr__(self, name, 19),
    "__del__": lambda self: log("deleted"),
}
ORIGINALS = {(kind, name): vars(kind).get(name, log) for kind in (Base, Derived) for name in OVERRIDES}


def override(name, kind=Base):
    setattr(kind, name, OVERRIDES[name])


CODE = {}


def restore():
    if not CODE:
        CODE.update({function: function.__code__ for function in (Base.get, Base.add)})
    for function, code in CODE.items():
        if function.__code__ is not code:
            function.__code__ = code
    depth.__defaults__ = (1,)
    for (kind, name), value in ORIGINALS.items():
        if vars(kind).get(name, log) is not value:
            setattr(kind, name, value) if value is not log else delattr(kind, name)


def redefine(function, other):
    function.__code__ = other.__code__


def trace():
    end = len(LOG) + 40

    def local(frame, event, argument):
        if len(LOG) > end:
            sys.settrace(None)
            return None
        log((event, frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno))
        return local if len(LOG) % 7 else None

    sys.settrace(local)
    sys._getframe(1).f_trace = local


def adder(n):
    total = 0

    def add(k):
        nonlocal total
        total = k + n
        return total

    return add


def peeker(n):
    value = [n]
    return (lambda: value[0]), (lambda new: value.__setitem__(0, new)), (lambda i: n if i else value)


def each(items, n=3):
    for item in items:
        sent = yield item
        if sent is not None:
            log(sent)
    return n


def delegate(items):
    log((yield from each(items)))


def within(value, swallow):
    with Manager(swallow):
        if value == 3:
            raise KeyError(value)
        return value
    return "swallowed"


def depth(n, step=1):
    if n <= 0:
        return 0
    return depth(n - step) + 1


def walk(tree):
    if not isinstance(tree, list):
        return 1
    total = 0
    for part in tree:
        total += walk(part)
    return total


def locals_of():
    return sorted(sys._getframe(1).f_locals)


def many(a, b=2, *rest, c=3, **more):
    return a, b, len(rest), c, sorted(more)


"""

FOOTER = """

def run(a, b, items, text):
    global G
    G = 3
    unshadow()
    restore()
    LOG.clear()
    items = list(items)
    try:
        return main(a, b, items, text), items
    finally:
        sys.settrace(None)
        unshadow()
        restore()
        print([value for value in LOG if value is not None][:400])


ROWS = (
    lambda: (3, 1.5, [1, 2, 3, 4, 5], "abcab"),
    lambda: (3, 1.5, [1, 2, 3, 4, 5], "abcab"),
    lambda: (5, 2.5, [4, 5, 6, 7, 8, 9], "xyz"),
    lambda: (-7, -0.0, [2.5, 1.5, -3.0, 0.0], "é€😀"),
    lambda: (2**62, float("inf"), [1, 2.5, 2**63 - 1, 4], ""),
    lambda: (0, float("nan"), [], "0"),
    lambda: (True, 5, ["s", 2, None], "ab"),
    lambda: (-(2**63), 1e308, [-(2**63), 2**63 - 1, 0], "abcdefgh"),
)
run.__case_rows__ = [ROWS[at * at % 13 % 8] for at in range(24)]
"""

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


class _Writer:
    """Writes one program; ``below(n)`` gives an integer from 0 to n - 1."""

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

    # Expressions

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

    # Statements

    def block(self, depth: int, at_most: int = 4) -> None:
        self.indent += 1
        for _ in range(1 + self.below(at_most)):
            if self.budget > 0:
                self.statement(depth)
        self.emit("pass")
        self.indent -= 1

    def target(self, kind: str, new: int = 3) -> str:
        """A variable of that kind; what a comprehension binds is a variable as well."""
        names = [name for name, found in self.kinds.items() if found == kind]
        if names and self.below(new):
            return self.one(names)
        name = self.one(["i", "j", "x"]) if self.below(6) == 0 and not self.counters else self.fresh(kind[0])
        self.kinds[name] = kind
        return name

    def statement(self, depth: int) -> None:
        self.budget -= 1
        if depth > 0 and self.below(3) == 0:
            compound = [self.loop, self.loop, self.branch, self.branch, self.attempt, self.attempt]
            compound.append(self.managed)
            compound[self.below(len(compound))](depth - 1)
            return
        match self.below(16):
            case 0 | 1 | 2 | 3:
                kind = self.one(KINDS)
                value = self.expression(kind, 3)
                self.emit(f"{self.target(kind)} = {value}")
            case 4:
                value, name = self.expression("int"), self.target("int", 9)
                self.emit(f"{name} {self.one(['+=', '-=', '=', '+='])} {value}")
            case 5:
                value = self.one(
                    [
                        self.atom("tuple"),
                        f"{self.atom('int')}, {self.atom(self.one(KINDS))}",
                        f"{self.atom('object')}.both",
                    ]
                )
                self.emit(f"{self.target('int')}, {self.target('int')} = {value}")
            case 6:
                self.emit(f"{self.atom('list')}[{self.index()}] = {self.expression(self.one(KINDS), 1)}")
            case 7:
                self.emit(
                    f"{self.atom('object')}.{self.one(['x', 'y', 'settable', 'z'])} {self.one(['=', '=', '+='])} {self.expression('int', 1)}"
                )
            case 8:
                kind = self.one(["int", "int", "float", "str", "tuple", "object"])
                self.emit(f"if len(items) < 12: items.append({self.expression(kind, 1)})")
            case 9 if self.counters:
                self.emit(f"if {self.condition()}: {self.one(['break', 'continue'])}")
            case 10 | 11:
                self.seldom()
            case 12:
                self.emit(
                    f"{self.atom('dict')}[{self.one(['1', '"k"', self.atom('str'), self.atom('int')])}] = {self.expression('int', 1)}"
                )
            case 13:
                names = [name for name in self.kinds if name[-1].isdigit() and not name.startswith("p")]
                if names:
                    name = self.one(names)
                    value = self.expression(self.kinds[name], 1)
                    self.emit(f"del {name}")
                    if self.below(4):
                        self.emit(f"{name} = {value}")
            case 14:
                self.emit(f"log({self.expression(self.one(KINDS), 1)})")
            case _:
                self.emit(
                    f"{self.one([f'if {self.condition()}: ', ''])}{self.atom('list')}.extend({self.atom(self.one(['list', 'tuple', 'str']))}[:2])"
                )

    def seldom(self) -> None:
        """Something that upsets what has been optimized, or that is not optimized."""
        when = f"{self.one(self.counters)} == {self.one(['1', '2', '4', '7'])}" if self.counters else self.condition()
        name = self.one(list(self.kinds) or ["G"])
        what = [
            f"rebind({self.one([*ATOMS['int'], *ATOMS['float'], *ATOMS['str']])})",
            f"shadow({self.one(['"len"', '"range"', '"isinstance"', '"Base"', '"ord"'])})",
            f"shadow_builtin({self.one(['"len"', '"range"', '"isinstance"', '"ord"'])})",
            f"redefine(Base.{self.one(['get', 'add'])}, Derived.get)",
            f"depth.__defaults__ = ({self.one(['2', '3.5', '0'])},)",
            "trace()",
            f"{self.atom('object')}.get = lambda n=1: 17",
            f"{self.atom('object')}.__dict__['x'] = {self.atom(self.one(KINDS))}",
            f"del {self.atom('object')}.{self.one(['x', 'y'])}",
            f"{self.atom('list')}.{self.one(['pop()', 'reverse()', 'insert(0, 3)', 'remove(1)', 'sort(key=str)', 'clear()'])}",
            f"reclass({self.atom('object')})",
            f"override({self.one(OVERRIDDEN)!r}{self.one(['', ', Derived'])})",
            f"{self.atom('object')}.z = 1",
            f"{name} = {self.one([one for kind in ATOMS for one in ATOMS[kind]])}" if name != "G" else "pass",
            "items.clear()",
            "items[1:] = [7, 8.5]",
            "del items[0]",
            f"raise {self.one(ERRORS)}({self.atom('int')})",
            f"Setter({name!r}, {self.atom(self.one(KINDS))})",
            f"items[0] = Setter({name!r}, {self.atom(self.one(KINDS))})",
            f"items[0] = Loud({self.atom('int')})",
            f"log(within({self.atom('int')}, {self.one(['True', 'False'])}))",
            "log(locals_of())",
            f"log({{i: j for i, j in enumerate({self.atom('list')})}})",
            f"log([*{self.atom('list')}, *{self.atom('tuple')}])",
            f"log(many(*{self.atom('list')}))",
            "log(many(**{'a': 1}))",
            f"{name}, *rest = {self.atom('list')}; log(rest)" if name != "G" else "pass",
            "sys.setrecursionlimit(sys.getrecursionlimit())",
            f"return {self.atom(self.one(KINDS))}",
        ]
        self.emit(f"if {when}: {self.one(what)}")

    def loop(self, depth: int) -> None:
        if self.loops > 1:
            self.branch(depth)
            return
        rounds = self.one(["9", "12"] if self.loops == 0 else ["4", "6"])
        counter, known = None, dict(self.kinds)
        item = self.one(["x", "i"]) if self.below(4) == 0 else self.fresh("x")
        match self.below(11):
            case 0 | 1 | 2:
                counter = self.fresh("k")
                self.emit(
                    f"for {counter} in range({self.one([rounds, f'len({self.atom("list")})', f'1, {rounds}', f'{rounds}, 0, -2'])}):"
                )
            case 3:
                counter = self.fresh("k")
                self.emit(f"for {counter}, {item} in enumerate({self.atom(self.one(['list', 'str', 'tuple']))}[:9]):")
            case 4:
                self.kinds[item] = "str"
                self.emit(f"for {item} in {self.atom('str')}:")
            case 5:
                self.kinds[item] = "int"
                self.emit(f"for {item} in {self.atom('list')}{self.one(['[:9]', ''])}:")
            case 6:
                key = self.fresh("y")
                self.kinds[key], self.kinds[item] = "str", "int"
                self.emit(
                    f"for {key}, {item} in {self.one([f'dict({self.atom("dict")}).items()', f'zip({self.atom("str")}, range(8))', f'[{self.atom("tuple")}] * 5'])}:"
                )
            case 7:
                self.kinds[item] = "int"
                self.emit(f"for {item} in {self.one(['each', 'delegate'])}({self.atom('list')}[:9]):")
            case 8:
                self.kinds[item] = "object"
                parts = ", ".join(
                    self.one([*ATOMS["object"], *(n for n, k in self.kinds.items() if k == "object" and n != item)])
                    for _ in range(6)
                )
                self.emit(f"for {item} in ({parts}):")
            case 9:
                counter = self.fresh("w")
                self.emit(f"{counter} = 0")
                self.emit(f"while {counter} < {rounds}{self.one(['', f' and {self.condition()}'])}:")
                self.emit(f"    {counter} += 1")
            case _:
                text, counter = self.atom("str"), self.fresh("w")
                self.emit(f"{counter} = 0")
                self.emit(
                    f"while {counter} < len({text}) and {counter} < 12 and {text}[{counter}] {self.one(['!=', '<=', '>='])} {self.one(['"c"', '"z"', '"a"'])}:"
                )
                self.emit(f"    {counter} += 1")
        self.loops += 1
        if counter:
            self.counters.append(counter)
        if self.lines[-1].startswith("    " * self.indent + "for") and not self.lines[-1].endswith(("[:9]:", "):")):
            self.emit("    tick()")
        self.block(depth)
        if counter:
            self.counters.remove(counter)
        self.loops -= 1
        if self.below(5) == 0:
            self.emit("else:")
            self.block(0, 2)
        if self.below(2):
            self.kinds = known

    def branch(self, depth: int) -> None:
        known = dict(self.kinds)
        self.emit(f"if {self.condition()}:")
        self.block(depth)
        if self.below(2):
            self.emit("else:")
            self.block(depth)
        if self.below(4):
            self.kinds = known

    def attempt(self, depth: int) -> None:
        self.emit("try:")
        number = self.one(self.counters) if self.counters else self.atom("int")
        raising = [
            f"log(fails({number}))",
            f"{self.target('int')} = {self.atom('list')}[{number}]",
            f"{self.target('int')} = {self.atom('dict')}[{self.one([number, '"k"'])}]",
            f"{self.target('int')} = int({self.atom('str')})",
            f"log(next(iter({self.atom('list')}[{number}:])))",
            f"log(within({number}, False))",
            f"if {self.condition()}: raise {self.one(ERRORS)}({number})",
        ]
        if self.below(3):
            self.emit("    " + self.one(raising))
        self.block(depth)
        form = self.below(4)
        for _ in range(min(form, 2)):
            caught = self.one(
                [
                    "ZeroDivisionError",
                    "(IndexError, TypeError)",
                    "AttributeError",
                    "Exception",
                    "LookupError",
                    "ValueError",
                    "(KeyError, StopIteration)",
                ]
            )
            named = self.below(3)
            self.emit(f"except {caught}{' as error' if named else ''}:")
            self.indent += 1
            self.emit("log(entries(error))" if named == 1 else "log(str(sys.exception()))")
            last = [
                "raise",
                f"raise {self.one(ERRORS)}({number})",
                f"raise {self.one(ERRORS)}(3) from None",
                "LOG.append(sys.exception())",
                *(["break", "continue"] if self.counters else []),
            ]
            leaves = self.one(last) if self.below(3) == 2 else None
            if leaves:
                self.emit(f"if {self.condition()}: {leaves}")
            self.indent -= 1
            self.block(0, 2)
        if form and self.below(3) == 2:
            self.emit("else:")
            self.block(0, 2)
        if not form or self.below(3) == 2:
            self.emit("finally:")
            self.block(0, 2)

    def managed(self, depth: int) -> None:
        self.emit(f"with Manager({self.one(['True', 'False', self.condition()])}):")
        if self.counters and self.below(2):
            self.emit(f"    log(fails({self.one(self.counters)}))")
        self.block(depth)

    # Functions

    def helper(self) -> None:
        name = self.fresh("g")
        kinds = [self.one(KINDS) for _ in range(self.below(4))]
        signature = [f"p{at}" for at in range(len(kinds))]
        self.kinds = dict(zip(signature, kinds, strict=True))
        if kinds and self.below(2):
            signature[-1] += f"={self.one(ATOMS[kinds[-1]])}"
        self.emit(f"def {name}({', '.join(signature)}):")
        self.indent += 1
        self.emit("items = [1, 2, 3]")
        self.kinds["items"] = "list"
        self.loops, self.closures = 1 - self.below(2), []
        self.budget = 1 + self.below(6)
        while self.budget > 0:
            self.statement(1)
        self.emit(f"return {self.expression('int', 2)}")
        self.indent -= 1
        self.loops = 0
        self.emit("")
        self.helpers.append((name, kinds))

    def main(self) -> None:
        self.emit("def main(a, b, items, text):")
        self.indent += 1
        for line in (
            "add = adder(2)",
            "peek, poke, pick = peeker(a)",
            "p = Base(1, 2)",
            "q = Derived(a)",
            "s = Slotted(a, b)",
            "d = {'k': a}",
            "t = (a, b)",
        ):
            self.emit(line)
        self.kinds = dict(
            a="int", b="float", items="list", text="str", p="object", q="object", s="object", d="dict", t="tuple"
        )
        self.closures = ["add", "poke", "pick"]
        self.budget = 10 + self.below(20)
        while self.budget > 0:
            known = dict(self.kinds)
            guarded = self.below(8)
            if guarded:
                self.emit("try:")
                self.indent += 1
            self.loop(2)
            if guarded:
                self.indent -= 1
                self.emit(
                    "except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, NameError) as error:"
                )
                self.emit("    log(str(error))")
                self.kinds = known
        self.emit("return a, b, p, q, s, d, t, text, locals_of(), peek()")
        self.indent -= 1


@st.composite
def object_programs(draw: st.DrawFn) -> str:
    """The source of a program with a ``run`` that the harness calls with its rows."""

    def below(bound: int) -> int:
        return draw(st.integers(0, bound - 1))

    writer = _Writer(below)
    for _ in range(below(4)):
        writer.helper()
    writer.main()
    return HEADER + "\n".join(writer.lines) + "\n" + FOOTER
