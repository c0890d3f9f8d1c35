"""`match` statements and imports in functions, in optimized code."""

import collections
import sys
from typing import Any

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import namespace
from tests.optimized_programs import optimizing_and_leaving as optimizing_and_leaving

PROGRAM = """
from collections import OrderedDict

class Point:
    __match_args__ = ("x", "y")
    def __init__(self, x, y):
        self.x = x
        self.y = y

class Loose:
    def __init__(self, **values):
        self.__dict__.update(values)

class Raises:
    __match_args__ = ("a",)
    @property
    def a(self):
        raise ZeroDivisionError("a")

def shapes(values):
    seen = []
    for value in values:
        match value:
            case []:
                seen.append("empty")
            case [one]:
                seen.append(("one", one))
            case [first, *rest, last]:
                seen.append((first, rest, last))
            case {"key": found, **others}:
                seen.append((found, others))
            case {}:
                seen.append("mapping")
            case Point(x=0, y=y):
                seen.append(("axis", y))
            case Point(x, y) if x == y:
                seen.append(("diagonal", x))
            case Point(x, y):
                seen.append((x, y))
            case Loose(name=str(name)):
                seen.append(name)
            case int(n) | float(n):
                seen.append(n * 2)
            case None | True:
                seen.append("constant")
            case str() as text:
                seen.append(text + "!")
            case _:
                seen.append(type(value).__name__)
    return seen

def counts(values):
    total = 0
    for i in range(len(values)):
        match (i, values[i]):
            case (0, x) | (x, 0):
                total += x
            case (a, b, c):
                total = 0
            case (a, b):
                total += a * b
    return total

def rare(values):
    seen = []
    for value in values:
        try:
            match value:
                case Raises(a):
                    seen.append(a)
                case Point(x, y, z):
                    seen.append(x)
                case _:
                    seen.append("other")
        except (ZeroDivisionError, TypeError) as e:
            seen.append(repr(e))
    return seen

def imports(n):
    total = 0
    for i in range(n):
        import math
        from collections import OrderedDict as ordered, deque
        import os.path as path
        total += math.floor(i / 2) + len(ordered(a=1)) + len(deque([i]))
        total += len(path.join("a", "b"))
    return total

def import_fails(n):
    seen = []
    for i in range(n):
        try:
            if i % 2:
                from math import no_such_name
            else:
                import no_such_module_anywhere
        except ImportError as e:
            seen.append((type(e).__name__, e.name, str(e).split(" (")[0]))
    return seen

def hooked_import(n, names):
    names.clear()
    total = 0
    for i in range(n):
        import math
        total += math.floor(1.5)
    return total, list(names)
"""


class Sequence(collections.UserList[int]):
    pass


def subjects(names: dict[str, Any]) -> list[Any]:
    point, loose = names["Point"], names["Loose"]
    values: list[Any] = [[], (), [1], (2,), [1, 2], (1, 2, 3), range(4), {"key": 1, "b": 2}, {}, {1: 2}]
    values += [point(0, 3), point(2, 2), point(2, 5), loose(name="x"), loose(name=5), loose(), 3, 2.5, None, True]
    values += ["text", "", b"bytes", bytearray(b"x"), Sequence([1, 2]), collections.OrderedDict(key=5), object]
    return values


def test_match_means_the_same() -> None:
    plain, fast = namespace(PROGRAM, jitted=False), namespace(PROGRAM, jitted=True)
    expected = plain["shapes"](subjects(plain))
    for _ in range(60):
        assert fast["shapes"](subjects(fast)) == expected
    for values in ([3, 4, 0, 5], [1.5, 2, 0], [], [2**70, 1]):
        for _ in range(40):
            assert fast["counts"](values) == plain["counts"](values)
    for _ in range(60):
        results = [names["rare"]([names["Raises"](), names["Point"](1, 2), 5]) for names in (plain, fast)]
        assert results[0] == results[1]


def test_a_class_becomes_a_sequence() -> None:
    source = """
    class Late:
        def __len__(self):
            return 1
        def __getitem__(self, index):
            return index

    def is_sequence(values):
        seen = 0
        for value in values:
            match value:
                case [_]:
                    seen += 1
        return seen
    """
    fast = namespace(source, jitted=True)
    late = fast["Late"]()
    for _ in range(80):
        assert fast["is_sequence"]([late, [1], "a"]) == 1
    collections.abc.Sequence.register(fast["Late"])
    assert fast["is_sequence"]([late, [1], "a"]) == 2


def test_imports_mean_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, fast = namespace(PROGRAM, jitted=False), namespace(PROGRAM, jitted=True)
    for _ in range(60):
        assert fast["imports"](6) == plain["imports"](6)
        assert fast["import_fails"](4) == plain["import_fails"](4)
    imported: list[str] = []
    builtin = __import__

    def hook(name: str, *arguments: Any) -> Any:
        imported.append(name)
        return builtin(name, *arguments)

    for _ in range(60):
        assert fast["hooked_import"](3, imported) == (3, [])
    monkeypatch.setattr("builtins.__import__", hook)
    assert fast["hooked_import"](3, imported) == (3, ["math"] * 3)
    monkeypatch.undo()
    fake = type(sys)("math")
    fake.floor = lambda x: 100
    monkeypatch.setitem(sys.modules, "math", fake)
    assert fast["hooked_import"](3, imported) == (300, [])


@pytest.mark.parametrize("name", ["shapes", "counts", "imports"])
def test_they_are_in_the_tier(name: str) -> None:
    fast = namespace(PROGRAM, jitted=True)
    argument: Any = {"shapes": subjects(fast), "counts": [3, 4, 0, 5], "imports": 5}[name]
    for _ in range(1500):
        fast[name](argument)
    stats = _core.function_stats(fast[name])
    assert stats["tier"] == "optimizing" or justjit.config().stress == "deopt", justjit.explain(fast[name])
