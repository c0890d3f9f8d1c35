"""What was learned of a name, a function or a class ends with it: others come to lie at its address, in the same process."""

import gc
import sys
from collections.abc import Callable
from typing import Any

import justjit
import pytest

from tests.optimized_programs import namespace, optimizing  # noqa: F401

Run = Callable[..., Any]

NAMES = """
    def power(n, base):
        if n == 0:
            return 1
        return power(n - 1, base) * base
"""


@pytest.mark.parametrize("rebinding", [True, False])
def test_names(rebinding: bool) -> None:
    for turn in range(200):
        names = namespace(NAMES, jitted=True)
        for _ in range(30):
            assert names["power"](9, 3) == 3**9
        forms = justjit.stats(names["power"]).forms
        assert any(form.typed_calls for form in forms if form.dropped is None), justjit.explain(names["power"])
        # Else it is the dictionary's end that loses the bets on its names.
        if rebinding and turn % 7 == 0:
            names["power"] = None
        del names, forms
        # Some end together, so that others come to lie at other places.
        if turn % 3 == 0:
            gc.collect()


CLASSES = """
    class Point:
        def __init__(self, x):
            self.x = x

        def double(self):
            return self.x + self.x

    def f(n):
        total = 0
        for i in range(n):
            total += Point(i).double()
        return total
"""

# Run in a process of its own, whose memory nobody else has used: where a class lies is decided by what else there is.
LIVES = """
import gc
import sys
import justjit
from tests.optimized_programs import namespace
from tests.test_bets_of_the_dead import CLASSES

seen = set()
reused = 0
with justjit.config(tier="optimizing", background=False):
    for _ in range(200):
        # The first class that lies where another lay.
        candidates = [namespace(CLASSES, jitted=True) for _ in range(200 if seen else 1)]
        names = next((one for one in candidates if id(one["Point"]) in seen), candidates[0])
        del candidates
        reused += id(names["Point"]) in seen
        seen.add(id(names["Point"]))
        # Each of the classes loses bets, until none is made on it any more.
        for loss in range(5):
            for _ in range(12):
                assert names["f"](20) == 380
            text = justjit.dump(names["f"], "ir:build")
            inlined = next((line for line in text.splitlines() if line.startswith("inlined ")), "")
            assert ("Point.double" in inlined) == (loss < 4), text
            names["Point"].triple = lambda self: self.x * 3
        del names
        gc.collect()
        if reused == 3:
            break
print(reused)
"""


def test_classes(run_python: Run) -> None:
    found = run_python(LIVES, env={"JUSTJIT_BACKEND": justjit.config().backend})
    assert found.returncode == 0, found.stderr
    assert found.stdout == "3\n", "no class lies where another lay: nothing was tested"


def test_a_caller_has_cached_what_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    # What bet on the callee is kept by the caller's cache, though its code object is no more when the callee ends.
    def program(source: str, **more: Any) -> dict[str, Any]:
        names: dict[str, Any] = {"__name__": "program", **more}
        exec(source, names)
        return names

    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda one: ignored.append(one.exc_value))
    with justjit.config(tier="optimizing", background=False):
        callers = program("def call(function, n):\n    return function(n)\n")
        justjit.jit(callers["call"], tier="baseline")
        callees = program("def increment(x):\n    return x + 1\n")
        middle = program(
            "def run(n):\n    total = 0\n    for i in range(n):\n        total += increment(i)\n    return total\n",
            increment=callees["increment"],
        )
        justjit.jit(callees["increment"])
        justjit.jit(middle["run"])
        for _ in range(200):
            assert callers["call"](middle["run"], 50) == 1275
        assert justjit.stats(middle["run"]).tier == "optimizing"
        middle.clear()
        gc.collect()
        filler = [compile(f"{n}", "<filler>", "eval") for n in range(1000)]
        callees.clear()
        gc.collect()
        assert len(filler) == 1000
    assert not ignored
