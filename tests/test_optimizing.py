"""Code of the optimizing tier where its bets fail: what differs from the usual by one value, type, name or moment."""

import pytest

from tests.edges import Check, check  # noqa: F401 (a fixture)


class TestExceptions:
    def test_line_and_locals(self, check: Check) -> None:
        source = """
            def f(items, divisor):
                total = 0
                for i, item in enumerate(items):
                    before = total
                    total += (
                        item
                        //
                        divisor
                    )
                    index = items[item]
                    half = total / (index - 3)
                return total, half
        """
        edges = [
            "[1, 2, 0], 0",
            "[1, 2, 3], 1",
            "[1, 2, 'x'], 1",
            "[0, 3, 1, 3], 1",
            "[-9, 1], 1",
            "[], 1",
            "[2**70], 1",
            "[1, None], 1",
        ]
        check(source, "[0, 1, 2], 1", *edges)

    def test_caught_in_the_loop(self, check: Check) -> None:
        source = """
            def f(items, n):
                total, errors = 0, []
                for i in range(n):
                    try:
                        total += 100 // items[i]
                    except ZeroDivisionError as error:
                        errors.append((i, str(error)))
                    except IndexError:
                        errors.append(i)
                        break
                    else:
                        total -= 1
                    finally:
                        total += 1000
                else:
                    total = -total
                return total, errors
        """
        check(source, "[1, 2, 3], 3", "[1, 0, 3], 3", "[1, 2], 3", "[0], 5", "[2**70, 1.5, -7], 3", "['x'], 1")

    def test_in_an_inlined_callee(self, check: Check) -> None:
        source = """
            def g(a, b):
                c = a * 2
                return c // b

            def h(a, b):
                return g(a, b) + g(b, a)

            def f(items):
                total = 0
                for a, b in items:
                    total += h(a, b)
                return total
        """
        check(
            source,
            "[(1, 2), (3, 4)]",
            "[(1, 2), (0, 4)]",
            "[(2**62, 1)]",
            "[(1.5, 2)]",
            "[('a', 1)]",
            "[(1, 2, 3)]",
            "[1]",
            "[(2**63, 2**63)]",
        )

    def test_recursion(self, check: Check) -> None:
        source = """
            import sys

            def leaf(n):
                return n + 1

            def down(n):
                if n == 0:
                    return 0
                return leaf(down(n - 1))

            def f(n):
                try:
                    return down(n)
                except RecursionError as error:
                    depth, step = 0, error.__traceback__
                    while step.tb_next:
                        depth, step = depth + 1, step.tb_next
                    return depth, step.tb_frame.f_code.co_name, str(error)
        """
        check(source, "10", "100", "100000", optimized=False)

    def test_recursion_that_ends_in_an_inlined_callee(self, check: Check) -> None:
        source = """
            import sys

            def leaf(n):
                return n + 1

            def middle(n):
                return leaf(n) * 2

            def down(n, base):
                base += middle(n)
                return base if n == 0 else down(n - 1, base)

            def f(n):
                try:
                    return down(n, 1)
                except RecursionError as error:
                    depth, step = 0, error.__traceback__
                    while step.tb_next:
                        depth, step = depth + 1, step.tb_next
                    return depth, step.tb_frame.f_code.co_name, str(error), step.tb_frame.f_locals["n"]
        """
        check(source, "10", "100", "100000", optimized=False)

    def test_variable_of_a_comprehension_and_of_a_loop(self, check: Check) -> None:
        """The end of the comprehension leaves the variable unbound, and the loop binds it again."""
        source = """
            def f(x, n):
                total = [x ^ i for i in range(4)]
                for r in range(1, n):
                    for i in range(4):
                        total[i] += r
                return total
            """
        check(source, "5, 9", "2, 1", "2**62, 9")

    def test_unbound(self, check: Check) -> None:
        source = """
            def f(n, delete):
                for i in range(n):
                    x = i * 2
                    if delete == i:
                        del x
                    y = x
                return i, x, y
        """
        check(source, "5, -1", "5, 3", "0, 0", "5, 4")


class TestLoops:
    @pytest.mark.parametrize("usual", ["0, 9, 1", "0, 20, 3", "20, 0, -3"])
    def test_ranges(self, check: Check, usual: str) -> None:
        source = """
            def f(start, stop, step):
                seen = []
                for i in range(start, stop, step):
                    seen.append(i)
                    if len(seen) == 6:
                        break
                else:
                    seen.append("else")
                return seen
        """
        edges = [
            "0, 0, 1",
            "5, 0, 1",
            "0, 9, 0",
            "2**63 - 5, 2**63 - 1, 1",
            "2**63 - 5, 2**63 - 1, 3",
            "2**63, 2**63 + 9, 2",
        ]
        edges += [
            "-(2**63) + 5, -(2**63), -2",
            "0, 10, 2**62",
            "0, -(2**62), -(2**61)",
            "0, 2**63 - 1, 2**62",
            "True, 5, True",
        ]
        edges += ["1.5, 2, 1", "0, 'x', 1", "0, 10, 2**70", "-(2**63), 2**63 - 1, 2**63 - 1", "2**70, 0, -(2**68)"]
        check(source, usual, *edges)

    @pytest.mark.parametrize("step", ["2", "-1", "-3", "2**31", "2**40", "-(2**40)", "7"])
    def test_constant_steps(self, check: Check, step: str) -> None:
        source = f"""
            def f(start, stop):
                count = last = 0
                for i in range(start, stop, {eval(step)}):
                    last = i
                    count += 1
                    if count == 6:
                        break
                return count, last
        """
        check(
            source,
            "0, 20",
            "20, 0",
            "2**63 - 9, 2**63 - 1",
            "-(2**63) + 9, -(2**63)",
            "0, 2**63 - 1",
            "0, -(2**63)",
            "2**63 - 1, 2**63 + 40",
            "0, 2**70",
        )

    def test_lists_that_change(self, check: Check) -> None:
        source = """
            def f(items, what):
                total = 0
                for i, x in enumerate(items):
                    total += x
                    if i == 1:
                        if what == "append" and len(items) < 9:
                            items.append(7)
                        elif what == "clear":
                            items.clear()
                        elif what == "pop":
                            items.pop()
                        elif what == "type":
                            items[2] = 2.5
                        elif what == "string":
                            items[2] = "s"
                        elif what == "slice":
                            items[2:] = [9, 9, 9, 9]
                        elif what == "insert":
                            items.insert(0, 5)
                return total, items
        """
        edges = [f"[1, 2, 3, 4], {what!r}" for what in ("append", "clear", "pop", "type", "string", "slice", "insert")]
        check(source, "[1, 2, 3, 4], ''", *edges)

    def test_slices(self, check: Check) -> None:
        bounds = [
            "0, 3",
            "1, -1",
            "-3, 2",
            "None, None",
            "5, 1",
            "2**63, 1",
            "-(2**63), 2**63 - 1",
            "True, 3",
            "'a', 2",
        ]
        sequences = [
            "[1, 2.5, 'x', None, 5]",
            "(1, 2, 3, 4)",
            "'abcdé😀'",
            "b'abcdef'",
            "bytearray(b'abcdef')",
            "[]",
            "range(9)",
        ]
        source = """
            def f(x, i, j):
                whole = x[:]
                return x[i:j], x[i:], x[:j], x[1:3], x[i::2], x[:j:-1], x[::-1], x[j::-2], whole is x, type(whole)
            """
        for usual in sequences[:5]:
            edges = [f"{sequence}, {bound}" for sequence in sequences for bound in bounds]
            check(source, f"{usual}, 1, 3", *edges)

    def test_stores_to_slices(self, check: Check) -> None:
        source = """
            class Loud:
                def __init__(self, name, log):
                    self.name, self.log = name, log
                def __del__(self):
                    self.log.append(self.name)

            class Sub(list):
                def __setitem__(self, key, value):
                    super().__setitem__(slice(0, 1), value)

            def f(make, i, j, new):
                log = []
                items = make(log)
                items[i:j] = new if new is not None else items
                items[1:1] = (7, 8)
                items[:2] = items[2::-1]
                return items, log
            """
        plain = "lambda log: [1, 2, 3, 4, 5]"
        check(
            source,
            f"{plain}, 1, 3, [9, 9, 9]",
            f"{plain}, 4, 1, (6,)",
            f"{plain}, -2, 2**70, [1]",
            f"{plain}, None, None, None",
            f"{plain}, 0, 2, 'text'",
            f"{plain}, 0, 2, iter([4, 5])",
            f"{plain}, 0, 2, 5",
            f"{plain}, 'a', 2, [5]",
            "lambda log: [Loud('a', log), 1, Loud('b', log), 2], 0, 3, []",
            "lambda log: Sub([1, 2, 3, 4]), 1, 3, [9]",
            "lambda log: bytearray(b'abcdef'), 1, 3, b'xyz'",
        )

    def test_zip_and_enumerate(self, check: Check) -> None:
        source = """
            def f(a, b):
                total = 0
                for i, (x, y) in enumerate(zip(a, b)):
                    total += i * x - y
                for x, y in zip(a, b):
                    last = x, y
                return total, last
        """
        edges = [
            "[1, 2], [1]",
            "[1], [1, 2]",
            "[], [1]",
            "[1.5], [2]",
            "['x'], [1]",
            "(1, 2), [3, 4]",
            "[None, 1], [2, 's']",
        ]
        edges += ["iter([1, 2]), [3, 4]", "'ab', [1, 2]", "5, [1]", "[2**70, 1], [1, 2]", "{1: 2}, [3]"]
        check(source, "[1, 2, 3], [4, 5, 6]", *edges)

    def test_elements_of_other_types_behind_objects(self, check: Check) -> None:
        source = """
            def f(a, b):
                found = []
                total = 0
                for x, y in zip(a, b):
                    found.append(x)
                    total += y
                return found, total
        """
        check(source, "[[], [], []], [1, 2, 3]", "[[], []], [1, 2.5]", "[[], []], [1, 's']", "[[]], [2**70]")

    def test_indices(self, check: Check) -> None:
        source = """
            def f(items, first, last):
                total = items[0]
                for i in range(first, last):
                    total = total + items[i]
                return total, items[-1]
        """
        edges = [
            "[1, 2, 3], -3, 3",
            "[1, 2, 3], 0, 5",
            "[1, 2, 3], -5, 0",
            "[], 0, 0",
            "(1, 2, 3), 0, 3",
            "'abc', -3, 3",
            "b'abc', 0, 3",
        ]
        edges += [
            "bytearray(b'abc'), 0, 4",
            "[1, 2.5, 's'], 0, 3",
            "{0: 1, 1: 5, -1: 3}, 0, 2",
            "'é€😀', 0, 3",
            "[2**62, 2**62, 2**62], 0, 3",
        ]
        for usual in (
            "[1, 2, 3], 0, 3",
            "(1.5, 2.5, 3.5), 0, 3",
            "'abc', 0, 3",
            "b'abc', 0, 3",
            "bytearray(b'abc'), 0, 3",
        ):
            check(source, usual, *edges)

    def test_names_rebound(self, check: Check) -> None:
        source = """
            SCALE = 2

            def helper(x):
                return x * SCALE

            def other(x):
                return -x

            def f(n, what):
                global SCALE, helper
                SCALE = 2
                saved = helper
                total = 0
                for i in range(n):
                    total += helper(i) + SCALE + abs(-i)
                    if i == 2:
                        if what == "scale":
                            SCALE = 2.5
                        elif what == "helper":
                            helper = other
                        elif what == "code":
                            helper.__code__ = other.__code__
                        elif what == "abs":
                            globals()["abs"] = lambda x: 100
                        elif what == "del":
                            del SCALE
                helper = saved
                return total
        """
        for what in ("scale", "helper", "code", "abs", "del"):
            check(source, "6, ''", f"6, {what!r}", f"4, {what!r}", optimized=False)

    def test_sum_past_a_word(self, check: Check) -> None:
        source = """
            def f(items):
                return sum(x * 2 for x in items), sum(items), sum([x for x in items])
        """
        check(source, "[1, 2, 3]", "[2**62, 2**62]", "[1.5, 2]", "['x']", "[True, 2.5]", optimized=False)

    def test_cells(self, check: Check) -> None:
        source = """
            def f(n, bad):
                total = 0
                def add(x):
                    nonlocal total
                    total += x
                for i in range(n):
                    add(i)
                    if i == bad:
                        total = 1.5
                return total
        """
        check(source, "6, -1", "6, 2", "0, 0", optimized=False)
