"""Instances that optimized code does not make, and methods that it inlines: that it does so. That nobody can tell is tested by
``tests/programs/objects.py`` and ``class_members.py``.
"""

import textwrap
import types
from collections.abc import Iterator
from typing import Any

import justjit
import pytest

from tests.optimized_programs import optimizing  # noqa: F401

VECTORS = """
    class Vec:
        def __init__(self, x, y):
            self.x = x
            self.y = y

        def __add__(self, other):
            return Vec(self.x + other.x, self.y + other.y)

        def scaled(self, factor=0.5):
            return Vec(self.x * factor, self.y * factor)

        @property
        def size(self):
            return self.x * self.x + self.y * self.y

        @classmethod
        def unit(cls):
            return cls(1.0, 0.0)

    class Point(Vec):
        def __init__(self, x, y):
            super().__init__(x, y)

    def move(count):
        position = Point(0.0, 1.0)
        for _ in range(count):
            position = position.scaled() + Vec.unit().scaled(factor=0.25)
        return position.size

    def kept(count):
        cells = [None]
        for index in range(count):
            cells[0] = Vec(index, 1)
        return cells[0].x

    def lengths(shapes, count):
        total = 0.0
        for _ in range(count):
            for shape in shapes:
                total += shape.length()
        return total

    class Line:
        def __init__(self, x):
            self.x = x

        def length(self):
            return self.x

    class Double(Line):
        def length(self):
            return self.x + self.x
"""


def namespace(jitted: bool) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(textwrap.dedent(VECTORS), "<program>", "exec"), names)
    for value in list(names.values()) if jitted else ():
        if isinstance(value, types.FunctionType):
            justjit.jit(value)
        elif isinstance(value, type):
            for method in vars(value).values():
                for attribute in ("fget", "__func__"):
                    method = getattr(method, attribute, method)
                if isinstance(method, types.FunctionType):
                    justjit.jit(method)
    return names


def settled(name: str, *arguments: Any) -> tuple[str, dict[str, Any]]:
    """The intermediate code of a function that has been called some times with the right results, and its surroundings."""
    expected = namespace(False)[name](*arguments)
    names = namespace(True)
    for _ in range(30):
        assert names[name](*arguments) == expected
    assert justjit.stats(names[name]).tier == "optimizing"
    return justjit.dump(names[name], "ir"), names


def test_no_instance_in_a_loop() -> None:
    text, _ = settled("move", 2000)
    assert "make_instance" not in text
    assert "justjit_call" not in text
    assert "float_add" in text


def test_what_is_stored_is_made() -> None:
    text, _ = settled("kept", 2000)
    assert "make_instance" in text


def test_a_few_classes() -> None:
    expected, names = namespace(False), namespace(True)
    shapes, others = ([one["Line"](1.5), one["Double"](2.0)] for one in (names, expected))
    for _ in range(30):
        assert names["lengths"](shapes, 500) == expected["lengths"](others, 500)
    text = justjit.dump(names["lengths"], "ir")
    assert "justjit_call" not in text
    assert "load_method" not in text


@pytest.mark.parametrize("change", ["method", "init", "property", "class"])
def test_changes_are_noticed(change: str) -> None:
    _, names = settled("move", 2000)
    expected = namespace(False)
    for one in (names, expected):
        vec = one["Vec"]
        if change == "method":
            vec.__add__ = lambda self, other: self
        elif change == "init":
            one["Point"].__init__ = vec.__init__
            vec.__init__ = lambda self, x, y: vars(self).update(x=y, y=x)
        elif change == "property":
            vec.size = property(lambda self: -self.x)
        else:
            one["Vec"] = one["Point"]
    for _ in range(3):
        assert names["move"](2000) == expected["move"](2000)
