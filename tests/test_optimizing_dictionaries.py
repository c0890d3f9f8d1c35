"""Attributes that instances have in dictionaries of their own, since their class has no room for them."""

import gc
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import justjit
import pytest

from tests.optimized_programs import namespace, optimizing  # noqa: F401

SOURCE = """
    class Square:
        def __init__(self, position):
            self.position = position

        def root(self, update=False):
            reference = self.reference
            if reference.position != self.position:
                reference = reference.root(update)
                if update:
                    self.reference = reference
            return reference

        def add(self, amount):
            self.count += amount
            self.weight = self.weight * 0.5 + amount
            self.last = (amount, self.position)

    # Without that the class would have room for all that its methods set.
    del Square.__static_attributes__

    def make(count):
        # So many that no further attribute finds room among the inline values.
        squares = [Square(number) for number in range(count)]
        for square in squares:
            square.count = 1000
            square.weight = 0.5
            square.last = None
            square.reference = squares[square.position // 3]
        return squares

    def work(squares, rounds):
        found = []
        for number in range(rounds):
            square = squares[number % len(squares)]
            square.add(number)
            found.append(square.root(number % 5 == 0).position)
            found.append(square.count)
        return found, [(one.count, one.weight, one.last, one.reference.position) for one in squares]

    def bump(square, rounds):
        for _ in range(rounds):
            square.count += 1
        return square.count

    def put(square, name_is_count, value):
        square.count = value
        return square.count
"""


def both(rounds: int = 25) -> tuple[dict[str, Any], dict[str, Any]]:
    """The program hooked and as it is, after ``work`` has run some times in each with the same results."""
    hooked, plain = namespace(SOURCE, True), namespace(SOURCE, False)
    for names in (hooked, plain):
        names["squares"] = names["make"](60)
    for _ in range(rounds):
        assert hooked["work"](hooked["squares"], 300) == plain["work"](plain["squares"], 300)
    assert justjit.stats(hooked["work"]).tier == "optimizing"
    return hooked, plain


def test_machine_code_reads_and_writes() -> None:
    hooked, _ = both()
    text = justjit.dump(hooked["Square"].add, "ir")
    assert "@str_count" in text and "dictionary_version" in text
    assert "justjit_store" not in text


def moved(square: Any) -> None:
    """Another entry of the dictionary has it."""
    count = square.count
    del square.count
    square.other = 1
    square.count = count


def replaced(square: Any) -> None:
    square.__dict__ = dict(square.__dict__)


def of_a_subclass(square: Any) -> None:
    square.__dict__ = OrderedDict(reversed(square.__dict__.items()))


def with_other_keys(square: Any) -> None:
    square.__dict__[17] = 4


def large(square: Any) -> None:
    square.__dict__.update((f"name{number}", number) for number in range(400))


def shared(square: Any) -> None:
    square.reference.__dict__ = square.__dict__


def another_type(square: Any) -> None:
    square.count = float(square.count)


def huge(square: Any) -> None:
    square.count = 2**70


def of_another_class(square: Any) -> None:
    class Other(type(square)):  # type: ignore[misc]
        @property
        def count(self) -> int:
            return 5

        @count.setter
        def count(self, value: int) -> None:
            self.weight = value

    square.__class__ = Other


@pytest.mark.parametrize(
    "change",
    [moved, replaced, of_a_subclass, with_other_keys, large, shared, another_type, huge, of_another_class],
)
def test_changed_objects(change: Callable[[Any], None]) -> None:
    hooked, plain = both()
    for names in (hooked, plain):
        change(names["squares"][7])
    for _ in range(4):
        assert hooked["work"](hooked["squares"], 300) == plain["work"](plain["squares"], 300)
        assert list(hooked["squares"][7].__dict__) == list(plain["squares"][7].__dict__)


def test_missing_attribute() -> None:
    hooked, plain = both()
    messages = []
    for names in (hooked, plain):
        del names["squares"][7].count
        with pytest.raises(AttributeError) as raised:
            names["work"](names["squares"], 300)
        messages.append((str(raised.value), raised.traceback[-1].lineno))
    assert messages[0] == messages[1]


def test_numbers_that_others_have_stay() -> None:
    hooked, _ = both()
    square = hooked["squares"][3]
    square.count = 10_000
    for _ in range(5):
        kept = square.count
        before = int(str(kept))
        assert hooked["bump"](square, 500) == before + 500
        assert kept == before


def test_collector_finds_what_is_stored() -> None:
    hooked, _ = both()
    put, square = hooked["put"], hooked["squares"][5]
    for number in range(30):
        put(square, True, [number])
    assert justjit.stats(put).tier == "optimizing"
    one = hooked["make"](60)[59]
    # Nothing but numbers and strings: the collector does not look into such a dictionary.
    one.__dict__ = {"position": 59, "count": 7, "weight": 1.5, "last": "last", "reference": 3}
    assert not gc.is_tracked(one.__dict__)
    holder = [one]
    put(one, True, holder)
    assert gc.is_tracked(one.__dict__)
    seen = weakref.ref(one)
    del one, holder
    gc.collect()
    assert seen() is None


def test_finalizer_sees_the_new_value() -> None:
    hooked, _ = both()
    square, put = hooked["squares"][5], hooked["put"]
    seen: list[str] = []

    class Ending:
        def __del__(self) -> None:
            seen.append(type(square.count).__name__)

    for _ in range(30):
        put(square, True, Ending())
    put(square, True, 3)
    # When one is replaced, the next is there already.
    assert seen == ["Ending"] * 29 + ["int"]
