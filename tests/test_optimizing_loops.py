"""Loops in optimized code: what their rounds do not need to do."""

import justjit

from tests.optimized_programs import namespace
from tests.optimized_programs import optimizing as optimizing


def test_loops_do_not_box_locals_that_nobody_uses() -> None:
    """`number` and `multiple` are set anew in each round, and may differ in what is known of them on the way in."""
    source = """
        def sieve(limit):
            prime = bytearray([1]) * (limit + 1)
            count = 0
            for number in range(2, limit + 1):
                if prime[number]:
                    count += 1
                    for multiple in range(number * number, limit + 1, number):
                        prime[multiple] = 0
            return count
    """
    sieve = namespace(source, True)["sieve"]
    for _ in range(6):
        assert sieve(2000) == namespace(source, False)["sieve"](2000) == 303
    assert "rebox_int" not in justjit.dump(sieve, "ir")


COMPREHENSIONS = """
    def f(before, items, bound):
        if bound:
            for x in before:
                pass
        doubled = [x * 2 for x in items]
        try:
            x
            there = True
        except UnboundLocalError:
            there = False
        for x in before:
            pass
        return len(doubled), there

    def g(items):
        return sum([y + 1 for y in items]), max(1, len({y for y in items})), max(1, *[y for y in items])
"""


def test_loops_of_comprehensions_are_entered() -> None:
    """A comprehension's variable may have had a value before or not: what it had waits on the operand stack, or NULL does."""
    calls = [([1], range(1000), True), ([], range(1000), True), ([], range(1000), False), ([2], range(300), False)]
    with justjit.config(tier="auto", optimize_loops=200):
        names, plain = namespace(COMPREHENSIONS, jitted=True), namespace(COMPREHENSIONS, jitted=False)
        for _ in range(40):
            for arguments in calls:
                assert names["f"](*arguments) == plain["f"](*arguments), arguments
            assert names["g"](range(2000)) == plain["g"](range(2000))
        for name in "fg":
            forms = justjit.stats(names[name]).forms
            assert any(form.loop_entries for form in forms if form.tier == "optimizing"), forms
