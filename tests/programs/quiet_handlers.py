"""Exceptions that optimized code raises and catches without making them, and handlers in which somebody looks at them, raises them
again, or raises others. What raises them: `quiet_exceptions.py`."""

import builtins
import contextlib
import itertools
import signal
import sys
import traceback
import weakref

from tests.cases import over

TABLE = {k: k * 2 for k in range(0, 40, 2)}
ITEMS = list(range(20))


class Mine(ValueError):
    pass


class Counted(KeyError):
    """Says each time that one is made."""

    made = 0

    def __new__(cls, *args):
        Counted.made += 1
        return super().__new__(cls, *args)


class Initialized(KeyError):
    made = 0

    def __init__(self, *args):
        Initialized.made += len(args)


class Named(KeyError):
    def __str__(self):
        return f"named {self.args}"

    @property
    def first(self):
        return self.args[0]


class Slotted(KeyError):
    __slots__ = ("more",)


class Referred(Exception):
    pass


def entries(error, depth=4):
    """Everything that an exception shows."""
    if error is None or depth == 0:
        return None
    found = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        shown = {name: repr(value)[:30] for name, value in frame.f_locals.items() if isinstance(value, int | str)}
        found.append((frame.f_code.co_name, line - frame.f_code.co_firstlineno, frame.f_lasti, sorted(shown.items())))
    context = entries(error.__context__, depth - 1), entries(error.__cause__, depth - 1), error.__suppress_context__
    return type(error).__name__, error.args, found, context


def look(i):
    return TABLE[i]


def odd(x):
    if x % 2:
        raise Mine("odd", x)
    return x


def what_is_handled():
    kind, error, tb = sys.exc_info()
    return kind and (kind.__name__, error.args, tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno)


def raises_again():
    raise


def raises_other(i):
    raise IndexError(i)


def generator_looks(n):
    for _ in range(n):
        yield what_is_handled()
        try:
            yield look(1)
        except KeyError:
            yield what_is_handled()


@over((), ())
def case_raised_again_in_its_handler():
    """It is handled twice then, and still is once the inner handler has ended."""
    out = []
    for i in range(60):
        try:
            out.append(TABLE[i])
        except KeyError:
            try:
                raise
            except KeyError:
                out.append("inner")
            out.append(what_is_handled())
            try:
                raise
            except LookupError as error:
                out.append(error.args)
            out.append(type(sys.exception()).__name__)
        out.append(sys.exception())
    return out


@over((), ())
def case_raised_again_twice():
    out = []
    for i in range(60):
        try:
            try:
                odd(i)
            except Mine:
                try:
                    raise
                finally:
                    out.append(i)
        except ValueError:
            out.append("outer")
            if i > 55:
                out.append(entries(sys.exception()))
    return out


@over((), ())
def case_bare_raise_in_a_callee():
    out = []
    for i in range(60):
        try:
            try:
                out.append(TABLE[i])
            except KeyError:
                raises_again()
        except KeyError as error:
            out.append(entries(error) if i % 20 == 1 else error.args)
    try:
        raises_again()
    except RuntimeError as error:
        out.append(str(error))
    return out


@over((), ())
def case_bare_raise_with_nothing_handled():
    out = []
    for i in range(60):
        try:
            if i % 2:
                raise
            out.append(i)
        except RuntimeError as error:
            out.append(str(error))
    return out


@over((), ())
def case_callees_look():
    out = []
    for i in range(60):
        try:
            look(i)
        except KeyError:
            out.append(what_is_handled())
        out.append(what_is_handled())
        try:
            out.append(ITEMS[i])
        except IndexError:
            out.append(what_is_handled())
    return out


@over((), ())
def case_generators_look():
    out = []
    suspended = generator_looks(500)
    for i in range(60):
        try:
            out.append(TABLE[i])
        except KeyError:
            out.append(next(suspended))
        out.append(next(suspended))
    for i in range(20):
        try:
            look(i)
        except KeyError:
            out.extend(generator_looks(2))
    return out


@over((), ())
def case_formatted():
    out = []
    for i in range(40):
        try:
            odd(i)
        except ValueError:
            text = traceback.format_exc()
            out.append((text.count("\n"), text.strip().splitlines()[-1]))
        out.append(traceback.format_exc())
    return out


@over((), ())
def case_weak_references_in_handlers():
    log = []

    def gone(reference):
        log.append(("gone", what_is_handled()))

    class Thing:
        pass

    for i in range(40):
        thing = Thing()
        reference = weakref.ref(thing, gone)
        try:
            odd(i)
        except Mine:
            log.append("handled")
            thing = None
            log.append(reference() is None)
        thing = None
        log.append(i)
    return log


@over((), ())
def case_ends_in_handlers():
    log = []

    class Ends:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            log.append((self.name, what_is_handled()))
            try:
                TABLE[self.name]
            except KeyError:
                log.append("caught in __del__")
            log.append(what_is_handled())

    held = Ends(-1)
    for i in range(40):
        try:
            held = Ends(i)
            look(i)
            Ends(100 + i)
        except KeyError as error:
            Ends(1001 + 2 * i)
            held = None
            log.append(error.args)
        log.append("behind")
    return log


@over((), ())
def case_exceptions_with_weak_references():
    """What ends with the exception ends when the handler does."""
    log = []
    for i in range(40):
        try:
            raise Referred(i)
        except Referred as error:
            reference = weakref.ref(error, lambda _: log.append("gone"))
            log.append(reference() is error)
        log.append(reference() is None)
        try:
            if i % 2:
                raise Referred
        except Referred:
            log.append("handled")
    return log


@over((), ())
def case_escapes():
    kept, functions, found = [], [], []
    for i in range(60):
        try:
            if i % 3:
                look(i)
            else:
                odd(i)
        except (KeyError, Mine) as error:
            kept.append(error)
            escaped = error
            functions.append(lambda escaped=escaped: escaped.args)
            if i % 10 == 1:
                found.append(sorted(locals()))
                found.append("error" in sys._getframe().f_locals)
    found.extend(function() for function in functions)
    return found, [entries(error) for error in kept[::7]]


@over((), ())
def case_named_in_a_cell():
    out = []
    for i in range(60):
        try:
            odd(i)
        except Mine as error:
            shown = lambda: error.args  # noqa: B023, E731
            out.append(shown())
        try:
            out.append(shown() if i else 0)
        except NameError:
            out.append("unbound")
    return out


@over((), ())
def case_chained():
    out = []
    for i in range(60):
        try:
            try:
                look(i)
            except KeyError as error:
                if i % 4 == 1:
                    raise Mine(i) from error
                if i % 8 == 3:
                    raise Mine(i) from None
                raises_other(i)
        except (Mine, IndexError) as error:
            out.append(entries(error))
    return out


@over((), ())
def case_raised_in_a_handler():
    """A handler raises another exception, which refers to the first, and is caught, and so on."""
    out = []
    for i in range(60):
        try:
            TABLE[i]
        except KeyError:
            try:
                ITEMS[i + 20]
            except IndexError as second:
                try:
                    1 // (i - i)
                except ZeroDivisionError as third:
                    out.append(third.__context__ is second)
                    out.append(entries(third) if i % 20 == 1 else third.args)
                out.append(type(second.__context__).__name__)
            out.append(what_is_handled())
    return out


@over((), ())
def case_while_one_that_was_made_is_handled():
    out = []
    try:
        raise Mine("made")
    except Mine:
        for i in range(60):
            try:
                TABLE[i]
            except KeyError as error:
                out.append(type(error.__context__).__name__)
            try:
                if i % 2:
                    raise Referred
            except Referred:
                out.append(what_is_handled())
            out.append(what_is_handled())
    return out


@over((), ())
def case_finally_around():
    out = []
    for i in range(60):
        try:
            try:
                try:
                    look(i)
                finally:
                    out.append(what_is_handled())
            except IndexError:
                out.append("not this")
            finally:
                out.append(what_is_handled())
        except KeyError:
            out.append(i)
        finally:
            out.append(sys.exception())
    return out


@over((), ())
def case_finally_swallows():
    out = []

    def swallows(i):
        while True:
            try:
                return look(i)
            finally:
                if i % 3:
                    break
        return "swallowed", what_is_handled()

    for i in range(60):
        try:
            out.append(swallows(i))
        except KeyError:
            out.append("key")
    return out


@over((Counted,), (Initialized,), (Named,), (Slotted,))
def case_subclasses(cls):
    out = []
    cls.made = 0
    for i in range(60):
        try:
            if i % 2:
                raise cls(i)
            if i % 3 == 0:
                raise cls
        except KeyError as error:
            out.append((str(error), error.args, cls.made))
            if cls is Slotted:
                error.more = i
                out.append(error.more)
            elif cls is Named and error.args:
                out.append(error.first)
        try:
            if i % 5 == 0:
                raise cls(i, i)
        except LookupError:
            out.append(cls.made)
    return out


@over((), ())
def case_initializer_is_patched():
    """A class gets an initializer when the loop runs already."""

    class Patched(KeyError):
        pass

    seen, out = [], []

    def init(self, *args):
        seen.append(args)

    for i in range(60):
        if i == 40:
            Patched.__init__ = init
        if i == 50:
            del Patched.__init__
            Patched.__new__ = lambda cls, *args: KeyError.__new__(Mine if 0 else cls, "new")
        try:
            raise Patched(i)
        except KeyError as error:
            out.append(error.args)
        try:
            raise Patched(i, i)
        except LookupError:
            out.append(len(seen))
    return out, seen


@over((), ())
def case_builtin_name_is_rebound():
    out = []
    kept = builtins.KeyError
    try:
        for i in range(60):
            if i == 41:
                builtins.KeyError = IndexError
            try:
                out.append(TABLE[i])
            except KeyError:
                out.append("key")
            except kept:
                out.append("kept")
    finally:
        builtins.KeyError = kept
    return out


@over((), ())
def case_no_exception_class():
    out = []
    for i in range(60):
        kinds = (KeyError, "no class") if i > 40 else KeyError
        try:
            try:
                look(i)
            except kinds:
                out.append("key")
        except TypeError as error:
            out.append((str(error), type(error.__context__).__name__))
    return out


@over((), ())
def case_groups():
    out = []
    for i in range(60):
        try:
            if i % 4 == 1:
                raise ExceptionGroup("some", [KeyError(i), Mine(i)])
            look(i)
        except* KeyError as group:
            out.append((type(group).__name__, [error.args for error in group.exceptions]))
        except* Mine as group:
            out.append(len(group.exceptions))
    return out


@over((), ())
def case_arguments():
    """Classes that take what they are called with apart, or do not take it."""
    out = []
    for i in range(40):
        for make in (0, 1, 2, 3):
            try:
                if make == 0:
                    raise StopIteration(i, i + 1)
                if make == 1:
                    raise OSError(2, "none", str(i))
                if make == 2:
                    raise UnicodeDecodeError("ascii", b"x", 0, 1, "no")
                raise ImportError(i, name="name")
            except (StopIteration, OSError, UnicodeDecodeError, ImportError) as error:
                out.append((type(error).__name__, error.args, getattr(error, "value", None), getattr(error, "name", None)))
        try:
            raise UnicodeDecodeError(i)
        except (TypeError, ValueError) as error:
            out.append(str(error))
        try:
            raise KeyError(i, key=i)
        except (TypeError, KeyError) as error:
            out.append(str(error))
    return out


@over((), ())
def case_one_object():
    """An exception that is raised more than once, and the arguments' objects."""
    out = []
    once = KeyError("once")
    marks = [object() for _ in range(4)]
    for i in range(60):
        try:
            raise once
        except KeyError as error:
            out.append(error is once)
        mark = marks[i % 4]
        try:
            raise Mine(mark, [i])
        except Mine as error:
            out.append((error.args[0] is mark, error.args[1]))
            error.args = (1,)
            out.append(error.args)
        try:
            made = Mine(i)
            raise made
        except Mine as error:
            out.append(made is error)
    count = sum(1 for _ in traceback.walk_tb(once.__traceback__))
    return out, count


@over((), ())
def case_signals():
    """A signal's handler raises while something is tried, or handled."""
    seen, out = [], []

    def interrupts(number, frame):
        seen.append(what_is_handled())
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupts)
    try:
        for i in range(60):
            try:
                try:
                    if i % 20 == 7:
                        signal.raise_signal(signal.SIGUSR1)
                    out.append(TABLE[i])
                except KeyError:
                    if i % 20 == 9:
                        signal.raise_signal(signal.SIGUSR1)
                    out.append("key")
            except KeyboardInterrupt as error:
                out.append(type(error.__context__).__name__)
    finally:
        signal.signal(signal.SIGUSR1, before)
    return out, seen


@over((), ())
def case_contexts_that_swallow():
    out = []
    for i in range(60):
        with contextlib.suppress(KeyError):
            out.append(look(i))
        with contextlib.suppress(IndexError, Mine):
            out.append(odd(i))
            out.append(ITEMS[i])
        out.append(sys.exception())
    return out


@over((), ())
def case_state_of_the_loop():
    """What the loop has around the exception is what it had before: iterators, numbers, temporary values."""
    total, text, pairs = 0, "", []
    for i, letter in zip(range(60), itertools.cycle("abc"), strict=False):
        x, y = i * 1.5, -i
        try:
            pairs.append((x, [y, TABLE[i], letter]))
            total += i
        except KeyError as error:
            total -= error.args[0]
            text += letter
            x += 1
        try:
            x = max(x, y, ITEMS[i]) + (i << 58)
        except IndexError:
            y = -x
        pairs.append((x, y))
    return total, text, pairs


@over((), ())
def case_frames_of_callees():
    """A callee that an exception has left is seen with its locals as they are, and they end with it."""
    log, out = [], []

    class Ends:
        def __init__(self, name):
            self.name = name

        def __del__(self):
            log.append(self.name)

    def inner(i):
        held = Ends(i)
        again = [held, i]
        return TABLE[i] + len(again)

    def outer(i):
        number = i * 2.5
        return inner(i) + number

    for i in range(40):
        try:
            out.append(outer(i))
        except KeyError as error:
            log.append("handler")
            if i % 10 == 3:
                tb = error.__traceback__.tb_next
                out.append(tb.tb_frame.f_locals["number"])
                out.append(tb.tb_next.tb_frame.f_locals["again"][1])
                tb = None
        log.append("behind")
    return log, out


@over((), ())
def case_deleted_name():
    out = []
    for i in range(60):
        try:
            odd(i)
        except Mine as error:
            out.append(error.args)
            del error
        try:
            look(i)
        except KeyError as error:
            error = i  # noqa: F841, PLW2901
            out.append(what_is_handled() is None)
    return out


@over((), ())
def case_left_from_handlers():
    """return, break and continue in a handler end it."""
    out = []

    def gives(i):
        for k in range(i, i + 3):
            try:
                return look(k)
            except KeyError as error:
                if k % 5 == 0:
                    return error.args
                continue
        return "none"

    for i in range(60):
        out.append(gives(i))
        out.append(sys.exception())
        while True:
            try:
                ITEMS[i]
            except IndexError:
                break
            break
        out.append(sys.exception())
    return out
