"""Exceptions that are raised and caught in the same code, and that nobody looks at, or that somebody does after all."""

import gc
import sys
import traceback

from tests.cases import over

TABLE = {k: k * 2 for k in range(0, 40, 2)}
ITEMS = list(range(20))
LETTERS = "abcdefghij"


class Mine(ValueError):
    pass


class Other(Exception):
    def __init__(self, value):
        super().__init__(value, "other")
        self.value = value


class Ends:
    """Says when it ends."""

    log: list = []

    def __init__(self, name):
        self.name = name

    def __del__(self):
        Ends.log.append((self.name, type(sys.exception()).__name__))


class Missing(dict):
    def __missing__(self, key):
        if key % 3 == 0:
            raise LookupError(key)
        return -key


class Key:
    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return hash(self.value)

    def __eq__(self, other):
        if other == 3:
            raise RuntimeError("compared")
        return self.value == other


def entries(error):
    """Everything that an exception shows."""
    if error is None:
        return None
    found = []
    tb = error.__traceback__
    while tb is not None:
        frame = tb.tb_frame
        shown = {name: repr(value)[:30] for name, value in frame.f_locals.items() if isinstance(value, int | str)}
        found.append((frame.f_code.co_name, tb.tb_lineno, tb.tb_lasti, frame.f_lineno, sorted(shown.items())))
        back = frame.f_back
        found.append(back.f_code.co_name if back is not None and back.f_code.co_name != "_invoke" else None)
        tb = tb.tb_next
    notes = getattr(error, "__notes__", None)
    context = entries(error.__context__), entries(error.__cause__), error.__suppress_context__
    return type(error).__name__, error.args, found, notes, context


def look(i):
    return TABLE[i]


def look_up(i):
    j = i + 1
    return look(i) + j - j


def look_far(i):
    k = str(i)
    return look_up(i) if k else 0


def odd(x):
    if x % 2:
        raise Mine("odd", x)
    return x


def bare(x):
    if x % 3 == 0:
        raise ValueError
    return x


def or_zero(i):
    try:
        return look_up(i)
    except KeyError:
        return 0


def finally_counts(counts, i):
    try:
        return look(i)
    finally:
        counts.append(i)


def again(i):
    try:
        return odd(i)
    except Mine:
        raise


def with_another(i):
    try:
        return look(i)
    except KeyError as error:
        raise IndexError(i) from error


@over((), ())
def case_keys():
    total = 0
    for i in range(60):
        try:
            total += TABLE[i]
        except KeyError:
            total += 1000
    return total


@over((1,), (0,))
def case_indices(sign):
    out = []
    for i in range(60):
        at = -i if sign == 0 and i % 2 else i
        try:
            out.append(ITEMS[at])
        except IndexError:
            out.append("list")
        try:
            out.append(LETTERS[at])
        except IndexError:
            out.append("str")
        try:
            out.append((1, 2, 3)[at])
        except LookupError:
            out.append("tuple")
    return out


@over((1, 7), (1.0, 7.0), (True, 2**70))
def case_divisions(zero, number):
    out = []
    for i in range(60):
        divisor = (i % 2) * zero
        for kind in range(3):
            try:
                if kind == 0:
                    out.append(number // divisor)
                elif kind == 1:
                    out.append(number % divisor)
                else:
                    out.append(number / divisor)
            except ZeroDivisionError:
                out.append(kind)
    return out


@over((), ())
def case_callees():
    total = 0
    for i in range(60):
        try:
            total += look_far(i)
        except KeyError:
            total += 1
        try:
            total += odd(i)
        except ValueError:
            total += 2
        try:
            total += bare(i)
        except (KeyError, ValueError):
            total += 3
        total += or_zero(i)
    return total


@over((), ())
def case_what_is_handled():
    """The handler has somebody look."""
    out = []
    for i in range(60):
        try:
            look_far(i)
        except KeyError:
            if i % 15 == 1:
                out.append(entries(sys.exception()))
        out.append(sys.exception())
    return out


@over((), ())
def case_what_is_handled_here():
    out = []
    for i in range(60):
        x = i * 2
        try:
            x += TABLE[i]
        except KeyError:
            x += 1
            if i % 15 == 1:
                out.append(entries(sys.exception()))
            x += 2
            if i % 15 == 3:
                out.append(traceback.format_exc().count("Error"))
        out.append((x, sys.exception()))
    return out


@over((), ())
def case_named():
    out = []
    for i in range(60):
        try:
            if i % 2:
                odd(i)
            else:
                bare(i)
        except Mine as error:
            out.append(error.args)
        except ValueError as error:
            out.append(i)
            if i == 30:
                out.append(entries(error))
        try:
            error
        except NameError:
            out.append("unbound")
    return out


@over((), ())
def case_kept():
    kept = []
    for i in range(60):
        try:
            look_up(i)
        except KeyError as error:
            if i % 20 == 1:
                error.add_note(str(i))
                kept.append(error)
    return [entries(error) for error in kept]


@over((), ())
def case_reraised():
    out = []
    for i in range(60):
        try:
            out.append(again(i))
        except Mine:
            out.append("mine")
            if i > 55:
                out.append(entries(sys.exception()))
        try:
            out.append(with_another(i))
        except IndexError as error:
            out.append(entries(error) if i % 20 == 1 else "index")
    return out


@over((), ())
def case_finally():
    counts, out = [], []
    for i in range(60):
        try:
            out.append(finally_counts(counts, i))
        except KeyError:
            out.append(len(counts))
        try:
            try:
                out.append(TABLE[i])
            finally:
                counts.append(-i)
        except KeyError:
            out.append(len(counts))
    return out, counts


@over((), ())
def case_not_this_one():
    out = []
    for i in range(60):
        try:
            try:
                out.append(look_far(i))
            except (IndexError, ZeroDivisionError):
                out.append("wrong")
        except LookupError:
            out.append("right")
            if i > 57:
                out.append(entries(sys.exception()))
    return out


@over((), ())
def case_nested():
    out = []
    for i in range(60):
        try:
            out.append(TABLE[i])
        except KeyError:
            try:
                out.append(ITEMS[i])
            except IndexError:
                out.append(i)
                if i > 57:
                    out.append(entries(sys.exception()))
            try:
                odd(i)
            except Mine:
                out.append("mine")
            out.append(type(sys.exception()).__name__)
    return out


@over((), ())
def case_what_ends():
    Ends.log = log = []
    for i in range(40):
        try:
            local = Ends(i)
            if i % 2:
                raise Mine(Ends(-i), local)
            del local
        except Mine:
            log.append("handled")
            log.append(i)
        log.append("behind")
        local = None
    return log


def holds(i):
    held = Ends(i)
    if i % 2:
        raise Mine(held.name)
    return held.name


@over((), ())
def case_what_ends_in_callees():
    Ends.log = log = []
    for i in range(40):
        try:
            holds(i)
        except Mine:
            log.append("handled")
            log.append(i)
        log.append("behind")
    return log


@over((), ())
def case_no_key_of_its_own():
    out = []
    table, missing = {Key(1): 1, Key(3): 3, 4: 4}, Missing({1: 1})
    for i in range(60):
        try:
            out.append(table[i % 6])
        except KeyError:
            out.append("key")
        except RuntimeError as error:
            out.append(str(error))
        try:
            out.append(missing[i % 6])
        except KeyError:
            out.append("key")
        except LookupError as error:
            out.append(error.args)
    return out


@over((), ())
def case_with_initializer():
    out = []
    for i in range(60):
        try:
            if i % 2:
                raise Other(i)
        except Other as error:
            out.append((error.value, error.args))
        try:
            if i % 3 == 0:
                raise StopIteration(i)
        except StopIteration as stop:
            out.append(stop.value)
        try:
            if i % 5 == 0:
                raise Mine(i) from None
        except Mine as error:
            out.append(error.__suppress_context__)
    return out


class Holder:
    def __init__(self, n):
        if n % 2:
            raise Mine(n)
        self.n = n

    def __add__(self, other):
        if other % 3 == 0:
            raise Mine(other)
        return self.n + other

    def __len__(self):
        if self.n % 4:
            raise Mine(self.n)
        return self.n

    def __eq__(self, other):
        if other == 8:
            raise Mine(other)
        return self.n == other

    def __getitem__(self, key):
        if key > 5:
            raise IndexError(key)
        return key

    @property
    def half(self):
        if self.n % 4:
            raise AttributeError("half")
        return self.n // 2


class Fallback(Holder):
    def __getattr__(self, name):
        return name


@over((Holder,), (Fallback,))
def case_special_methods(cls):
    out = []
    for i in range(60):
        try:
            holder = cls(i % 12)
        except Mine:
            out.append("init")
            continue
        try:
            out.append(holder + i)
        except Mine:
            out.append("add")
        try:
            out.append(len(holder))
        except Mine:
            out.append("len")
        try:
            out.append(holder == i % 12)
        except Mine:
            out.append("eq")
        try:
            out.append(holder[i % 8])
        except IndexError:
            out.append("getitem")
        try:
            out.append(holder.half)
        except AttributeError:
            out.append("half")
    return out


@over((), ())
def case_locals_of_callees():
    """What callees had is as it was, through their frames."""
    out = []

    for i in range(60):
        try:
            look_far(i)
        except KeyError:
            if i % 20 == 1:
                tb = sys.exception().__traceback__
                while tb is not None:
                    names = sorted(tb.tb_frame.f_locals)
                    out.append((tb.tb_frame.f_code.co_name, names))
                    tb = tb.tb_next
                tb = None
    return out


@over((), ())
def case_inside_a_handler():
    """What is called while something is handled may raise and catch, too."""
    out = []
    for i in range(60):
        try:
            raise Other(i)
        except Other:
            out.append(or_zero(i))
            try:
                out.append(TABLE[i])
            except KeyError:
                out.append(type(sys.exception()).__name__)
                out.append(type(sys.exception().__context__).__name__)
            out.append(type(sys.exception()).__name__)
    return out


@over((), ())
def case_no_garbage():
    for i in range(30):
        or_zero(i)
        try:
            odd(i)
        except Mine:
            pass
    gc.collect()
    before = len(gc.get_objects())
    for i in range(60):
        or_zero(i)
        try:
            odd(i)
        except Mine:
            pass
        try:
            TABLE[i]
        except KeyError:
            sys.exception()
        try:
            TABLE[i]
        except KeyError as error:
            str(error)
    return len(gc.get_objects()) - before < 20


def yields(n):
    for i in range(n):
        try:
            yield TABLE[i]
        except KeyError:
            yield -1
        except ValueError:
            yield -2


@over((), ())
def case_generators():
    out = []
    for i in range(20):
        out.extend(yields(i))
        generator = yields(4)
        out.append(next(generator))
        out.append(generator.throw(ValueError))
        out.append(list(generator))
    return out


@over((), ())
def case_comprehensions():
    out = []
    for i in range(60):
        x = "kept"
        try:
            out.append([TABLE[x] for x in (0, 2, i)])
        except KeyError:
            out.append(x)
        try:
            out.append(sum(TABLE[x] for x in (0, 2, i)))
        except KeyError:
            out.append(x)
    return out


@over((), ())
def case_loops_around():
    total = 0
    for i in range(20):
        while True:
            i += 1
            try:
                if look(i) > 20:
                    break
            except KeyError:
                for k in range(3):
                    total += k
                    if i > 50:
                        break
                else:
                    continue
                break
    return total


class Text(str):
    def __int__(self):
        return -1


@over(
    (["12", "x", "-7"],),
    (["12", "1_0", " 5 ", "", "-", "+3", "1 2", "--1", "_1"],),
    (["\u0663", "\xb2", "9" * 30, "x" * 30],),
    (["7", "x", "\x1c4", "5\x1f", " 6\n", "\x0b7\x0c", "\t-8\r", "1_0", "1__0", "+ 1", ""],),
)
def case_ints(texts):
    out = []
    for text in texts * 8:
        try:
            out.append(int(text))
        except ValueError:
            out.append("bad")
        try:
            out.append(int(text) + 1)
        except (TypeError, ValueError) as error:
            out.append(str(error))
    return out


@over(
    (["1", Text("2"), "x", Text("y")],),
    ([b"5", "5", 5, None, "z", 5.5],),
    (["0" * 17 + "1", "0" * 18 + "1", "\x1c4\x1f", "\0"],),
)
def case_other_ints(texts):
    out = []
    for text in texts * 12:
        try:
            value = int(text)
        except ValueError:
            out.append(entries(sys.exception())[1])
        except TypeError:
            out.append("type")
        else:
            out.append(value)
    return out


@over((list,), (tuple,), (range,))
def case_next(make):
    out = []
    made = make(3) if make is range else make((10, 20.5, "x"))
    iterator = iter(made)
    others = iterator
    for i in range(60):
        try:
            out.append(next(iterator))
        except StopIteration:
            out.append("end")
            if make is list and i % 8 == 3:
                made.append(i)
            if i % 5 == 4:
                iterator = iter(made)
        if i % 7 == 0:
            try:
                out.append(next(others))
            except StopIteration as stop:
                out.append(stop.args)
                others = iterator
    return out


@over((), ())
def case_next_ends_what_it_went_over():
    Ends.log = log = []
    for i in range(30):
        iterator = iter([Ends(i), Ends(-i)])
        try:
            for _ in range(3):
                log.append(next(iterator).name)
        except StopIteration:
            log.append("end")
        log.append("behind")
    return log


@over((), ())
def case_pops():
    items, out = [], []
    for i in range(60):
        if i % 3 == 0:
            items.append(i)
        try:
            out.append(items.pop())
        except IndexError:
            out.append("empty")
        try:
            out.append(items.pop(i % 2))
        except IndexError as error:
            out.append(str(error))
        if i > 57:
            try:
                items.pop()
            except IndexError:
                out.append(entries(sys.exception()))
    return out


class Ends:
    def __init__(self, log, name):
        self.log = log
        self.name = name

    def __del__(self):
        self.log.append((self.name, sys._getframe(1).f_code.co_name))


def store(container, index, value):
    container[index] = value


@over((), ())
def case_stores():
    items, octets, text, out = [0] * 6, bytearray(6), b"abcdef", []
    for i in range(80):
        index = i % 17 - 9
        for container, value in ((items, i), (octets, i), (octets, i * 5), (items, str(i))):
            try:
                container[index] = value
            except IndexError as error:
                out.append((i, str(error), entries(error)))
            except ValueError as error:
                out.append((i, str(error)))
        try:
            out.append(octets[index] + text[index])
        except IndexError as error:
            out.append((i, str(error)))
        try:
            out.append(text[index])
        except IndexError as error:
            out.append((i, str(error)))
        try:
            store(items, index, i)
            store(octets, index, i % 256)
        except IndexError as error:
            out.append((i, str(error), entries(error)))
    return out, items, octets


@over((), ())
def case_stores_of_what_ends():
    items, log = [None] * 4, []
    for i in range(60):
        index = i % 7
        try:
            items[index] = Ends(log, i)
        except IndexError:
            log.append(("lost", i))
        try:
            [None][index] = i
            [Ends(log, -i)][index - 1] = None
        except IndexError as error:
            log.append((str(error), i))
    items.clear()
    return log


class Swallows:
    def __init__(self, seen):
        self.seen = seen

    def __enter__(self):
        return self

    def __exit__(self, kind, error, tb):
        self.seen.append((kind.__name__ if kind else None, error and entries(error)[1], tb and tb.tb_lineno))
        return kind is KeyError


@over((), ())
def case_withs():
    seen, out = [], []
    for i in range(60):
        with Swallows(seen):
            out.append(TABLE[i])
        try:
            with Swallows(seen):
                out.append(ITEMS[i])
        except IndexError:
            out.append("index")
        with Swallows(seen):
            look_far(i)
    return out, seen


def recurses(n):
    if n == 0:
        raise Mine("deep")
    try:
        return recurses(n - 1)
    except Mine:
        if n == 3:
            return "caught"
        raise


@over((), ())
def case_recursion():
    out = []
    for i in range(40):
        try:
            out.append(recurses(i % 6))
        except Mine as error:
            out.append(entries(error))
    return out


@over((), ())
def case_class_is_rebound():
    global Chosen
    out = []
    for i in range(60):
        Chosen = Mine if i < 40 else LookupError
        try:
            odd(i)
        except Chosen:
            out.append("chosen")
        except ValueError:
            out.append("value")
    return out
