"""Exceptions that are raised and caught in optimized code and not made: that the code is not left for them, and that whoever looks
after all finds what the interpreter would have. What they mean otherwise: `programs/quiet_exceptions.py`."""

import sys
import threading
import time
from typing import Any

import justjit
import pytest
from justjit import _core

from tests.optimized_programs import namespace
from tests.optimized_programs import optimizing as optimizing

PROGRAM = """
table = {k: k for k in range(0, 100, 2)}
items = [1, 2, 3]
texts = ["12", "x", "-7", "1.5"]

def lookup(k):
    return table[k]

def far(k):
    return lookup(k) + 1

def odd(x):
    if x & 1:
        raise ValueError("odd", x)
    return x

def get(k):
    try:
        return far(k)
    except KeyError:
        return -1

def finally_get(k):
    try:
        return lookup(k)
    finally:
        k += 1

def keys(n):
    total = 0
    for i in range(n):
        try:
            total += table[i % 100]
        except KeyError:
            total += 1
    return total

def indices(n):
    total = 0
    for i in range(n):
        try:
            total += items[i & 7]
        except IndexError:
            total += 1
    return total

def divisions(n):
    total = 0
    for i in range(n):
        try:
            total += 100 // (i & 1)
        except ZeroDivisionError:
            total += 1
    return total

def raises(n):
    total = 0
    for i in range(n):
        try:
            if i & 1:
                raise ValueError
            total += i
        except ValueError:
            total += 1
    return total

def callees(n):
    total = 0
    for i in range(n):
        try:
            total += far(i % 100)
        except KeyError:
            total += 1
        try:
            total += odd(i)
        except ValueError:
            total += 2
    return total

def handlers_of_callees(n):
    total = 0
    for i in range(n):
        total += get(i % 100)
    return total

def finally_of_callees(n):
    total = 0
    for i in range(n):
        try:
            total += finally_get(i % 100)
        except KeyError:
            total += 1
    return total

def ints(n):
    total = 0
    for i in range(n):
        try:
            total += int(texts[i & 3])
        except ValueError:
            total += 1
    return total

def nexts(n):
    total = 0
    iterator = iter(items)
    for i in range(n):
        try:
            total += next(iterator)
        except StopIteration:
            iterator = iter(items)
    return total

def pops(n):
    stack = []
    total = 0
    for i in range(n):
        if i & 3 == 0:
            stack.append(i)
        try:
            total += stack.pop()
        except IndexError:
            total += 1
    return total
"""

NAMES = ["keys", "indices", "divisions", "raises", "callees", "handlers_of_callees", "finally_of_callees"]
NAMES += ["ints", "nexts", "pops"]


def _deopts(function: Any) -> int:
    return sum(form["deopts"] for form in _core.function_stats(function)["forms"])


@pytest.mark.parametrize("name", NAMES)
def test_exceptions_stay_in_the_code(name: str) -> None:
    plain, fast = namespace(PROGRAM, jitted=False), namespace(PROGRAM, jitted=True)
    expected = plain[name](203)
    for _ in range(600):
        assert fast[name](203) == expected
    before = _deopts(fast[name])
    for _ in range(100):
        assert fast[name](203) == expected
    assert _core.function_stats(fast[name])["tier"] == "optimizing", justjit.explain(fast[name])
    assert _deopts(fast[name]) <= before + 2, justjit.explain(fast[name])
    assert sys.exception() is None


def test_another_thread_sees_what_is_handled() -> None:
    """It looks while the loop is in a handler for most of the time; what it finds there is complete."""
    source = """
    table = {}

    def lookup(k):
        return table[k]

    def work(n, stop):
        total = 0
        for i in range(n):
            try:
                total += lookup(i)
            except KeyError:
                for k in range(40):
                    total += k
            if stop:
                break
        return total
    """
    fast = namespace(source, jitted=True)
    work = fast["work"]
    for _ in range(100):
        work(50, [])
    stop: list[int] = []
    thread = threading.Thread(target=work, args=(10**9, stop))
    thread.start()
    seen = []
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            # It runs meanwhile.
            time.sleep(0.001)
            error = sys._current_exceptions().get(thread.ident)
            if error is not None:
                tb = error.__traceback__
                seen.append((type(error), tb.tb_frame.f_code.co_name, tb.tb_next.tb_frame.f_code.co_name))
                assert tb.tb_next.tb_frame.f_locals == {"k": error.args[0]}
                if len(seen) > 5:
                    break
    finally:
        stop.append(1)
        thread.join()
    # Nearly all places where it can be looked at are in the handler.
    assert set(seen) == {(KeyError, "work", "lookup")}


def test_a_number_that_is_asked_for_its_identity_is_kept() -> None:
    source = """
    def work(items, missing):
        last, count = None, 0
        for item in items:
            if last is item:
                count += 1
            if item is missing:
                count += 1000
            last = item
        return count
    """
    plain, fast = namespace(source, jitted=False), namespace(source, jitted=True)
    one = 10.5
    rows = [([one] * 50, None), ([float(i) for i in range(50)], object()), (range(1000, 1050), one), ([one, 1] * 9, 1)]
    expected = [plain["work"](*row) for row in rows]
    for _ in range(200):
        assert [fast["work"](*row) for row in rows] == expected
    assert _core.function_stats(fast["work"])["tier"] == "optimizing", justjit.explain(fast["work"])
