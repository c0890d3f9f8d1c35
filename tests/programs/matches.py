"""match statements."""

import collections

from tests.cases import over


class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __repr__(self):
        return f"Point({self.x}, {self.y})"


class NoArgs:
    z = 1


class BadArgs:
    __match_args__ = "abc"


class WrongMember:
    __match_args__ = (5,)


class LyingMapping(collections.UserDict):
    def get(self, key, default=None):
        return default


RED = "red"


class Names:
    RED = "red"
    FIVE = 5


SUBJECTS = (0, 1, -1, 5, 2.5, 1 + 2j, "red", "x", None, True, False, [], [1], [1, 2], (1, 2), [1, 2, 3, 4], "ab", b"ab", {}, {"k": 1})
MORE = ({"k": 1, "z": 2}, Point(0, 0), Point(0, 5), Point(3, 3), NoArgs(), range(3), {1, 2}, collections.deque([1, 2]), int, ...)
ALL = [(s,) for s in SUBJECTS + MORE]


@over(*ALL)
def case_literals(subject):
    match subject:
        case 0:
            return "zero"
        case -1:
            return "minus one"
        case 2.5:
            return "float"
        case 1 + 2j:
            return "complex"
        case "x" | "y":
            return "x or y"
        case b"ab":
            return "bytes"
        case None:
            return "none"
        case True:
            return "true"
        case _:
            return "other"


@over(*ALL)
def case_sequences(subject):
    match subject:
        case []:
            return "empty"
        case [x]:
            return "one", x
        case [1, y]:
            return "one and", y
        case [first, *rest, last]:
            return first, rest, last
    return "none"


@over(*ALL)
def case_star_only(subject):
    match subject:
        case [*everything]:
            return everything
        case _:
            return "no sequence"


@over(*ALL)
def case_mappings(subject):
    match subject:
        case {"k": 1, "z": z}:
            return "both", z
        case {"k": value, **rest}:
            return value, rest
        case {}:
            return "mapping"
    return "none"


@over(*ALL)
def case_classes(subject):
    match subject:
        case Point(0, 0):
            return "origin"
        case Point(x=0, y=y):
            return "on the axis", y
        case Point(x, y) if x == y:
            return "diagonal", x
        case int(n):
            return "int", n
        case str() | bytes():
            return "text"
        case float() as f:
            return "float", f
        case NoArgs(z=z):
            return z
        case list([a, *_]):
            return "list", a
        case dict():
            return "dict"
    return "none"


@over(*ALL)
def case_values(subject):
    match subject:
        case Names.RED:
            return "red"
        case Names.FIVE:
            return "five"
        case other:
            return "captured", other


@over(*ALL)
def case_or_and_as(subject):
    match subject:
        case (0 | 1 | 5) as n:
            return "number", n
        case ([a, b] | {"k": a, "z": b}) as whole:
            return a, b, whole
        case (str() | None) as t:
            return "t", t
    return "none"


@over(*ALL)
def case_nested(subject):
    match [subject, {"inner": subject}]:
        case [Point(x=x), {"inner": Point(y=y)}]:
            return "points", x, y
        case [[a, b], {"inner": [c, *d]}]:
            return a, b, c, d
        case [s, _]:
            return "other", s


@over((0,), (5,), (10,), ("a",))
def case_guards(n):
    log = []

    def check(tag, result):
        log.append(tag)
        return result

    match n:
        case int() if check("a", n > 7):
            out = "big"
        case int() if check("b", n > 2):
            out = "middle"
        case x if check("c", False):
            out = "never"
        case x:
            out = "rest", x
    return out, log


def case_guard_raises():
    match 5:
        case x if x / 0:
            return x


def case_binding_leaks_from_failed_pattern():
    match (1, 2):
        case (a, 3):
            return "no"
        case _:
            try:
                return "leaked", a
            except UnboundLocalError:
                return "unbound"


def case_no_positional_arguments_supported():
    match NoArgs():
        case NoArgs(1):
            return "no"


def case_bad_match_args():
    match BadArgs():
        case BadArgs(1):
            return "no"


def case_wrong_match_args_member():
    match WrongMember():
        case WrongMember(1):
            return "no"


def case_too_many_positional():
    match Point(1, 2):
        case Point(1, 2, 3):
            return "no"


def case_attribute_twice():
    match Point(1, 2):
        case Point(1, x=1):
            return "no"


def case_not_a_class():
    kind = 5
    match 5:
        case kind():
            return "no"


def case_missing_attribute():
    p = Point(1, 2)
    del p.y
    match p:
        case Point(x, y):
            return "both"
        case Point(x=x):
            return "only x", x


def case_attribute_raises():
    class Bad:
        @property
        def v(self):
            raise KeyError("v")

    match Bad():
        case Bad(v=1):
            return "no"


def case_mapping_get_is_used():
    match LyingMapping(k=1):
        case {"k": v}:
            return "found", v
        case _:
            return "not found"


def case_duplicate_mapping_key():
    match {"red": 1}:
        case {Names.RED: a, "red": b}:
            return a, b


def case_defaultdict_is_not_filled():
    d = collections.defaultdict(list)
    match d:
        case {"x": _}:
            return "no"
        case {}:
            return dict(d)


def case_match_in_loop():
    out = []
    for command in ("go north", "get lamp", "drop a b", "look", "", "go"):
        match command.split():
            case ["go", direction]:
                out.append(("go", direction))
            case ["get", thing]:
                out.append(("get", thing))
            case ["drop", *things]:
                out.append(("drop", things))
            case [verb]:
                out.append(verb)
            case []:
                out.append("nothing")
    return out


def case_strings_are_no_sequences():
    out = []
    for s in ("ab", b"ab", bytearray(b"ab"), ["a", "b"], ("a", "b"), memoryview(b"ab")):
        match s:
            case [a, b]:
                out.append((type(s).__name__, a, b))
            case _:
                out.append(type(s).__name__)
    return out


def case_eq_raises():
    class Bad:
        def __eq__(self, other):
            raise ValueError("eq")

    match Bad():
        case 5:
            return "no"


def case_eq_returns_odd():
    class Odd:
        def __eq__(self, other):
            return ["truthy"]

    match Odd():
        case 5:
            return "matched"


def case_expression_tree():
    def evaluate(e):
        match e:
            case ("+", a, b):
                return evaluate(a) + evaluate(b)
            case ("*", a, b):
                return evaluate(a) * evaluate(b)
            case ("-", a):
                return -evaluate(a)
            case int() | float():
                return e
            case _:
                raise ValueError(f"bad expression {e!r}")

    out = [evaluate(("+", 1, ("*", 2, ("-", 3))))]
    try:
        evaluate(("+", 1, "x"))
    except ValueError as error:
        out.append(str(error))
    return out


def case_walrus_subject():
    match n := 5:
        case 5:
            return n
