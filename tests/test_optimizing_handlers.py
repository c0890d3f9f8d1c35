"""Exceptions that are caught where they are raised, in optimized code: what handlers, tracebacks and frames show."""

import gc
import sys
import textwrap
import traceback
from typing import Any

import justjit
import pytest
from justjit import _core

from tests.harness import CRANELIFT, INTERPRETER, difference, run_case
from tests.optimized_programs import namespace
from tests.optimized_programs import optimizing_and_leaving as optimizing_and_leaving

PROGRAM = '''
import sys

def fails(i):
    if i % 3 == 0:
        raise ValueError(i)
    if i % 7 == 0:
        raise KeyError(i)
    return i

def chain(error):
    """An exception with all that refers to others."""
    if error is None:
        return None
    entries = []
    tb = error.__traceback__
    while tb is not None:
        entries.append((tb.tb_frame.f_code.co_name, tb.tb_lineno, tb.tb_lasti))
        tb = tb.tb_next
    return (type(error).__name__, str(error), entries, chain(error.__context__), chain(error.__cause__),
            error.__suppress_context__)

def missing_keys(n, d):
    found = lost = 0
    for i in range(n):
        try:
            found += d[i]
        except KeyError:
            lost += 1
    return found, lost

def bad_numbers(texts):
    total, bad = 0, []
    for text in texts:
        try:
            total += int(text)
        except ValueError as error:
            bad.append(str(error))
        except TypeError:
            bad.append(None)
    return total, bad

def indices(n, items):
    total = 0.0
    for i in range(n):
        try:
            total += items[i]
        except IndexError:
            total -= 1
            break
        else:
            total *= 2
        finally:
            total += 0.5
    return total

def exhausted(items):
    iterator = iter(items)
    total = 0
    while True:
        try:
            total += next(iterator)
        except StopIteration:
            return total

def from_callee(n):
    a = b = c = 0
    for i in range(n):
        try:
            a += fails(i)
        except ValueError as e:
            b += e.args[0]
        except KeyError:
            c += 1
        else:
            a += 1
        finally:
            c += 2
    return a, b, c

def whole(n):
    seen = []
    for i in range(n):
        try:
            fails(i)
        except (ValueError, KeyError) as e:
            seen.append(chain(e))
    return seen

def contexts(n):
    seen = []
    for i in range(n):
        try:
            try:
                fails(i)
            except ValueError as e:
                raise TypeError(i) from e
            except KeyError:
                raise IndexError(i)
        except (TypeError, IndexError) as e:
            seen.append(chain(e))
    return seen

def again(n):
    seen = []
    for i in range(n):
        try:
            try:
                fails(i)
            except ValueError:
                raise
            finally:
                seen.append(i)
        except Exception as e:
            seen.append(chain(e))
    return seen

def bare(n):
    seen = []
    for i in range(n):
        try:
            raise
        except RuntimeError as e:
            seen.append(chain(e))
    return seen

def leaving(n):
    """Exceptions that no handler takes."""
    total = 0
    for i in range(n):
        total += fails(i + 1)
    return total

def catches_leaving(n):
    seen = []
    for i in range(n):
        try:
            leaving(i)
        except ValueError as e:
            seen.append(chain(e))
    return seen

def in_finally(n, how):
    seen = []
    for i in range(n):
        try:
            try:
                fails(i)
            finally:
                seen.append(i)
                if how == "continue":
                    continue
                if how == "break":
                    break
                if how == "return":
                    return seen
                if how == "raise":
                    raise TypeError(i)
        except Exception as e:
            seen.append(chain(e))
    return seen

def nested(n):
    seen = []
    for i in range(n):
        try:
            fails(i)
        except ValueError:
            try:
                fails(i + 3)
            except ValueError as inner:
                seen.append((chain(inner), chain(sys.exception())))
            seen.append(chain(sys.exception()))
        seen.append(sys.exc_info())
    return seen

class Manager:
    def __init__(self, swallow, loud=False):
        self.swallow = swallow
        self.loud = loud
        self.seen = []

    def __enter__(self):
        return self.seen

    def __exit__(self, kind, value, tb):
        self.seen.append((kind, str(value), tb and tb.tb_lineno))
        if self.loud:
            raise OSError("at the end")
        return self.swallow

def managed(n, swallow, loud):
    seen = []
    for i in range(n):
        try:
            with Manager(swallow, loud) as inside:
                fails(i)
            seen.append((i, inside))
        except Exception as e:
            seen.append(chain(e))
    return seen

def deletes(n):
    total = 0
    for i in range(n):
        value = i
        try:
            fails(i)
        except ValueError:
            del value
        try:
            total += value
        except UnboundLocalError as e:
            total += len(str(e))
    return total

def deletes_name(n):
    seen = 0
    for i in range(n):
        try:
            fails(i)
        except ValueError as e:
            del e
            seen += 1
        except KeyError as e:
            e = 5
            seen += e
        try:
            e
        except UnboundLocalError:
            seen += 100
    return seen

def generates(n):
    for i in range(n):
        try:
            yield fails(i)
        except ValueError as e:
            yield chain(e)
            yield chain(sys.exception())
        finally:
            yield -1

def generated(n):
    return list(generates(n))

def with_operands(n, items):
    """What is on the operand stack when it is raised."""
    seen = []
    for i in range(n):
        try:
            for item in items:
                seen.append((item, [i, str(i) + "x"], fails(i)))
        except ValueError:
            seen.append("none")
    return seen

class Loud:
    ended = []
    def __init__(self, n):
        self.n = n
    def __del__(self):
        frame = sys._getframe(1)
        self.ended.append((self.n, frame.f_code.co_name, frame.f_lineno, frame.f_locals.get("total")))

def fails_with_local(i):
    thing = Loud(i)
    if i % 2 == 0:
        raise ValueError(thing) if i % 4 else ValueError(i)
    return i

def loud_ends(n):
    Loud.ended.clear()
    total = 0
    for i in range(n):
        try:
            total += fails_with_local(i)
        except ValueError:
            total += 100
    return total, list(Loud.ended)

def loud_named(n):
    Loud.ended.clear()
    total = 0
    for i in range(n):
        try:
            total += fails_with_local(i)
        except ValueError as error:
            total += len(error.args)
    return total, list(Loud.ended)

class Assigns:
    def __init__(self, n):
        self.n = n
    def __del__(self):
        sys._getframe(1).f_locals["total"] = self.n

def assigned_by_end(n):
    total = 0
    for i in range(n):
        try:
            raise ValueError(Assigns(i * 10))
        except ValueError:
            total += 1
        total += 2
    return total

def assigned_in_callee(n):
    def meddle(i):
        sys._getframe(1).f_locals["total"] = i if i % 2 else float(i)
        if i % 3 == 0:
            raise ValueError
    total = 0
    seen = []
    for i in range(n):
        try:
            meddle(i)
        except ValueError:
            total += 1
        seen.append(total)
    return seen

def kept(n):
    errors = []
    total = 0
    for i in range(n):
        try:
            total += fails(i)
        except (ValueError, KeyError) as e:
            errors.append(e)
    frames = [e.__traceback__.tb_frame for e in errors]
    same = all(frame is sys._getframe() for frame in frames)
    return total, len(errors), same, sys._getframe().f_locals["total"]

class Strange(type):
    def __instancecheck__(cls, other):
        return True
    def __subclasscheck__(cls, other):
        return True

class Odd(Exception, metaclass=Strange):
    pass

def not_by_hooks(n):
    seen = 0
    for i in range(n):
        try:
            fails(i)
        except Odd:
            seen += 1000
        except ValueError:
            seen += 1
        except KeyError:
            seen += 10
    return seen

def not_classes(n, what):
    seen = []
    for i in range(n):
        try:
            try:
                fails(i)
            except what:
                seen.append(i)
        except TypeError as e:
            seen.append(chain(e))
        except ValueError as e:
            seen.append(str(e))
        except KeyError:
            pass
    return seen

def asserts(n):
    seen = []
    for i in range(n):
        try:
            assert i % 3, "three"
        except AssertionError as e:
            seen.append(chain(e))
    return seen

def numbers_in_handlers(n):
    x = 0.5
    big = 2 ** 62
    for i in range(n):
        try:
            fails(i)
            x *= 1.5
        except ValueError:
            big += 2 ** 61
            x = -x
        except KeyError:
            x = i
    return x, big

def groups(n):
    seen = []
    for i in range(n):
        try:
            if i % 2:
                raise ExceptionGroup("two", [ValueError(i), KeyError(i)])
            fails(i)
        except* ValueError as e:
            seen.append(len(e.exceptions))
        except* KeyError:
            seen.append("key")
    return seen

def deep(n):
    try:
        return deep(n + 1)
    except RecursionError:
        return 0

def in_loop_of_handler(n):
    total = 0
    try:
        fails(0)
    except ValueError as e:
        for i in range(n):
            total += i
            if sys.exception() is not e:
                total += 1000
    return total

def cells(n):
    seen = 0
    for i in range(n):
        try:
            fails(i)
        except ValueError as e:
            later = lambda: e
            seen += later().args[0]
    return seen

def inlined_raiser(i):
    if i < 0:
        raise ValueError(i)
    return i * 2

def raises_seldom(n):
    total = 0
    seen = []
    for i in range(n):
        try:
            total += inlined_raiser(i if i % 50 else -i - 1)
        except ValueError as e:
            seen.append(chain(e))
    return total, seen
'''

CALLS: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("missing_keys", [(30, {i: i for i in range(0, 30, 2)}), (9, {}), (9, {i: i * 1.5 for i in range(9)})]),
    ("bad_numbers", [(["1", "x", "22", None, "y", "3"],), ([],), (["9" * 30, "z"],)]),
    ("indices", [(5, [1.0, 2.0, 3.0]), (5, [1, 2, 3, 4, 5, 6]), (3, (1.5,))]),
    ("exhausted", [([1, 2, 3],), ((),), ([1.5, 2],)]),
    ("from_callee", [(30,), (0,), (8,)]),
    *[(name, [(16,)]) for name in ("whole", "contexts", "again", "bare", "catches_leaving", "nested", "deletes")],
    ("leaving", [(2,), (16,)]),
    ("in_finally", [(9, how) for how in ("continue", "break", "return", "raise", "")]),
    ("managed", [(9, swallow, loud) for swallow in (True, False) for loud in (True, False)]),
    *[(name, [(16,)]) for name in ("deletes_name", "generated", "loud_ends", "loud_named", "assigned_by_end")],
    ("with_operands", [(7, "ab"), (7, [1, 2])]),
    *[(name, [(16,)]) for name in ("assigned_in_callee", "kept", "not_by_hooks", "asserts", "numbers_in_handlers")],
    ("not_classes", [(9, 5), (9, ValueError), (9, (KeyError, "x")), (9, (KeyError, ValueError))]),
    *[(name, [(16,)]) for name in ("groups", "in_loop_of_handler", "cells", "raises_seldom")],
]


def outcome(names: dict[str, Any], function: Any, *arguments: Any) -> Any:
    try:
        return repr(function(*arguments))
    except BaseException as error:
        return names["chain"](error.with_traceback(error.__traceback__ and error.__traceback__.tb_next))


@pytest.mark.parametrize(("name", "calls"), CALLS, ids=[name for name, _ in CALLS])
def test_same_as_interpreted(name: str, calls: list[tuple[Any, ...]]) -> None:
    plain, fast = namespace(PROGRAM, jitted=False), namespace(PROGRAM, jitted=True)
    expected = [outcome(plain, plain[name], *arguments) for arguments in calls]
    for _ in range(60):
        for arguments, wanted in zip(calls, expected, strict=True):
            assert outcome(fast, fast[name], *arguments) == wanted, (name, arguments)
    assert sys.exc_info() == (None, None, None)


@pytest.mark.parametrize("name", ["missing_keys", "from_callee", "managed", "numbers_in_handlers", "exhausted"])
def test_handlers_are_part_of_the_code(name: str) -> None:
    if justjit.config().stress == "deopt":
        pytest.skip("the code is left on purpose")
    fast = namespace(PROGRAM, jitted=True)
    calls = dict(CALLS)[name]

    def deopts() -> int:
        return sum(form["deopts"] for form in _core.function_stats(fast[name])["forms"])

    for _ in range(1500):
        fast[name](*calls[0])
    before = deopts()
    for _ in range(100):
        fast[name](*calls[0])
    assert _core.function_stats(fast[name])["tier"] == "optimizing", justjit.explain(fast[name])
    assert deopts() <= before + 2, justjit.explain(fast[name])


LATE = """
def fill(table, keys, rounds):
    lost = 0
    for key in keys:
        for _ in range(rounds):
            try:
                table[key] = lost
            except (IndexError, TypeError):
                lost += 1
    return lost

def at(items, index):
    return items[index]

def put(items, index):
    items[index] = index

def caught_outside(items, n):
    total = 0
    for i in range(n):
        try:
            total += at(items, i % 7)
            put(items, i % 6)
        except IndexError:
            total -= 1
    return total
"""


class Odd(dict[int, int]):
    def __setitem__(self, key: int, value: int) -> None:
        raise TypeError(key)


def test_exceptions_that_come_late() -> None:
    """What nobody had seen raise raises from then on: it is part of the code soon, wherever that is."""
    if justjit.config().stress == "deopt":
        pytest.skip("the code is left on purpose")
    plain, fast = namespace(LATE, jitted=False), namespace(LATE, jitted=True)
    several: list[Any] = [[0] * 9, {}, bytearray(9)]
    for _ in range(300):
        for table in several:
            assert fast["fill"](table, range(9), 3) == plain["fill"](table, range(9), 3) == 0
    several += [Odd(), [0]]
    for _ in range(1500):
        for table in several:
            assert fast["fill"](table, range(9), 3) == plain["fill"](table, range(9), 3)
    for _ in range(1500):
        mine, other = [1, 2, 3, 4], [1, 2, 3, 4]
        assert fast["caught_outside"](mine, 4) == plain["caught_outside"](other, 4)
        assert mine == other
    for _ in range(1500):
        mine, other = [1, 2, 3, 4], [1, 2, 3, 4]
        assert fast["caught_outside"](mine, 40) == plain["caught_outside"](other, 40)
        assert mine == other

    def deopts() -> int:
        return sum(form["deopts"] for name in LATE_NAMES for form in _core.function_stats(fast[name])["forms"])

    before = deopts()
    for _ in range(100):
        for table in several:
            fast["fill"](table, range(9), 3)
        fast["caught_outside"]([1, 2, 3, 4], 40)
    assert deopts() <= before + 2, "\n".join(justjit.explain(fast[name]) for name in LATE_NAMES)
    assert _core.function_stats(fast["fill"])["tier"] == "optimizing", justjit.explain(fast["fill"])
    assert _core.function_stats(fast["caught_outside"])["tier"] == "optimizing", justjit.explain(fast["caught_outside"])


LATE_NAMES = ["fill", "at", "put", "caught_outside"]


def test_exceptions_end_where_the_interpreter_ends_them() -> None:
    source = """
    import weakref

    ends = []

    class Error(Exception):
        def __init__(self, i):
            weakref.finalize(self, ends.append, i)

    def fails(i):
        raise Error(i)

    def catches(n):
        for i in range(n):
            try:
                fails(i)
            except Error as e:
                ends.append(("handling", i))
            ends.append(("behind", i))
        for i in range(n):
            try:
                fails(i)
            except Error:
                ends.append(("handling", i))
            ends.append(("behind", i))
        return len(ends)
    """
    plain, fast = namespace(source, jitted=False), namespace(source, jitted=True)
    for _ in range(60):
        for names in (plain, fast):
            names["ends"].clear()
            names["catches"](3)
        assert fast["ends"] == plain["ends"]


def test_references_come_out_even() -> None:
    source = """
    def fails(value, i):
        if i % 2:
            raise ValueError(value)
        return value

    def catches(value, n):
        kept = None
        for i in range(n):
            try:
                kept = (value, fails(value, i), [value])
            except ValueError as e:
                kept = e.args[0]
            finally:
                kept = [kept]
        return None

    def leaves(value, n):
        for i in range(n):
            [value, fails(value, i)]
    """
    fast = namespace(source, jitted=True)
    value: list[Any] = []

    def run() -> None:
        for _ in range(100):
            fast["catches"](value, 6)
            try:
                fast["leaves"](value, 6)
            except ValueError:
                pass

    run()
    gc.collect()
    before = sys.getrefcount(value)
    run()
    gc.collect()
    assert sys.getrefcount(value) == before


def test_recursion_error_is_caught() -> None:
    plain, fast = namespace(PROGRAM, jitted=False), namespace(PROGRAM, jitted=True)
    for _ in range(3):
        assert fast["deep"](0) == plain["deep"](0) == 0


def test_interrupts_get_to_handlers() -> None:
    source = """
    import signal

    def interrupted(n):
        caught = 0
        for i in range(n):
            try:
                if i % 5 == 0:
                    signal.raise_signal(signal.SIGINT)
                caught += 1
            except KeyboardInterrupt:
                caught += 1000
        return caught
    """
    plain, fast = namespace(source, jitted=False), namespace(source, jitted=True)
    for _ in range(60):
        assert fast["interrupted"](20) == plain["interrupted"](20) == 4016


def test_tracing_begun_by_what_raises() -> None:
    source = """
    import sys

    def begins(i, events):
        if i == 3:
            def trace(frame, event, argument):
                events.append((frame.f_code.co_name, event, frame.f_lineno))
                return trace
            sys.settrace(trace)
            sys._getframe(1).f_trace = trace
        if i % 2:
            raise ValueError(i)

    def loop(n, events):
        total = 0
        for i in range(n):
            try:
                begins(i, events)
            except ValueError:
                total += 1
            if i == 4:
                sys.settrace(None)
        return total
    """
    plain, fast = namespace(source, jitted=False), namespace(source, jitted=True)
    gc.disable()  # whose callbacks would be traced
    try:
        for _ in range(60):
            results: list[Any] = []
            for names in (plain, fast):
                events: list[Any] = []
                try:
                    results.append((names["loop"](8, events), events))
                finally:
                    sys.settrace(None)
            assert results[0] == results[1]
    finally:
        gc.enable()


def test_printed_tracebacks() -> None:
    source = """
    def inner(x):
        return 1 // x

    def outer(n):
        total = 0
        for i in range(n):
            try:
                total += inner(n - 1 - i)
            except ValueError:
                total = 0
        return total
    """
    plain, fast = namespace(source, jitted=False), namespace(source, jitted=True)

    def text(names: dict[str, Any]) -> str:
        try:
            names["outer"](5)
        except ZeroDivisionError as error:
            return "".join(traceback.format_exception(error))
        return "nothing"

    expected = text(plain)
    for _ in range(60):
        assert text(fast) == expected


def test_handlers_deeper_than_the_stack() -> None:
    """A generator that waits on the stack is made on the way to a place, behind an instruction in a handler."""
    source = """
    FUEL = 300

    def tick():
        global FUEL
        FUEL -= 1

    LOG = []

    def log(value):
        return value

    class Manager:
        def __init__(self, swallow):
            self.swallow = swallow

        def __enter__(self):
            return self

        def __exit__(self, kind, error, traceback):
            return self.swallow

    def main(a, b, c, d):
        for i in (x * 2 for x in range(3)):
            tick()
            with Manager((c and (i not in d))) as m, Manager(False):
                try:
                    i |= (i if (b <= b) else a)
                except* IndexError as group:
                    del d[i]
                b += ((float('nan') % a) // b) - 0.0

    def run(a, b, c, d):
        try:
            return main(a, b, c, d), list(LOG)
        finally:
            print(len(LOG), LOG)

    run.__case_rows__ = (
        lambda: (-7, -0.0, "", []),
        lambda: (2**62, float("inf"), "e", ["x", 2.5, None]),
        lambda: (0, float("nan"), "0", [[1], (2, 3)]),
    )
    """
    source = textwrap.dedent(source)
    expected = run_case(source, "<program>", "run", INTERPRETER, 0)
    assert difference(expected, run_case(source, "<program>", "run", CRANELIFT, 0)) == ""
