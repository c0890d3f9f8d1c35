"""Sending into, throwing into and closing generators at each of their suspension points."""

import sys

from tests.cases import act, chain, finish, outcome, over, trail


class Manager:
    def __init__(self, log, name="m", swallow=False):
        self.log, self.name, self.swallow = log, name, swallow

    def __enter__(self):
        self.log.append(f"enter {self.name}")
        return self.name

    def __exit__(self, kind, error, traceback):
        self.log.append(f"exit {self.name} {kind.__name__ if kind else None}")
        return self.swallow


def actions():
    return "next", ("sent",), "close", KeyError("k"), KeyError, GeneratorExit, StopIteration(1), KeyboardInterrupt


def at_each_point(make, points=8):
    """Each action at each suspension point of a fresh generator, after which it runs on."""
    found = []
    for number in range(len(actions())):
        for point in range(points):
            action = actions()[number]
            log = []
            generator = make(log)
            for _ in range(point):
                outcome(generator.send, None)
            here = act(generator, action)
            found.append((here, finish(generator), log))
    return found


def case_points_plain():
    def g(log):
        log.append((yield 1))
        log.append((yield 2))
        return "end"

    return at_each_point(g, 4)


def case_points_try_except():
    def g(log):
        try:
            log.append((yield 1))
            log.append((yield 2))
        except KeyError as error:
            log.append(("caught", error.args))
            yield 3
            log.append(sys.exception() is error)
        yield 4

    return at_each_point(g, 5)


def case_points_try_finally():
    def g(log):
        try:
            log.append((yield 1))
        finally:
            log.append("finally")
            log.append((yield 2))
            log.append("finally done")
        yield 3

    return at_each_point(g, 4)


def case_points_try_except_else_finally():
    def g(log):
        try:
            yield 1
        except KeyError:
            yield "except"
        else:
            yield "else"
        finally:
            yield "finally"
        return "end"

    return at_each_point(g, 5)


def case_points_nested_try():
    def g(log):
        try:
            try:
                yield 1
            except ValueError:
                log.append("value")
            finally:
                log.append("inner")
                yield 2
        except KeyError:
            log.append("key")
            try:
                yield 3
            except KeyboardInterrupt:
                log.append("interrupt")
                raise
            finally:
                log.append("innermost")
        yield 4

    return at_each_point(g, 5)


def case_points_bare_except_swallows():
    def g(log):
        for i in range(4):
            try:
                yield i
            except:
                log.append(sys.exc_info()[0].__name__)

    return at_each_point(g, 4)


@over((True,), (False,))
def case_points_with(swallow):
    def g(log):
        with Manager(log, "a", swallow) as a:
            yield a
            with Manager(log, "b") as b, Manager(log, "c"):
                yield b
            yield 3
        yield 4

    return at_each_point(g, 5)


def case_points_loops():
    def g(log):
        for i in range(3):
            for j in "ab":
                try:
                    if (yield i, j):
                        break
                except KeyError:
                    log.append("continue")
                    continue
            else:
                log.append("else")
        while (yield "while"):
            log.append("again")

    return at_each_point(g, 7)


def case_points_match():
    def g(log):
        match (yield "subject"):
            case [a, *rest] if (yield "guard"):
                log.append((a, rest))
                yield a
            case str() as s:
                yield s
            case None:
                yield "none"
            case other:
                yield "other", other

    return at_each_point(g, 4)


def case_points_expression_stack():
    def g(log):
        log.append([1, (yield 2), {"k": (yield 3)}, *((yield 4) or ())])
        try:
            log.append((len, (yield 5), str((yield 6))))
        except KeyError:
            log.append((7, [8, (yield 9)]))

    return at_each_point(g, 8)


def case_points_yield_from():
    def inner(log):
        try:
            log.append((yield 1))
            log.append((yield 2))
        except KeyError:
            yield "inner caught"
            return "from except"
        finally:
            log.append("inner finally")
        return "from end"

    def g(log):
        try:
            log.append((yield from inner(log)))
        except ValueError:
            log.append("outer value")
        finally:
            log.append("outer finally")
        yield 3

    return at_each_point(g, 5)


def case_points_except_star():
    def g(log):
        try:
            yield 1
            raise ExceptionGroup("g", [ValueError(1), KeyError(2)])
        except* KeyError as group:
            log.append(len(group.exceptions))
            yield "key"
        except* ValueError:
            yield "value"
        yield 3

    return at_each_point(g, 5)


def case_throw_forms():
    def g():
        while True:
            try:
                yield "ready"
            except Exception as error:
                yield type(error).__name__, error.args, error.__traceback__ is not None

    class Two(Exception):
        def __init__(self, a, b):
            super().__init__(a, b)

    found = []
    for arguments in (
        (ValueError,),
        (ValueError("v"),),
        (ValueError, "v"),
        (ValueError, ("a", "b")),
        (ValueError, None),
        (ValueError, ValueError("made")),
        (Two, (1, 2)),
        (ValueError, "v", None),
        (ValueError("v"), None, None),
        (LookupError, KeyError("a subclass")),
        (KeyError, LookupError("not a subclass")),
    ):
        h = g()
        next(h)
        found.append((outcome(h.throw, *arguments), next(h)))
    return found


def case_throw_wrong_arguments():
    def g():
        try:
            yield 1
        except BaseException as error:
            yield chain(error)

    found = []
    for arguments in (
        (),
        (5,),
        ("text",),
        (int,),
        (ValueError("v"), "value too"),
        (ValueError, "v", "no traceback"),
        (ValueError, "v", None, 4),
        (Exception, lambda: 1),
    ):
        h = g()
        next(h)
        found.append((outcome(h.throw, *arguments), outcome(next, h)))
    return found


def case_throw_class_that_fails():
    class Bad(Exception):
        def __init__(self):
            raise ZeroDivisionError("in init")

    class NotAnException(Exception):
        def __new__(cls):
            return 5

    def g():
        try:
            yield 1
        except BaseException as error:
            yield chain(error)

    found = []
    for kind in (Bad, NotAnException):
        h = g()
        next(h)
        found.append(outcome(h.throw, kind))
    return found


def case_throw_with_traceback():
    def fail():
        raise ValueError("original")

    def g():
        yield 1
        yield 2

    try:
        fail()
    except ValueError as error:
        kept = error
    tb = kept.__traceback__
    h = g()
    next(h)
    try:
        h.throw(ValueError, kept, tb.tb_next)
    except ValueError as error:
        first = trail(error)
    h = g()
    next(h)
    try:
        h.throw(kept.with_traceback(None))
    except ValueError as error:
        return first, trail(error), error is kept


def case_throw_before_start():
    def g():
        try:
            yield 1
        except KeyError:
            yield "not reached"

    h = g()
    first = outcome(h.throw, KeyError("early"))
    return first, list(h), outcome(h.throw, ValueError("late")), h.gi_frame


def case_throw_stop_iteration():
    def g():
        yield 1

    def catching():
        try:
            yield 1
        except StopIteration as stop:
            return "caught", stop.value

    h, k = g(), catching()
    next(h), next(k)
    return outcome(h.throw, StopIteration(5)), outcome(k.throw, StopIteration(5)), outcome(g().throw, StopIteration(6))


def case_throw_the_same_again():
    def g():
        error = None
        for i in range(3):
            try:
                yield i
            except ValueError as caught:
                yield caught is error, len(trail(caught))
                error = caught

    thrown = ValueError("same")
    h = g()
    found = []
    for _ in range(3):
        found.append(outcome(next, h))
        found.append(outcome(h.throw, thrown))
    return found, len(trail(thrown))


def case_close_forms():
    def returns():
        try:
            yield 1
        except GeneratorExit:
            return "value"

    def raises():
        try:
            yield 1
        except GeneratorExit:
            raise KeyError("instead")

    def reraises():
        try:
            yield 1
        except GeneratorExit:
            raise

    def stops():
        try:
            yield 1
        except GeneratorExit:
            raise StopIteration(5)

    def ignores():
        while True:
            try:
                yield 1
            except GeneratorExit:
                pass

    def in_finally():
        try:
            yield 1
        finally:
            yield 2

    def with_exit():
        with Manager(log):
            yield 1

    log, found = [], []
    for make in (returns, raises, reraises, stops, ignores, in_finally, with_exit):
        fresh, started = make(), make()
        next(started)
        found.append((make.__name__, outcome(fresh.close), outcome(started.close), outcome(started.close), outcome(next, started)))
    return found, log


def case_close_ignored_then_goes_on():
    def g():
        for i in range(5):
            try:
                yield i
            except GeneratorExit:
                log.append(i)

    log = []
    h = g()
    next(h)
    return outcome(h.close), outcome(next, h), outcome(h.close), list(h), log


def case_generator_exit_from_outside():
    def g():
        try:
            yield 1
        except GeneratorExit as error:
            yield "caught", error.args

    h, k = g(), g()
    next(h), next(k)
    return outcome(h.throw, GeneratorExit("x")), outcome(next, h), outcome(k.throw, GeneratorExit), outcome(k.close)


def case_throw_into_running():
    def g():
        yield outcome(h.throw, KeyError("k"))
        yield outcome(h.close)

    h = g()
    return list(h)


@over(*((n,) for n in range(5)))
def case_compiled_after_throw(point):
    """Each throw resumes in the interpreter; what follows goes on from there."""

    def g():
        total = 0
        for i in range(6):
            try:
                total += (yield total, i) or 1
            except KeyError as error:
                total += error.args[0]
        return total

    h = g()
    found = [next(h)]
    for i in range(6):
        found.append(outcome(h.throw, KeyError(100)) if i == point else outcome(h.send, i))
    return found
