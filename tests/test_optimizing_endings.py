"""Objects whose end runs code, again and again, in optimized code; and slots (`__slots__`) that have no value yet."""

import gc
import sys
from typing import Any

import justjit
from justjit import _core

from tests.optimized_programs import namespace
from tests.optimized_programs import optimizing as optimizing

THINGS = """
import sys

seen = []

class Thing:
    def __init__(self, n, loud=True):
        self.n = n
        self.loud = loud

    def __del__(self):
        if self.loud:
            frame = sys._getframe(1)
            names = frame.f_locals
            seen.append((self.n, frame.f_code.co_name, frame.f_lineno, names.get("total"), names.get("ratio"), names.get("i")))

def rounds(n, first):
    total = 0
    ratio = 0.5
    thing = first
    for i in range(n):
        thing = Thing(i)
        total += i * 2
        ratio *= 1.5
    return total, ratio

def maybe(n, first):
    total = 0
    ratio = 0.5
    for i in range(n):
        if i % 3 != 1:
            thing = Thing(i)
        total += i
        ratio += total
        if i % 3 == 0:
            del thing
    return total, ratio

def two(n, first):
    total = 0
    ratio = 0.5
    a = b = None
    for i in range(n):
        a, b = Thing(i), Thing(-i)
        total += i
        ratio += 0.25
    return total, ratio

def rebinds(n, first):
    global limit
    limit = 0
    total = 0
    thing = None
    for i in range(n):
        thing = Changes(i)
        total += limit
    return total

class Changes:
    def __init__(self, n):
        self.n = n

    def __del__(self):
        global limit
        limit = self.n
"""


def test_objects_that_end_loudly_in_each_round() -> None:
    plain, fast = namespace(THINGS, jitted=False), namespace(THINGS, jitted=True)
    for name in ("rounds", "maybe", "two", "rebinds"):
        for n in [7] * 60 + [0, 1, 200, 7]:
            results = []
            for names in (plain, fast):
                names["seen"].clear()
                results.append((names[name](n, None), list(names["seen"])))
            assert results[0] == results[1], (name, n)


def test_they_do_not_leave_the_code_for_ever() -> None:
    fast = namespace(THINGS, jitted=True)
    for _ in range(200):
        fast["rounds"](20, None)
    before = sum(form["deopts"] for form in _core.function_stats(fast["rounds"])["forms"])
    for _ in range(50):
        fast["rounds"](20, None)
    after = sum(form["deopts"] for form in _core.function_stats(fast["rounds"])["forms"])
    assert after == before, justjit.explain(fast["rounds"])


SLOTS = """
class Slotted:
    __slots__ = ("a", "b", "c")

    def __init__(self, a, b, c=None):
        self.a = a
        self.b = b
        self.c = c if c is not None else a

class Mixed(Slotted):
    def __init__(self, a, b, c=None):
        super().__init__(a, b, c)
        self.d = a

class Half:
    __slots__ = ("a", "b")

    def __init__(self, a, which):
        if which:
            self.a = a
        else:
            self.b = a

class Loud:
    ended = 0

    def __del__(self):
        Loud.ended += 1

def make(n, value):
    last = None
    for i in range(n):
        last = Slotted(i, value, i + 0.5)
    return last.a, last.b, last.c

def again(n, value):
    one = Slotted(1, value)
    for i in range(n):
        one.__init__(i, value, Loud())
    return one.a, one.b, type(one.c).__name__

def derived(n, value):
    one = None
    for i in range(n):
        one = Mixed(i, value)
    return one.a, one.b, one.c, one.d

def half(n, value):
    found = []
    for i in range(n):
        one = Half(i, i % 2)
        found.append((hasattr(one, "a"), hasattr(one, "b")))
        one.a = value
        one.b = i
        del one.a
        found.append((hasattr(one, "a"), one.b))
    return found
"""


def outcome(function: Any, *arguments: Any) -> Any:
    try:
        return repr(function(*arguments))
    except Exception as error:
        return type(error), str(error)


def test_slots_without_a_value() -> None:
    plain, fast = namespace(SLOTS, jitted=False), namespace(SLOTS, jitted=True)
    for name in ("make", "again", "derived", "half"):
        for arguments in [(6, "x")] * 60 + [(1, 2.5), (9, 2**70), (0, None), (6, "x")]:
            assert outcome(fast[name], *arguments) == outcome(plain[name], *arguments), (name, arguments)
    assert fast["Loud"].ended == plain["Loud"].ended
    dropped = [form["dropped"] for form in _core.function_stats(fast["Slotted"].__init__)["forms"]]
    assert not any("without a value" in why for why in dropped if why), dropped


def test_references_of_slots_come_out_even() -> None:
    fast = namespace(SLOTS, jitted=True)
    value: list[Any] = []
    before = sys.getrefcount(value)
    for _ in range(60):
        fast["make"](5, value)
        fast["again"](5, value)
        fast["derived"](5, value)
    gc.collect()
    assert sys.getrefcount(value) == before


LISTS = """
    class Items(list):
        pass

    def down(number, depth):
        items = Items()
        items.append(number)
        other = Items()
        other.append(items)
        if depth:
            return down(number, depth - 1) + len(other)
        return len(items)
"""


def test_typed_bodies_give_up_what_ends_quietly() -> None:
    """Lists of their own, of a subclass even, are no reason to leave them."""
    names = namespace(LISTS, True)
    for number in range(200):
        assert names["down"](number, 5) == 6
    before = justjit.stats(names["down"])
    for number in range(200):
        assert names["down"](number, 5) == 6
    after = justjit.stats(names["down"])
    assert after.tier == "optimizing" and after.deopts == before.deopts, justjit.explain(names["down"])
    text = justjit.dump(names["down"], "ir")
    assert 'call @"typed#0:down"' in text
