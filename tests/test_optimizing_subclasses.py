"""Subclasses of `list` that do as lists do, `==` that is identity, and `super` for several classes in optimized code: that the
short ways are taken. That nobody can tell is tested by ``tests/programs/subclasses.py``.
"""

import gc
import sys
import weakref
from typing import Any

import justjit

from tests.optimized_programs import namespace, optimizing  # noqa: F401

SOURCE = """
    class Items(list):
        pass

    class Node:
        def __init__(self, name):
            super(Node, self).__init__()
            self.name = name
            self.next = Items()

        def is_open(self):
            return True

    class Open(Node):
        def __init__(self, name):
            super(Open, self).__init__(name)

    class Closed(Node):
        def __init__(self, name):
            super(Closed, self).__init__(name)

        def is_open(self):
            return False

    class Ajar(Open):
        pass

    def nodes(count):
        kinds = [Open, Closed, Ajar]
        made = Items()
        for number in range(count):
            node = kinds[number % 3](number)
            for one in made:
                node.next.append(one)
            if len(made) > 4:
                made.pop(0)
            made.append(node)
        return made

    def spread(start, without):
        queue = Items()
        queue.append(start)
        found = 0
        while queue:
            node = queue.pop(0)
            for one in node.next:
                if one != without and one.is_open() and found < 1000:
                    queue.append(one)
                    found += 1
        return found

    def total(items):
        total = 0
        for _ in range(20):
            for item in items:
                total += item
        return total

    def ends(items):
        return items[0] + items[-1] + len(items)
"""


def settled(names: dict[str, Any], name: str, *arguments: Any) -> str:
    function = names[name]
    for _ in range(30):
        function(*arguments)
    before = justjit.stats(function).deopts
    function(*arguments)
    assert justjit.stats(function).tier == "optimizing" and justjit.stats(function).deopts == before
    return justjit.dump(function, "ir")


def test_a_queue_needs_nothing_unknown() -> None:
    names = namespace(SOURCE, True)
    start = names["nodes"](200)[-1]
    text = settled(names, "spread", start, None)
    assert "call @justjit_pop" in text
    for unwanted in ("get_iter", "for_iter", "compare", "is_true", "justjit_call"):
        assert f"@justjit_{unwanted}" not in text, unwanted


def test_a_subclass_is_gone_over_without_an_iterator() -> None:
    names = namespace(SOURCE, True)
    text = settled(names, "total", names["Items"](range(50)))
    assert "@justjit_get_iter" not in text and "@justjit_for_iter" not in text
    assert names["total"](names["Items"](range(10))) == 20 * 45


def test_a_subclass_is_subscripted_and_has_a_length() -> None:
    names = namespace(SOURCE, True)
    text = settled(names, "ends", names["Items"](range(50)))
    assert "@justjit_subscr" not in text and "@justjit_call" not in text
    assert names["ends"](names["Items"](range(10))) == 9 + 10


def test_super_for_several_classes() -> None:
    names = namespace(SOURCE, True)
    for _ in range(30):
        made = names["nodes"](90)
        # Where they are made in compiled code, all that initializes them is inlined.
        for kind in ("Open", "Closed", "Ajar"):
            assert names[kind]("it").name == "it"
    assert [type(node).__name__ for node in made] == ["Closed", "Ajar", "Open", "Closed", "Ajar"]
    assert "@justjit_new_blank" in justjit.dump(names["nodes"], "ir")
    init = names["Node"].__init__
    assert justjit.stats(init).tier == "optimizing"
    assert "load_super_attr" not in justjit.dump(init, "ir")


def test_pop_keeps_references_and_memory() -> None:
    names = namespace(SOURCE, True)
    start = names["nodes"](200)[-1]
    settled(names, "spread", start, None)
    marker = names["Open"]("marker")
    start.next.append(marker)
    before = sys.getrefcount(marker), sys.getrefcount(None)
    for _ in range(50):
        names["spread"](start, None)
    assert abs(sys.getrefcount(marker) - before[0]) == 0
    watched = weakref.ref(marker)
    start.next.pop()
    del marker
    gc.collect()
    assert watched() is None


def test_lists_shrink_as_they_do() -> None:
    def drain(items: list[Any]) -> list[int]:
        sizes = []
        while items:
            items.pop(0)
            sizes.append(sys.getsizeof(items))
        return sizes

    expected = drain(list(range(100)))
    justjit.jit(drain)
    for _ in range(60):
        assert drain(list(range(100))) == expected
