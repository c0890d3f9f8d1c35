"""`f(a, *rest)` in optimized code: no list and no tuple is made of the arguments, and nobody can tell."""

import gc
import sys
import traceback
from typing import Any

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import namespace
from tests.optimized_programs import optimizing as optimizing

SOURCE = """
class Record:
    def __init__(self, call, rest):
        self.call = call
        self.rest = rest

class Odd(tuple):
    def __iter__(self):
        return iter(("from", "iter"))

def numbers(n):
    for i in range(n):
        yield i

def collect(*args, **kwargs):
    return args, kwargs

def two(a, b):
    return [a, b]

def rebinds(a, b=None):
    a = b = None
    return a

def f(record, first):
    return record.call(first, *record.rest)

def g(call, a, b, rest):
    found = None
    try:
        found = call(a, b + 1, *rest)
    finally:
        done.append(found)
    return found

done = []
"""


def outcome(function: Any, *arguments: Any) -> Any:
    try:
        return repr(function(*arguments))
    except Exception as error:
        tb = traceback.extract_tb(error.__traceback__)
        return type(error), str(error), [(one.name, one.lineno, one.colno) for one in tb if one.filename == "<program>"]


def pair() -> tuple[dict[str, Any], dict[str, Any]]:
    return namespace(SOURCE, jitted=False), namespace(SOURCE, jitted=True)


def test_arguments_are_spliced() -> None:
    plain, fast = pair()

    def cases(names: dict[str, Any]) -> list[Any]:
        record, odd = names["Record"], names["Odd"]
        calls = [names["collect"], names["two"], names["rebinds"], max, print, int, dict, len, [].append, object()]
        rests = [(), (1,), (1, 2, 3), tuple(range(40)), [4, 5], {6: 7}, "xy", odd((1, 2)), iter((8,)), None, 5]
        found = []
        for _ in range(3):
            for call in calls:
                for rest in [(2,), *rests, (2,)]:
                    if not isinstance(rest, type(iter(()))):
                        found.append(outcome(names["f"], record(call, rest), "a"))
                        found.append(outcome(names["g"], call, 1, 2, rest))
                        found.append(outcome(names["g"], call, 1, "s", rest))
            found.append(outcome(names["f"], record(names["collect"], names["numbers"](3)), "a"))
            found.append(outcome(names["f"], 5, "a"))
        return found

    for names in (plain, fast):
        usual = names["Record"](names["two"], (2,))
        for _ in range(40):
            names["f"](usual, 1)
            outcome(names["g"], names["collect"], 1, 2, (3,))
    text = justjit.dump(fast["f"], "ir:build")
    assert "call_spliced" in text, justjit.explain(fast["f"])
    assert _core.function_stats(fast["g"])
    expected = cases(plain)
    found = cases(fast)
    # The addresses of objects differ.
    assert [one for one in found if "0x" not in str(one)] == [one for one in expected if "0x" not in str(one)]
    assert [repr(one) for one in fast["done"]] == [repr(one) for one in plain["done"]]


def test_references_come_out_even() -> None:
    _, fast = pair()
    marker, rest = object(), (object(), [])
    record = fast["Record"](fast["collect"], rest)
    watched = [marker, rest, *rest, record]
    before = [sys.getrefcount(one) for one in watched]
    for _ in range(60):
        fast["f"](record, marker)
        outcome(fast["f"], fast["Record"](fast["rebinds"], rest), marker)
        outcome(fast["f"], fast["Record"](fast["two"], rest), marker)
    gc.collect()
    assert [sys.getrefcount(one) for one in watched] == before


@pytest.mark.parametrize("stress", ["off", "deopt"])
def test_it_is_left_while_the_list_is_not_made(stress: str) -> None:
    """What is behind the star is looked up after the first arguments: that may leave, or raise."""
    with justjit.config(stress=stress):
        plain, fast = pair()
        results = []
        for names in (plain, fast):
            found = []
            record = names["Record"](names["collect"], (2,))
            for _ in range(40):
                found.append(outcome(names["f"], record, 1))
            del record.rest
            found.extend(outcome(names["f"], record, 1) for _ in range(3))
            record.other = 5
            record.rest = (7,)
            found.extend(outcome(names["f"], record, 1) for _ in range(15))

            class Other:
                call = staticmethod(names["collect"])

                @property
                def rest(self) -> Any:
                    return (sys._getframe(1).f_lineno,)

            found.extend(outcome(names["f"], Other(), 1) for _ in range(15))
            results.append(found)
        assert results[0] == results[1]
