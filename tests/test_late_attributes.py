"""Instances have room for what methods of their class set, however late that is."""

from typing import Any

import justjit
import pytest

from tests.optimized_programs import namespace, optimizing  # noqa: F401 (a fixture)

internal: Any = pytest.importorskip("_testinternalcapi", reason="this CPython comes without its own tests' modules")

SOURCE = """
    class Node:
        def __init__(self, number):
            self.number = number

        def fill(self, value):
            self.first = value
            self.second = self.third = value + 1

    class Derived(Node):
        def more(self, value):
            self.fourth = value
            self.fill(value)

    def make(class_, count):
        return [class_(number) for number in range(count)]

    def work(nodes):
        total = 0
        for node in nodes:
            node.fill(node.number)
            total += node.first * node.third
        return total
"""


@pytest.mark.parametrize("name", ["Node", "Derived"])
def test_instances_keep_late_attributes_in_themselves(name: str) -> None:
    hooked, plain = namespace(SOURCE, True), namespace(SOURCE, False)
    results = []
    for names in (hooked, plain):
        nodes = names["make"](names[name], 200)
        results.append([names["work"](nodes) for _ in range(40)])
        if name == "Derived":
            for node in nodes:
                node.more(1)
        names["nodes"] = nodes
    assert results[0] == results[1]
    assert [list(vars(node).items()) for node in plain["nodes"]] == [list(vars(n).items()) for n in hooked["nodes"]]
    # What has been looked at above has a dictionary, which shows the values in the instance.
    fresh = hooked["make"](hooked[name], 10)
    hooked["work"](fresh)
    assert all(internal.has_inline_values(node) for node in fresh)
    assert "dictionary_version" not in justjit.dump(hooked["Node"].fill, "ir")


def test_the_interpreter_has_no_room_for_them() -> None:
    """If it has some day, nobody else needs to make any."""
    plain = namespace(SOURCE, False)
    nodes = plain["make"](plain["Node"], 200)
    plain["work"](nodes)
    assert not any(internal.has_inline_values(node) for node in nodes)
