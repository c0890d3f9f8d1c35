"""Loops in optimized code: what their rounds do not need to do."""

from typing import Any

import justjit
import pytest

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


# In each, the loop is entered in the middle of its first call with numbers in locals that it changes.
ENTERED = """
    def nested(rows, columns):
        best = where = 0
        for row in range(1, rows):
            n, steps = row, 0
            for column in range(columns):
                n = n // 2 if n % 2 == 0 else 3 * n + 1
                steps += n & 3
            if steps > best:
                best, where = steps, row
        return best, where, row, n, steps

    def kept(limit, rare):
        'A local that the loop seldom changes, and another name for it.'
        same = changed = float(limit)
        seen = []
        total = 0
        for i in range(limit):
            total += i
            if i == rare:
                changed = changed + 1.0
                seen.append(i)
        return changed, changed is same, total, seen

    def grows(rounds):
        'Past 64 bits in the middle, from what is in the frame.'
        big, i = 2**62 - rounds // 2, 0
        while i < rounds:
            big += 1 if i < rounds - 5 else 2**62
            i += 1
        return big

    def begins_big(rounds):
        big, i = 2**70, 0
        while i < rounds:
            big -= 1
            i += 1
        return big, i

    def mixed(values):
        total, flag, last = 0, False, -0.0
        for value in values:
            flag = not flag
            last = last * 0.5 + value
            total += value
        return total, flag, last

    def raises(items, rounds):
        a, b = 1, 2.0
        for i in range(rounds):
            a, b = a + 1, b * 0.5 + a
            for item in items:
                a += item
        return a, b

    def unseen(table, rounds):
        'What is behind the inner loop is new to its code; a row is a list the first time, and later something else.'
        total = 0
        for row in table:
            for i in range(rounds):
                total += row[i % 3] * i
            total -= len(row)
        return total

    def names(rounds):
        before = 3
        total = 0
        for i in range(rounds):
            total += i
            if i == rounds - 1:
                return sorted(locals().items(), key=str)
"""


def test_loops_entered_with_numbers_in_the_frame() -> None:
    """They are numbers without their objects from the entry on, where all that happens to them is arithmetic."""
    calls = [
        ("nested", (60, 700)),
        ("kept", (20_000, -1)),
        ("kept", (20_000, 15_000)),
        ("grows", (20_000,)),
        ("begins_big", (20_000,)),
        ("mixed", ([1, 2, 3] * 3000,)),
        ("mixed", ([1, 2, 3] * 3000 + [0.5, True],)),
        ("raises", ([1, 2, "x"], 1)),
        ("raises", ([1, 2] * 9000 + ["x"], 3)),
        ("unseen", ([[1, 2, 3]] * 9 + [(4, 5, 6), b"789", [1.5, 2, 3]], 4000)),
        ("names", (20_000,)),
    ]

    def outcome(function, arguments):  # type: ignore[no-untyped-def]
        try:
            return repr(function(*arguments))
        except TypeError as error:
            traceback = error.__traceback__.tb_next
            return str(error), traceback.tb_lineno, repr(traceback.tb_frame.f_locals)

    with justjit.config(tier="auto", optimize_loops=3000):
        for name, arguments in calls:
            for _ in range(2):
                jitted = namespace(ENTERED, jitted=True)[name]
                wanted = outcome(namespace(ENTERED, jitted=False)[name], arguments)
                for _ in range(3):
                    assert outcome(jitted, arguments) == wanted, (name, arguments)
            if name not in ("names", "raises"):
                forms = justjit.stats(jitted).forms
                assert any(form.loop_entries for form in forms if form.tier == "optimizing"), (name, forms)


def test_numbers_that_is_compares_keep_their_objects_where_a_loop_is_entered() -> None:
    source = """
        def f(limit, x):
            y, total = x, 0.0
            for i in range(limit):
                total += x * 0.5
                if i < 0:
                    x = total
            return x is y, total
    """
    with justjit.config(tier="auto", optimize_loops=3000):
        f = namespace(source, jitted=True)["f"]
        for _ in range(4):
            assert f(20_000, float("1.5")) == (True, 15_000.0)


def test_rows_that_are_tested_where_they_are_used_may_be_numbers() -> None:
    """What is read as a row, and tested later, may be a number of a list that lies unpacked, which the nest has changed."""
    source = """
        def f(table, rounds, other):
            found = []
            for n in range(rounds):
                total = 0.0
                for i in range(len(table)):
                    try:
                        total += table[i][n % 2] * 0.5
                    except TypeError:
                        found.append((n, i, table[i]))
                    for j in range(len(other)):
                        other[j] += 1.0
                        total += other[j]
                if n == rounds - 3:
                    table = other
            return total, found, other
    """

    def arguments(row):  # type: ignore[no-untyped-def]
        return [[float(i), 2.0] for i in range(8)] + row, 60, [0.5] * 60

    with justjit.config(tier="auto", optimize_loops=3000):
        for row in ([], [[1.5, 2.5]], [3.5], [(1.0, 2.0)]):
            f = namespace(source, jitted=True)["f"]
            wanted = repr(namespace(source, jitted=False)["f"](*arguments(row)))
            for _ in range(6):
                assert repr(f(*arguments(row))) == wanted, row


def test_code_for_a_loop_is_not_made_for_each_place_where_its_numbers_may_be() -> None:
    """One loop in one other: numbers in the frame's slots and in registers would make four of them."""
    source = """
        def longest(limit):
            best = longest = 0
            for start in range(1, limit):
                n, steps = start, 1
                while n != 1:
                    n = n // 2 if n % 2 == 0 else 3 * n + 1
                    steps += 1
                if steps > longest:
                    best, longest = start, steps
            return best * 1000 + longest
    """
    with justjit.config(tier="auto", optimize_loops=3000, backend="cranelift"):
        longest = namespace(source, jitted=True)["longest"]
        assert longest(3000) == namespace(source, jitted=False)["longest"](3000)
        entered = [form for form in justjit.stats(longest).forms if form.tier == "optimizing"]
        assert entered
        # With a loop for each it was 5,720 bytes; now 2,552.
        assert entered[0].code_bytes < 4_000, entered


ZIPS = """
    def pairs(left, right):
        found = []
        for a, b in zip(left, right):
            found.append((a, b))
        return found

    def products(left, right):
        return sum(a * b for a, b in zip(left, right))

    def grow(left, right):
        rounds = 0
        for a, b in zip(left, right):
            rounds += 1
            if rounds < 50:
                left.append(a)
                right.append(b)
        return rounds
"""


def test_zip_of_parameters_is_not_made() -> None:
    """What was given to `zip` is known from samples, of the second argument as well."""
    plain, fast = namespace(ZIPS, False), namespace(ZIPS, True)
    for _ in range(60):
        for name in ("pairs", "products", "grow"):
            assert fast[name]([1, 2, 3], [4, 5, 6]) == plain[name]([1, 2, 3], [4, 5, 6])
    for name in ("pairs", "products", "grow"):
        assert justjit.stats(fast[name]).tier == "optimizing"
        text = justjit.dump(fast[name], "ir")
        assert "call @justjit_call " not in text and "call @justjit_for_iter " not in text, text


def test_zip_of_what_else_there_is() -> None:
    class Nine(list[int]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            return iter([9, 9])

    def outcome(function, left, right):  # type: ignore[no-untyped-def]
        try:
            result: object = function(left, right)
        except TypeError as error:
            result = str(error)
        rest = [list(one) if hasattr(one, "__next__") else one for one in (left, right)]
        return repr(result), rest

    plain, fast = namespace(ZIPS, False), namespace(ZIPS, True)
    makers = [
        lambda: ([1, 2], [3, 4]),
        lambda: ([1, 2, 3], (4, 5)),
        lambda: ("ab", [1, 2]),
        lambda: ([], [1]),
        lambda: ({1: 2}, [3]),
        lambda: (Nine([1, 2, 3]), [1, 2, 3]),
        lambda: (range(3), [4, 5, 6]),
        lambda: ([1.5], [2]),
        lambda: (iter([1, 2, 3]), iter([1])),
        lambda: (5, [1]),
        lambda: ([1], 5),
    ]
    for round_ in range(80):
        for make in makers[:1] * 5 + makers[: 1 + round_ // 6]:
            for name in ("pairs", "products"):
                assert outcome(fast[name], *make()) == outcome(plain[name], *make()), (round_, name)


STARTS = ["enumerate(items, 1)", "enumerate(items, start=1)", "enumerate(items, at)", "enumerate(items, start=at)"]
STARTS += ["enumerate(items, True)", "enumerate(items, -5)"]
FAR_STARTS = ["enumerate(items, 2**62)", "enumerate(items, start=2**63 - 2)", "enumerate(iterable=items)"]


def numbered(call: str) -> str:
    return f"""
    def numbered(items, at):
        at += 1
        found = []
        for number, item in {call}:
            found.append((number, item))
        return found
"""


@pytest.mark.parametrize("call", STARTS + FAR_STARTS)
def test_enumerate_from_a_start_on(call: str) -> None:
    plain, fast = namespace(numbered(call), False)["numbered"], namespace(numbered(call), True)["numbered"]
    for _ in range(60):
        assert repr(fast([1, 2, 3], 4)) == repr(plain([1, 2, 3], 4))
    if call in STARTS:
        text = justjit.dump(fast, "ir")
        assert "call @justjit_call " not in text and "call @justjit_for_iter " not in text, text

    def outcome(function: Any, items: Any, at: Any) -> str:
        try:
            return repr(function(items, at))
        except TypeError as error:
            return str(error)

    for _ in range(20):
        for at in (4, 2**62, 2**63 - 3, 2**63 - 2, 2**70, -(2**62) - 2, True, 1.5, "x", None):
            for items in ([1, 2, 3], (4, 5), "ab", {1: 2}, range(3), [], 7):
                assert outcome(fast, items, at) == outcome(plain, items, at), (items, at)
            assert outcome(fast, iter([1, 2]), at) == outcome(plain, iter([1, 2]), at)
