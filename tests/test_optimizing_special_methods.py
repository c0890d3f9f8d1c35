"""Finalizers, frames that somebody looks at and special methods, in the optimizing tier."""

import pytest

from tests.edges import Check, check  # noqa: F401 (a fixture)


class TestFinalizers:
    def test_rebinding_a_local_that_has_the_last_reference(self, check: Check) -> None:
        source = """
            import sys
            LOG = []

            class D:
                def __init__(self, name):
                    self.name = name

                def __del__(self):
                    frame = sys._getframe(1)
                    LOG.append((self.name, frame.f_code.co_name, frame.f_lineno, sorted(frame.f_locals)))

            def f(n):
                LOG.clear()
                x = y = None
                for i in range(n):
                    x = D(i)
                    x, y = 1, x
                    x = 2.5
                y = 3
                return x, y, list(LOG)
        """
        check(source, "5", "0", "1", "9", optimized=False)

    def test_containers_give_up_what_they_held(self, check: Check) -> None:
        source = """
            LOG = []

            class D:
                def __init__(self, name):
                    self.name = name

                def __del__(self):
                    LOG.append(self.name)

            class Box:
                item = None

            def f(n, value):
                LOG.clear()
                items = [D(i) for i in range(n)]
                box = Box()
                box.item = D("box")
                for i in range(n):
                    items[i] = value
                    box.item = value
                    LOG.append(i)
                del items, box
                return list(LOG)
        """
        check(source, "5, 7", "3, 1.5", "4, 'x'", "4, None", optimized=False)

    def test_globals_change_when_an_object_dies(self, check: Check) -> None:
        source = """
            STEP = 1

            class D:
                def __init__(self, step):
                    self.step = step

                def __del__(self):
                    global STEP
                    STEP = self.step

            def f(items, n):
                global STEP
                STEP = 1
                total = 0
                for i in range(n):
                    if i == n // 2:
                        items[0] = i
                    total += STEP
                return total
        """
        check(source, "[1], 8", "[D(100)], 8", "[D(2.5)], 9", "[D('x')], 5", "[D(2**70)], 9")

    def test_decimals_end(self, check: Check) -> None:
        """Theirs is a quiet end; that of an instance of a class made from it need not be."""
        source = """
            import datetime
            from decimal import Decimal

            STEP = 1

            class D(Decimal):
                def __del__(self):
                    global STEP
                    STEP += 10

            def f(make, n):
                global STEP
                STEP = 1
                total = last = make(0)
                for i in range(n):
                    last = make(i)
                    total = total + last
                    last = STEP + i
                return total, last
        """
        edges = ["D, 6", "Decimal, 3", "lambda i: datetime.timedelta(i), 4", "lambda i: [D(i)], 0", "D, 2"]
        check(source, "Decimal, 8", *edges)

    def test_locals_change_when_an_object_dies(self, check: Check) -> None:
        source = """
            import sys

            class D:
                def __del__(self):
                    sys._getframe(1).f_locals["total"] = 1000

            def f(items, n):
                total = 0
                for i in range(n):
                    if i == n // 2:
                        items[0] = i
                    total = total + i
                return total
        """
        check(source, "[1], 8", "[D()], 8", "[D()], 9")


class TestFrames:
    def test_frames_that_somebody_keeps(self, check: Check) -> None:
        source = """
            import sys
            KEPT = []

            def keep(n):
                if n == 1:
                    KEPT.append(sys._getframe(1))
                elif n == 2:
                    try:
                        raise ValueError
                    except ValueError as error:
                        KEPT.append(error.__traceback__.tb_frame.f_back)

            def g(n, early, late):
                total = 0
                if early:
                    keep(early)
                for i in range(n):
                    total += i
                    if i == late:
                        keep(1)
                    half = total / 2
                x = total * 2.5
                return x

            def f(n, early, late):
                result = g(n, early, late)
                seen = [frame.f_locals for frame in KEPT]
                KEPT.clear()
                return result, [dict(one) for one in seen]
        """
        check(source, "20, 0, -1", "20, 1, -1", "200, 1, -1", "200, 2, -1", "200, 0, 10", "200, 2, 150", "50, 1, 20")


class TestSpecialMethods:
    def test_operator_changes_globals_classes_and_locals(self, check: Check) -> None:
        source = """
            import sys
            STEP = 1
            WHAT = None

            class Odd:
                def __add__(self, other):
                    global STEP
                    if WHAT == "global":
                        STEP = 2.5
                    elif WHAT == "class":
                        Box.value = property(lambda self: 77)
                    elif WHAT == "local":
                        sys._getframe(1).f_locals["extra"] = 50
                    elif WHAT == "kept":
                        KEPT.append(sys._getframe(1))
                    elif WHAT == "len":
                        globals()["len"] = lambda x: 5
                    elif WHAT == "raise":
                        raise ValueError(STEP)
                    return other

                __radd__ = __add__

            class Box:
                def __init__(self):
                    self.value = 3

            KEPT = []

            def f(items, what):
                global WHAT, STEP
                WHAT, STEP = what, 1
                box = Box()
                extra = 0
                total = 0
                for item in items:
                    total = item + total
                    total += STEP
                    total += box.value + extra + len(items)
                return total, extra, [frame.f_locals["total"] for frame in KEPT]
        """
        usual = "[1, 2, 3, 4], None"
        for what in ("global", "class", "local", "kept", "len", "raise", "none"):
            check(source, usual, f"[1, 2, Odd(), 4, 5], {what!r}", f"[Odd(), 2, 3], {what!r}", optimized=False)

    def test_truth_index_and_equality(self, check: Check) -> None:
        source = """
            class Odd:
                def __init__(self, value):
                    self.value = value

                def __bool__(self):
                    LIMIT[0] += 1
                    return bool(self.value)

                def __index__(self):
                    LIMIT[0] += 1
                    return self.value

                def __eq__(self, other):
                    LIMIT[0] += 1
                    return self.value == other

            LIMIT = [3]

            def f(items, keys):
                LIMIT[0] = 3
                total = 0
                for key in keys:
                    if key:
                        total += items[key]
                    if key == 2:
                        total += LIMIT[0]
                return total, LIMIT
        """
        check(
            source, "[1, 2, 3], [0, 1, 2]", "[1, 2, 3], [Odd(2), 1]", "[1, 2, 3], [0, Odd(0)]", "[1, 2], [1, -1, -2, 2]"
        )

    def test_attributes(self, check: Check) -> None:
        source = """
            class P:
                def __init__(self, x):
                    self.x = x

            class Q:
                x = 10

            class R:
                __slots__ = ("x",)

                def __init__(self, x):
                    self.x = x

            class S:
                def __getattr__(self, name):
                    P.extra = 5
                    return 8

            class Late(P):
                pass

            def f(objects, change):
                total = 0
                for number, one in enumerate(objects):
                    total += one.x
                    if number == 2:
                        change(objects)
                return total

            def nothing(objects):
                pass

            def other_class(objects):
                objects[-1].__class__ = Late

            def new_attribute(objects):
                objects[-1].y = 1

            def gone(objects):
                del objects[-1].x

            def descriptor(objects):
                Late.x = property(lambda self: 1000, lambda self, value: None)

            def dictionary(objects):
                objects[-1].__dict__ = {"x": 44}

            def string(objects):
                objects[-1].x = "s"
        """
        usual = "[P(1), P(2), P(3), P(4)], nothing"
        changes = ["other_class", "new_attribute", "gone", "descriptor", "dictionary", "string"]
        edges = [f"[P(1), P(2), P(3), Late(4), P(5)], {change}" for change in changes]
        mixed = [
            "[P(1), Q(), R(3), S(), P(5)], nothing",
            "[P(1), P(2), P(3), S()], gone",
            "[P(2**63 - 1), P(1)], nothing",
        ]
        check(source, usual, *edges, *mixed)
