"""A Hypothesis strategy that makes programs for the optimizing tier: loops over objects of all kinds, where now and then something is
not as before.

Each function has what the optimizing tier translates in its usual course, so that it is optimized; what that tier declines (making
functions, ``yield``, …) is in functions of its own that are called, and in branches that are seldom taken. Loops have few
rounds, only functions that are already written are called, and strings, lists and products are cut, so that programs end.
"""

from hypothesis import strategies as st

from tests.object_expressions import ATOMS, ERRORS, KINDS, OVERRIDDEN, Expressions
from tests.object_surroundings import FOOTER, HEADER


class _Writer(Expressions):
    """Writes one program."""

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
