"""Exceptions that are raised and caught in optimized code and not made: that the code is not left for them, and that whoever looks
after all finds what the interpreter would have. What they mean otherwise: `programs/quiet_exceptions.py`."""

import gc
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
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

def stores(n):
    numbers, octets, text = [0] * 5, bytearray(5), bytes(range(5))
    lost = 0
    for i in range(n):
        try:
            numbers[i & 7] = i
        except IndexError:
            lost += 1
        try:
            octets[i % 9 - 7] = i & 255
        except IndexError:
            lost += 2
        try:
            lost += text[i & 7] + octets[i & 7]
        except IndexError:
            lost += 3
    return lost, numbers, octets
"""

NAMES = ["keys", "indices", "divisions", "raises", "callees", "handlers_of_callees", "finally_of_callees"]
NAMES += ["ints", "nexts", "pops", "stores"]


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


WATCHED = """
import sys

table = {k: k for k in range(0, 100, 2)}

def lookup(k):
    return table[k]

def far(k):
    return lookup(k) + 1

def again(k):
    try:
        return far(k)
    except KeyError:
        raise

def work(n, at, inside, begin):
    out = []
    for i in range(n):
        try:
            if i == at and not inside:
                begin()
            out.append(again(i))
        except KeyError as error:
            if i == at and inside:
                begin()
            out.append(error.args)
        try:
            out.append(1 // (i & 1))
        except ZeroDivisionError:
            out.append("zero")
    return out
"""


def _monitored(seen: list[Any]) -> tuple[Callable[[], None], Callable[[], None]]:
    monitoring = sys.monitoring
    tool, events = monitoring.DEBUGGER_ID, monitoring.events
    names = ["RAISE", "RERAISE", "EXCEPTION_HANDLED", "PY_UNWIND"]
    kinds = {name: getattr(events, name) for name in names}
    monitoring.use_tool_id(tool, "test")

    def callback(name: str) -> Callable[..., None]:
        def seeing(code: Any, offset: int, error: BaseException) -> None:
            if code.co_filename == "<program>":
                tb, depth = error.__traceback__, 0
                while tb is not None:
                    tb, depth = tb.tb_next, depth + 1
                # Which part of a call has raised depends on who calls: an interpreted function is not called by way of C.
                line = next(line for start, end, line in code.co_lines() if start <= offset < end)
                seen.append((name, code.co_name, line, type(error).__name__, error.args, depth))

        return seeing

    for name, kind in kinds.items():
        monitoring.register_callback(tool, kind, callback(name))

    def end() -> None:
        monitoring.set_events(tool, 0)
        for kind in kinds.values():
            monitoring.register_callback(tool, kind, None)
        monitoring.free_tool_id(tool)

    return lambda: monitoring.set_events(tool, sum(kinds.values())), end


def _traced(seen: list[Any]) -> tuple[Callable[[], None], Callable[[], None]]:
    def trace(frame: Any, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename == "<program>":
            what = (argument[0].__name__, argument[1].args) if event == "exception" else None
            seen.append((event, frame.f_code.co_name, frame.f_lineno, what))
        return trace

    def begin() -> None:
        sys._getframe(1).f_trace = trace
        sys.settrace(trace)

    return begin, lambda: sys.settrace(None)


@pytest.mark.parametrize("watch", [_monitored, _traced])
@pytest.mark.parametrize("inside", [False, True])
def test_somebody_begins_to_watch(watch: Callable[..., Any], inside: bool) -> None:
    """What is raised and handled from then on is told, in the loop that runs already, too."""
    plain, fast = namespace(WATCHED, jitted=False), namespace(WATCHED, jitted=True)
    before = sys.gettrace()
    results = []
    for names in (plain, fast):
        for _ in range(300):
            names["work"](30, 23, inside, int)
        seen: list[Any] = []
        begin, end = watch(seen)
        try:
            result = names["work"](40, 23, inside, begin)
        finally:
            end()
            sys.settrace(before)
        results.append((result, seen))
        # And nobody does again.
        results[-1] += (names["work"](40, -1, inside, None),)
    assert results[0] == results[1]
    assert len(results[0][1]) > 40
    forms = _core.function_stats(fast["work"])["forms"]
    assert "optimizing" in {form["tier"] for form in forms}, justjit.explain(fast["work"])


def test_nothing_is_left_behind() -> None:
    """Neither exceptions, nor what they had, whether they were made or not."""
    source = """
    def inner(table, key, more):
        return table[key] + len(more)

    def outer(table, key):
        return inner(table, key, [key])

    def work(n, table, looks):
        for i in range(n):
            try:
                outer(table, (i, "key"))
            except KeyError as error:
                if looks:
                    looks.append(error.args)
            try:
                raise ValueError([i], looks)
            except ValueError:
                pass
        return n
    """
    work = namespace(source, jitted=True)["work"]
    for _ in range(200):
        work(20, {}, [])
        work(20, {}, [0])
    tracemalloc.start()
    try:
        sizes = []
        for _ in range(3):
            work(500, {}, [])
            work(500, {}, [0])
            gc.collect()
            sizes.append((tracemalloc.get_traced_memory()[0], len(gc.get_objects())))
    finally:
        tracemalloc.stop()
    # One object for each round would be 1000 of them.
    assert sizes[2][1] - sizes[0][1] < 200
    assert sizes[2][0] - sizes[0][0] < 20_000


def test_threads_handle_their_own() -> None:
    """Several threads in the same code, each with what it has raised itself."""
    source = """
    def lookup(table, k):
        return table[k]

    def work(n, mark, sees):
        table, bad = {}, 0
        for i in range(n):
            try:
                lookup(table, (mark, i))
            except KeyError as error:
                if error.args[0] != (mark, i):
                    bad += 1
                if i % 64 == 0 and sees() is not error:
                    bad += 1
            if sees is None:
                bad += 1
        return bad
    """
    work = namespace(source, jitted=True)["work"]
    for _ in range(50):
        assert work(100, 0, sys.exception) == 0
    found: list[int] = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [
            threading.Thread(target=lambda mark=mark: found.append(work(20_000, mark, sys.exception)))
            for mark in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert found == [0] * 4
