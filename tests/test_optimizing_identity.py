"""A number that arithmetic gives has one object, however often it is stored and passed on: NaN, which equals nothing, is found in a
container by being the very object that was put there."""

import textwrap
from typing import Any

import pytest

from tests.optimized_programs import namespace, optimizing_soon  # noqa: F401

NAN = "inf - inf * (i + 1)"
SETUP = """
    inf = float("inf")

    class Point:
        pass

    def look(data, x):
        return x in data

    def put(data, x):
        data[0] = x
        data[1] = x
        return data[0] is data[1]
"""
# The data are floats, which are written over where nobody can tell.
PROGRAMS = {
    "found_again": f"""
        def f(data, n):
            count = 0
            for i in range(n):
                x = {NAN}
                data[0] = x
                count += x in data
            return count, data[0] is data[1]
    """,
    "stored_twice": f"""
        def f(data, n):
            count = 0
            for i in range(n):
                x = {NAN}
                data[0] = x
                data[1] = x
                count += data == [x, x]
            return count, data[0] is data[1]
    """,
    "two_lists": f"""
        def f(data, n):
            count = 0
            other = [1.0, 2.0]
            for i in range(n):
                x = {NAN}
                data[0] = x
                other[0] = x
                data[1] = other[1] = 0.5 * i
                count += data == other
            return count, data[0] is other[0], data[1] is other[1]
    """,
    "attributes": f"""
        def f(data, n):
            count = 0
            point = Point()
            point.x = point.y = 0.5
            for i in range(n):
                x = {NAN}
                point.x = x
                point.y = x
                count += [point.x] == [point.y]
            return count, point.x is point.y
    """,
    "passed_on": f"""
        def f(data, n):
            count = 0
            for i in range(n):
                x = {NAN}
                data[0] = x
                count += look(data, x)
            return count
    """,
    "in_a_callee": f"""
        def f(data, n):
            count = 0
            for i in range(n):
                count += put(data, {NAN})
                count += data == [data[1], data[0]]
            return count
    """,
    "chained": f"""
        def f(data, n):
            count = 0
            for i in range(n):
                data[0] = data[1] = {NAN}
                count += data == [data[1], data[0]]
            return count, data[0] is data[1]
    """,
    "in_later_rounds": f"""
        def f(data, n):
            x = 0.5
            count = 0
            for i in range(n):
                if i % 3 == 0:
                    x = {NAN}
                    data[0] = x
                elif i % 3 == 1:
                    data[1] = x
                else:
                    count += data == [data[1], data[0]]
            return count
    """,
    "another_name": f"""
        def f(data, n):
            count = 0
            for i in range(n):
                x = {NAN}
                y = x
                data[0] = x
                x = 0.25
                data[1] = y
                count += (data == [data[1], data[0]]) + (x < 1)
            return count
    """,
    "a_global": f"""
        def f(data, n):
            global last
            count = 0
            for i in range(n):
                x = {NAN}
                last = x
                data[0] = x
                count += last in data
            return count
    """,
}


def outcomes(f: Any) -> list[Any]:
    found = []
    for number in range(30):
        data = [1.5 + number, 2.5 + number]
        found.append((f(data, 60), repr(data)))
        # What is there decides whether it can be written over.
        found.append(f([None, "x"], 7) if number % 5 == 0 else None)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_numbers_have_one_object(name: str) -> None:
    source = textwrap.dedent(SETUP) + textwrap.dedent(PROGRAMS[name])
    hooked, plain = namespace(source, True), namespace(source, False)
    assert outcomes(hooked["f"]) == outcomes(plain["f"])


PLANNED = """
    def f(data, plan):
        number = 0.5
        kept = None
        log = []
        for op, i in plan:
            if op == 0:
                number = number + 1.0
                data[i] = number
            elif op == 1:
                data[i] = number
            elif op == 2:
                kept = data[i]
            elif op == 3:
                data[i] = "x"
            else:
                for item in data:
                    log.append(item is kept)
        return log
"""


def test_code_that_is_left_keeps_the_object() -> None:
    """The number is on the stack, and in a local that has its object in its slot."""
    hooked, plain = namespace(PLANNED, True), namespace(PLANNED, False)
    plan = [(4, 0), (3, 2), (2, 2), (4, 0), (0, 0), (1, 1), (2, 0), (4, 0)] * 3
    for _ in range(80):
        assert hooked["f"]([None] * 3, plan) == plain["f"]([None] * 3, plan)
