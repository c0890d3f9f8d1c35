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
