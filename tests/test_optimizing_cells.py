"""Cells of inlined functions and generators in optimized code: they are not made, and nobody can tell.

Each program is run twice, as it is and optimized, and both have to say the same.
"""

from tests.optimized_programs import optimizing_and_leaving as optimizing_and_leaving
from tests.test_optimizing_generators import both


def test_parameters_in_cells() -> None:
    source = """
        def near(v, limit):
            return sum(x * limit for x in v)

        def f(v, n):
            total = 0
            for k in range(n):
                total += near(v, k)
            return total
    """
    both(source, [[1, 2, 3], 10], [[], 3], [[2**62, 1], 5], [[0.5, 2], 4], [["a"], 2], [[1], 0])


def test_generators_with_cells() -> None:
    source = """
        def pairs(v):
            for i in v:
                yield sum(i * j for j in v)

        def f(v, n):
            found = []
            for k in range(n):
                for p in pairs(v):
                    found.append(p + k)
            return found
    """
    both(source, [[1, 2, 3], 6], [[], 3], [[1.5, 2], 4], [["a", 2], 2], [[2**40, 2**40], 2])


def test_a_cell_that_is_written() -> None:
    source = """
        def last_above(v, limit):
            last = None
            found = any((last := x) > limit for x in v)
            return found, last

        def f(v, n):
            found = []
            for k in range(n):
                found.append(last_above(v, k))
            return found
    """
    both(source, [[1, 2, 3], 6], [[], 3], [[1.5, 9], 4], [["a"], 1], [[0, None], 2])


def test_a_running_total_in_a_cell() -> None:
    source = """
        def running(v):
            total = 0
            return list((total := total + x) for x in v), total

        def f(v, n):
            found = []
            for k in range(n):
                found.append(running(v))
            return found
    """
    both(source, [[1, 2, 3], 6], [[], 3], [[2**62, 2**62, 1], 2], [[0.5, 1], 2], [["a"], 1])


def test_cells_that_are_empty() -> None:
    source = """
        def late(v, know):
            if know:
                limit = 2
            return sum(x + limit for x in v)

        def f(v, n, from_):
            total = 0
            for k in range(n):
                total += late(v, k >= from_)
            return total
    """
    both(source, [[1, 2, 3], 6, 0], [[1], 6, 3], [[], 6, 3], [[1], 6, 6])


def test_a_cell_that_two_generators_share() -> None:
    source = """
        def both_of(v, k):
            return sum(x * k for x in v if any(y == k for y in v))

        def f(v, n):
            total = 0
            for k in range(n):
                total += both_of(v, k)
            return total
    """
    both(source, [[1, 2, 3], 6], [[], 3], [[2.0, 1], 4], [[True], 3])


def test_a_cell_that_holds_its_own_generator() -> None:
    source = """
        def odd(v):
            g = (g is None for x in v)
            return list(g)

        def f(v, n):
            found = []
            for k in range(n):
                found.append(odd(v))
            return found
    """
    both(source, [[1, 2, 3], 6], [[], 3], inlined=False)


def test_functions_that_get_out() -> None:
    source = """
        def adder(k):
            k += 1
            return lambda x: x + k

        def f(v, n):
            total = 0
            for k in range(n):
                add = adder(k)
                total += sum(add(x) for x in v)
            return total
    """
    both(source, [[1, 2, 3], 6], [[], 3], [[2.0, 1], 4], inlined=False)


def test_nested_closures() -> None:
    source = """
        def outer(v, k):
            return sum(sum(x * y * k for y in v if x != y) for x in v)

        def f(v, n):
            total = 0
            for k in range(n):
                total += outer(v, k)
            return total
    """
    both(source, [[1, 2, 3], 6], [[], 3], [[2.0, 1], 4], [[2**62, 3], 3], [["a", 2], 2])


def test_exceptions_show_what_the_cells_held() -> None:
    source = """
        def divided(v, k):
            half = k // 2
            return sum(x // (k - x) + half for x in v)

        def f(v, n):
            total = 0
            for k in range(10, 10 + n):
                total += divided(v, k)
            return total
    """
    both(source, [[1, 2, 3], 6], [[10], 1], [[1, 11], 3], [[None], 2])


def test_objects_that_end_with_the_cell() -> None:
    source = """
        log = []

        class Noisy:
            def __init__(self, number):
                self.number = number
            def __del__(self):
                log.append(self.number)

        def use(k, v):
            kept = Noisy(k)
            total = sum(kept.number * x for x in v)
            kept = None
            log.append("end")
            return total

        def f(v, n):
            log.clear()
            total = 0
            for k in range(n):
                total += use(k, v)
            return total, list(log)
    """
    both(source, [[1, 2, 3], 6], [[], 3], [["a"], 2], inlined=False)


def test_frames_that_are_looked_at() -> None:
    source = """
        def look(x):
            frame = sys._getframe(1)
            outer = frame.f_back
            return x + len(frame.f_locals) + outer.f_locals.get("k", 0)

        def looked(v, k):
            return sum(look(x) * k for x in v)

        def f(v, n):
            total = 0
            for k in range(n):
                total += looked(v, k)
            return total
    """
    both(source, [[1, 2, 3], 6], [[], 3], inlined=False)
