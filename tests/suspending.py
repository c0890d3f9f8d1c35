"""The part of the strategy that makes generators, coroutines and asynchronous generators, and code that drives them.

A function's *flavor* is "" for a plain one, "generator", "coroutine" or "asynchronous" (generator). Suspensions stand in any
expression and statement of a flavored function. Plain code drives what it makes with a script of sends, throws, closes and
loops, compiled and interpreted ones, and logs all that comes of it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.strategy import Scope

HEADER = """

import types

PLAIN = {}
exec('''
def take(made, count):
    seen = []
    for value in made:
        seen.append(value)
        if len(seen) >= count:
            break
    return seen


def delegate(made):
    return (yield from made)


async def wait(made):
    return await made
''', PLAIN)


@types.coroutine
def pause(value):
    return (yield value)


class Waiting:
    def __init__(self, n):
        self.n = n

    def __await__(self):
        for i in range(2):
            tick()
            yield i
        return self.n


class Pausing:
    def __init__(self, swallow):
        self.swallow = swallow

    async def __aenter__(self):
        log(("enter", await pause("enter")))
        return self

    async def __aexit__(self, kind, error, traceback):
        log(("exit", kind and kind.__name__, await Waiting(1)))
        return self.swallow


def delegate(made):
    return (yield from made)


def take(made, count):
    seen = []
    for value in made:
        seen.append(value)
        if len(seen) >= count:
            break
    return seen


def act(made, action, value):
    match action:
        case "send":
            return made.send(value)
        case "next":
            return next(made)
        case "throw":
            return made.throw(value(len(LOG)))
        case "close":
            return made.close()
        case "take":
            return take(made, value)
        case "plain":
            return PLAIN["take"](made, value)
        case "zip":
            return [item for item, _ in zip(made, range(value))]
        case "delegate":
            return next(delegate(made))
        case "plain delegate":
            return next(PLAIN["delegate"](made))


def drive(made, script):
    seen = []
    for action, value in script:
        tick()
        try:
            got = act(made, action, value)
        except (Exception, GeneratorExit) as error:
            got = (type(error).__name__, error.args, type(error.__context__).__name__, type(error.__cause__).__name__)
        seen.append(got)
    log(seen)
    return len(seen)


def finish(made):
    answer, count = None, 0
    try:
        while True:
            tick()
            log(("waits", made.send(answer)))
            count += 1
            answer = count
    except StopIteration as stop:
        return stop.value


def drive_asynchronous(made, script):
    seen = []
    for action, value in script:
        tick()
        try:
            match action:
                case "send":
                    waiting = made.asend(value)
                case "throw":
                    waiting = made.athrow(value(len(LOG)))
                case "close":
                    waiting = made.aclose()
                case _:
                    waiting = made.__anext__()
            if action == "plain":
                waiting = PLAIN["wait"](waiting)
            if action == "take":
                got = waiting.send(None), waiting.throw(ValueError(value))
            elif action == "zip":
                got = waiting.send(None), waiting.close()
            else:
                got = finish(waiting)
        except (Exception, GeneratorExit) as error:
            got = (type(error).__name__, error.args, type(error.__context__).__name__, type(error.__cause__).__name__)
        seen.append(got)
    log(seen)
    return len(seen)


def total(made):
    result = 0
    for value in made:
        tick()
        result += value if type(value) is int else 1
    return result & 0xFFFFFFFFFF


async def collect(made):
    seen = []
    async for value in made:
        tick()
        seen.append(value)
    log(seen)
    return len(seen)
"""

ACTIONS = ["send", "send", "next", "next", "throw", "close", "take", "plain", "zip", "delegate", "plain delegate"]
VALUES = ["None", "1", "3", "-2", "2**40", "'s'", "1.5", "[1]"]
THROWN = [
    "ValueError",
    "KeyError",
    "ZeroDivisionError",
    "GeneratorExit",
    "StopIteration",
    "RuntimeError",
    "StopAsyncIteration",
]


class Definition(NamedTuple):
    """A function that programs may call."""

    name: str
    kinds: list[str]
    form: str
    flavor: str


class Suspending:
    """What the writer of programs knows of suspending."""

    below: Callable[[int], int]
    one: Callable[[list[str]], str]
    chance: Callable[[int], bool]
    emit: Callable[[str], None]
    fresh: Callable[[str], str]
    atom: Callable[["Scope", str], str]
    expression: Callable[..., str]
    call: Callable[["Scope", Definition, int], str]
    target: Callable[["Scope", str], str]
    block: Callable[..., None]
    loop_body: Callable[["Scope", int], None]
    condition: Callable[..., str]
    functions: list[Definition]

    def of_flavor(self, flavor: str) -> Definition | None:
        found = [definition for definition in self.functions if definition.flavor == flavor]
        return found[self.below(len(found))] if found else None

    def script(self) -> str:
        """What a driver does to what it drives, as source."""
        steps = []
        for _ in range(2 + self.below(5)):
            action = self.one(ACTIONS)
            match action:
                case "send":
                    value = self.one(VALUES)
                case "throw":
                    value = self.one(THROWN)
                case "take" | "plain" | "zip":
                    value = self.one(["1", "2", "5"])
                case _:
                    value = "None"
            steps.append(f"({action!r}, {value})")
        return f"[{', '.join(steps)}]"

    def driven(self, call: str, flavor: str) -> str:
        """Plain code that drives what ``call`` makes; an int."""
        match flavor, self.below(3):
            case "generator", 0:
                return f"total({call})"
            case "generator" | "coroutine", 1:
                return f"drive({call}, {self.script()})"
            case "generator", _:
                return f"len(list({call}))"
            case "coroutine", _:
                return f"finish({call})"
            case _, 1:
                return f"drive_asynchronous({call}, {self.script()})"
            case _:
                return f"finish(collect({call}))"

    def suspension(self, scope: "Scope", kind: str, depth: int) -> str:
        """An expression that suspends the function; mostly of the kind."""
        yields = scope.flavor in ("generator", "asynchronous")
        awaits = scope.flavor in ("coroutine", "asynchronous")
        value = self.expression(scope, self.one(["int", "int", "str", "list"]), min(depth, 1))
        if yields and (not awaits or self.below(2)):
            made = f"(yield {value})" if self.below(5) else "(yield)"
            if scope.flavor == "generator" and self.chance(3):
                inner = self.of_flavor("generator")
                wrap = self.one(["", "", "delegate", "PLAIN['delegate']"])
                if inner is not None:
                    made = f"(yield from {wrap}({self.call(scope, inner, 0)}))"
                else:
                    made = f"(yield from {wrap}({self.atom(scope, self.one(['list', 'str', 'dict']))}))"
        else:
            made = f"(await {self.awaitable(scope, value)})"
        return made if self.chance(3) else f"({made} or {self.atom(scope, kind)})"

    def awaitable(self, scope: "Scope", value: str) -> str:
        match self.below(6):
            case 0 | 1:
                return f"pause({value})"
            case 2:
                return f"Waiting({value})"
            case 3 if definition := self.of_flavor("asynchronous"):
                call = self.call(scope, definition, 0)
                return f"anext({call}, 0)" if self.below(2) else f"collect({call})"
            case _:
                definition = self.of_flavor("coroutine")
                if definition is None:
                    return self.one([f"pause({value})", "5"] if self.chance(8) else [f"pause({value})"])
                call = self.call(scope, definition, 0)
                return f"PLAIN['wait']({call})" if self.chance(4) else call

    def suspend_statement(self, scope: "Scope", depth: int) -> None:
        """A statement only flavored functions have."""
        if scope.flavor == "generator":
            self.emit(self.suspension(scope, "int", 1))
            return
        match self.below(4) if depth > 0 else 3:
            case 0:
                self.emit(f"async with Pausing({self.one(['False', 'True', self.condition(scope)])}):")
                self.block(scope, depth - 1)
            case 1 if definition := self.of_flavor("asynchronous"):
                call = self.call(scope, definition, 0)
                self.emit(f"async for {self.target(scope, 'int')} in {call}:")
                self.loop_body(scope, depth - 1)
            case 2:
                name = self.target(scope, "list")
                source = self.one(["range(3)", "'ab'", self.atom(scope, "list")])
                element = self.one(["pause(x)", "Waiting(x)", "pause((x, 1))"])
                self.emit(f"{name} = [await {element} for x in {source}]")
            case _:
                self.emit(self.suspension(scope, "int", 1))

    def drive_statement(self, scope: "Scope") -> bool:
        """Plain code that drives something that suspends; False if there is nothing."""
        found = [definition for definition in self.functions if definition.flavor]
        if not found:
            return False
        definition = found[self.below(len(found))]
        call = self.call(scope, definition, 1)
        if definition.flavor == "generator" and self.chance(3):
            self.emit(f"for {self.target(scope, 'int')} in {call}:")
            self.loop_body(scope, 1)
        else:
            self.emit(f"log({self.driven(call, definition.flavor)})")
        return True
