"""Look-ups of keys, truth, comparison and unpacking in optimized code: that the short ways are taken. That nobody can tell is
tested by ``tests/programs/lookups.py``.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import justjit

from tests.optimized_programs import namespace, optimizing  # noqa: F401

SOURCE = """
    from collections import defaultdict

    class Item:
        def __init__(self, value):
            self.value = value

    def weigh(table, rows):
        total = 0.0
        for row in rows:
            total += sum(table[key] * factor for key, factor in row)
        return total

    def touch(table, done, keys):
        count = 0
        for key in keys:
            if key in done:
                count += 1
            table[key] = table[key] + 1
            count += table[key]
        return count

    def big(items, kind):
        return any(item.value > 90 for item in items if item) or kind == Item

    def unpack(items, rounds):
        total = 0
        for _ in range(rounds):
            a, b, c = items
            c, a, b = items
            total += a - b
        return total
"""


def settled(function: Callable[..., Any], rounds: int, *arguments: Any) -> Any:
    """The version that a function has after some calls, which it is not left in any more."""
    for _ in range(rounds):
        function(*arguments)
    before = justjit.stats(function).deopts
    for _ in range(5):
        function(*arguments)
    assert justjit.stats(function).tier == "optimizing" and justjit.stats(function).deopts == before
    return justjit.dump(function, "ir")


KEYS = [(number, (str(number), -number)) for number in range(100)]


def test_generator_expressions_look_up_without_a_frame() -> None:
    names = namespace(SOURCE, True)
    table = {key: float(number) for number, key in enumerate(KEYS)}
    rows = [[(key, 0.5) for key in KEYS[:20]]] * 30
    text = settled(names["weigh"], 10, table, rows)
    assert "@justjit_quiet_value" in text and "@justjit_make_function" not in text
    assert names["weigh"](table, rows) == namespace(SOURCE, False)["weigh"](table, rows)


def test_the_hash_of_a_key_is_computed_once() -> None:
    names = namespace(SOURCE, True)
    table = dict.fromkeys(KEYS, 1)
    text = settled(names["touch"], 10, table, set(KEYS[::2]), KEYS)
    lookups = ["quiet_contains_key", "quiet_value_of", "quiet_place"]
    counts = [text.count(f"call @justjit_{name}") for name in lookups]
    # Each would have one of its own otherwise.
    assert all(counts) and text.count("call @justjit_quiet_hash_of") < sum(counts)
    assert table[KEYS[3]] == 16


def test_keys_that_are_missing_at_first_drop_nothing() -> None:
    names = namespace(SOURCE, True)
    weigh, rows = names["weigh"], [[(key, 1.0) for key in KEYS]] * 3
    full = dict.fromkeys(KEYS, 1.0)
    settled(weigh, 20, names["defaultdict"](float, full), rows)
    time.sleep(0.2)
    missing = "a key that was not found"
    before = justjit.stats(weigh).deopts.get(missing, 0)
    table = names["defaultdict"](float)
    assert weigh(table, rows) == 0 and len(table) == len(KEYS)
    assert justjit.stats(weigh).deopts[missing] > before
    assert not [form for form in justjit.stats(weigh).forms if "key" in (form.dropped or "")]


def test_keys_that_are_always_missing_drop_the_bet() -> None:
    names = namespace(SOURCE, True)
    weigh, rows = names["weigh"], [[(key, 1.0)] for key in KEYS]
    settled(weigh, 20, names["defaultdict"](float, dict.fromkeys(KEYS, 1.0)), rows)
    for _ in range(200):
        assert weigh(names["defaultdict"](float), rows) == 0
    assert [form for form in justjit.stats(weigh).forms if "key" in (form.dropped or "")]


def test_what_may_be_none_is_true_without_a_call() -> None:
    names = namespace(SOURCE, True)
    items = [names["Item"](number) if number % 3 else None for number in range(60)]
    text = settled(names["big"], 60, items, None)
    assert "@justjit_is_true" not in text and "@justjit_make_function" not in text
    assert names["big"](items, names["Item"]) is True


def test_tuples_and_lists_are_unpacked_in_one_version() -> None:
    names = namespace(SOURCE, True)
    unpack = names["unpack"]
    with justjit.config(tier="auto", optimize_calls=50, optimize_loops=2000):
        for number in range(200):
            assert unpack((1, 2, 3), 300) == -300 == unpack([1, 2, 3], 300)
        before = justjit.stats(unpack).deopts
        for number in range(20):
            assert unpack((number, 2, 3), 300) == 300 * (2 - 3) and unpack([1, number, 3], 300) == 300 * (number - 3)
    assert justjit.stats(unpack).tier == "optimizing" and justjit.stats(unpack).deopts == before
    text = justjit.dump(unpack, "ir")
    assert "has_type @list" in text and "has_type @tuple" in text and "unpack_sequence" not in text


def test_an_empty_result_is_no_miss() -> None:
    # Values that are false, and keys that are absent from sets, are found like others.
    names = namespace(SOURCE, True)
    table = dict.fromkeys(KEYS, 0)
    settled(names["touch"], 10, table, set(), KEYS)
    assert set(table.values()) == {15}


MADE = """
    class Key:
        def __init__(self, number, part):
            self.number = number
            self.part = part

    class Keeper:
        def __init__(self):
            self.keys = {1: None}

        def save(self, at, part):
            key = Key(1, part)
            self.keys[at] = key
            return key

    def through_a_method(keeper, at, part):
        return keeper.save(at, part) is keeper.keys[at]

    def as_value(table, at, part):
        key = Key(2, part)
        table[at] = key
        return key is table[at], key.part is part

    def as_key(table, part):
        key = Key(3, part)
        table[key] = 1
        return key in table, table[key], table.get(key, part)

    def as_both(table, part):
        key = Key(4, part)
        table[key] = key
        return table[key] is key

    def in_a_tuple(table, part):
        key = Key(5, part)
        table[1, key] = key
        return table[1, key] is key

    def out_of_a_tuple(items, at, part):
        key = Key(6, part)
        return (key, key, items)[at] is key, key.part
"""


def test_what_is_made_for_a_look_up_that_is_left_is_one_object() -> None:
    names = namespace(MADE, jitted=True)
    parts = [[number] for number in range(5)]
    before = [sys.getrefcount(part) for part in parts]
    keeper, table = names["Keeper"](), {1: 0}
    for turn in range(400):
        part = parts[turn % 5]
        # Seldom a key that is not there yet.
        at = 1 if turn % 50 else turn + 2
        assert names["through_a_method"](keeper, at, part)
        assert names["as_value"](table, at, part) == (True, True)
        assert names["as_key"](table, part) == (True, 1, 1)
        assert names["as_both"](table, part)
        assert names["in_a_tuple"](table, part)
        assert names["out_of_a_tuple"]([1], turn % 3, part) == (turn % 3 < 2, part)
    assert justjit.stats(names["as_value"]).tier == "optimizing"
    keeper.keys.clear()
    table.clear()
    del part
    assert [sys.getrefcount(part) for part in parts] == before
