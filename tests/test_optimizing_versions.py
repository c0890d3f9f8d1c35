"""How many versions of a place optimized code has: that what nobody needs does not multiply them."""

import justjit
import pytest

from tests.optimized_programs import namespace, optimizing  # noqa: F401


def branching(count: int, assign: str) -> str:
    """A loop with so many ways through it, each of which assigns a variable that nobody reads afterwards."""
    ways = "".join(
        f"""
            if items[{way}] > index:
                {assign.format(way=way)}
                total += {way}"""
        for way in range(count)
    )
    return f"""
    class Thing:
        pass

    def way_through(items, rounds):
        total = 0
        for index in range(rounds):{ways}
        return total
    """


def size(source: str) -> int:
    """How large the code is for that, as it was built."""
    names = namespace(source, True)
    way_through = names["way_through"]
    for _ in range(200):
        way_through([5, 9, 3, 12, 7, 2, 8, 11], 15)
    return justjit.dump(way_through, "ir:build").count("\n")


@pytest.mark.parametrize("assigned", ["[index]", "items", "Thing()", "index * 2", "str(index)"])
def test_unused_locals(assigned: str) -> None:
    few, many = (size(branching(count, "unused{way} = " + assigned)) for count in (2, 8))
    # Four times as many ways, and a bit more for each; with each combination there were dozens of times as much, or (where the
    # objects are not made) no code at all.
    assert many < 7 * few, (few, many)
