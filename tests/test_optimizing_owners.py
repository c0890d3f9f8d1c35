"""Whose references are, where much has to fit together. The IR is checked for it at each step, and a fault fails the test."""

from tests.edges import Check
from tests.edges import check as check


def test_functions_of_generators_that_are_made_go_once(check: Check) -> None:
    # Where values of many types come together, the generator's function is made while the generator is gone through.
    source = """
        def f(rows, k):
            hits = 0
            for kind, row in rows:
                if kind == 0:
                    v = kind + 1
                elif kind == 1:
                    v = kind + 0.5
                elif kind == 2:
                    v = "text"
                elif kind == 3:
                    v = None
                elif kind == 4:
                    v = (kind, row)
                elif kind == 5:
                    v = [kind]
                else:
                    v = kind == 6
                w = v
                if any(len(x) > k for x in row):
                    hits += 1
                if w == 12345:
                    hits += 100
            return hits
    """
    check(
        source,
        "[(i % 8, ['a' * j for j in range(i % 5)]) for i in range(64)], 2",
        "[(0, [1])], 1",
        "[(0, [])], 'x'",
        "5, 1",
    )


def test_arguments_of_calls_with_numbers_in_registers(check: Check) -> None:
    # Where the end of one leaves the code, the others are given up there.
    source = """
        class Loud:
            def __init__(self, value):
                self.value = value
            def __del__(self):
                ended.append(self.value)

        ended = []

        def depth(a, b, n):
            return a.value + b.value if n <= 0 else depth(a, b, n - 1) + depth(b, a, n - 2)

        def f(rounds):
            total = 0
            for i in range(rounds):
                total += depth(Loud(i), Loud(i + 1), 3)
            return total, ended[-6:], len(ended)
    """
    check(source, "40", "0", "1", "'x'", optimized=False)


def test_what_ends_in_a_comparison_by_identity(check: Check) -> None:
    source = """
        class Loud:
            def __del__(self):
                ended.append(len(ended))

        ended = []

        def f(rounds):
            same = 0
            for _ in range(rounds):
                same += Loud() is Loud()
                same += [] is ended
            return same, len(ended)
    """
    check(source, "40", "0", "1", "'x'", optimized=False)


def test_generators_that_an_exception_ends(check: Check) -> None:
    # The handler is around the loop that goes through them; the end of an operand may leave the code before theirs.
    source = """
        def each(items, rest):
            for item in items:
                yield item
            return rest

        def f(items, more):
            seen = []
            try:
                for x in each(items[:9], more):
                    seen.extend(more[:2])
                    seen.extend(x)
            except (TypeError, NameError) as error:
                return str(error), seen
            return seen
    """
    check(source, "[(1,), 2, (3,)], [4, 5, 6]", "[], 'abc'", "['ab', 3], 'abc'", "[[1]], 5", "'abc', 'abc'")
