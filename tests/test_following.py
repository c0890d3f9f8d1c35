"""What compiled code calls often is compiled along with it, whether or not anybody has asked for that."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import justjit
import pytest
from justjit import _core


@pytest.fixture(autouse=True)
def auto() -> Iterator[None]:
    with justjit.config(tier="auto", baseline_calls=0, background=False):
        yield


SOURCE = """
    def helper(x, y=1):
        return x + y

    class Box:
        def __init__(self, x):
            self.x = x

        def get(self):
            return helper(self.x)

    def items(n):
        for i in range(n):
            yield i

    def loop(n):
        total = 0
        for i in items(n):
            total += Box(i).get() + helper(i, y=2)
        return total
"""


def program(*hooked: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(textwrap.dedent(SOURCE), "<program>", "exec"), names)
    for name in hooked:
        justjit.jit(names[name])
    return names


def expected(n: int) -> int:
    return sum(2 * i + 3 for i in range(n))


def test_functions_methods_classes_and_generators() -> None:
    names = program("loop")
    assert not _core.is_hooked(names["helper"])
    for _ in range(40):
        assert names["loop"](500) == expected(500)
    for function in (names["helper"], names["Box"].__init__, names["Box"].get):
        assert _core.is_hooked(function) and justjit.stats(function).versions, justjit.explain(function)
        assert "compiled" in justjit.explain(function)
    assert names["helper"].__defaults__ == (1,)


def test_a_few_calls_are_none_of_our_business() -> None:
    names = program("loop")
    names["loop"](20)
    assert not _core.is_hooked(names["helper"])


def test_left_alone_on_demand() -> None:
    names = program("loop")
    _core.unhook(names["helper"])
    justjit.jit(names["helper"])
    _core.unhook(names["helper"])
    assert names["loop"](2000) == expected(2000)
    assert not _core.is_hooked(names["helper"])
    justjit.jit(names["helper"])
    assert names["loop"](2000) == expected(2000)
    assert justjit.stats(names["helper"]).versions


def test_interpreter_asked_for() -> None:
    names = program("loop")
    justjit.jit(tier="interpreter")(names["helper"])
    assert names["loop"](2000) == expected(2000)
    assert justjit.stats(names["helper"]).tier == "interpreter" and not justjit.stats(names["helper"]).versions


def test_interpreted_callers_have_nothing_compiled() -> None:
    names = program("items")
    assert names["loop"](2000) == expected(2000)
    assert not _core.is_hooked(names["helper"])


def test_not_after_disable() -> None:
    code = """
    import justjit
    from justjit import _core
    def helper(x):
        return x
    @justjit.jit
    def loop(n):
        for i in range(n):
            if i == 50:
                justjit.disable()
            helper(i)
    loop(1000)
    print(_core.is_hooked(helper), _core.is_hooked(loop))
    justjit.jit(loop)
    loop(49)
    loop(49)
    loop(49)
    print(_core.is_hooked(helper))
    """
    found = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert found.stdout.split("\n")[:2] == ["False False", "True"]
