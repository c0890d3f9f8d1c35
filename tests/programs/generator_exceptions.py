"""The exceptions that are handled in generators, across yields: each generator has its own."""

import sys

from tests.cases import act, chain, outcome, plain_list, steps


class Manager:
    def __init__(self, log, name="m", swallow=False):
        self.log, self.name, self.swallow = log, name, swallow

    def __enter__(self):
        self.log.append(f"enter {self.name}")
        return self.name

    def __exit__(self, kind, error, traceback):
        self.log.append(f"exit {self.name} {kind.__name__ if kind else None}")
        return self.swallow


def case_throw_keeps_notes_and_context():
    def g():
        try:
            yield 1
        except KeyError as error:
            error.add_note("seen inside")
            raise

    h = g()
    next(h)
    error = KeyError("k")
    error.__context__ = ValueError("older")
    try:
        1 / 0
    except ZeroDivisionError:
        try:
            h.throw(error)
        except KeyError as caught:
            return caught is error, caught.__notes__, chain(caught)


def case_throw_before_start_traceback():
    def g():
        yield 1

    g().throw(KeyError("early"))


def case_throw_uncaught_traceback():
    def g(x):
        y = x + 1
        yield x
        z = 3
        yield y

    h = g(1)
    next(h)
    next(h)
    h.throw(ValueError("thrown"))


def case_close_runs_in_callers_exception():
    def g():
        try:
            yield 1
        finally:
            log.append(chain(sys.exception()))

    log = []
    try:
        raise ValueError("outer")
    except ValueError:
        h = g()
        next(h)
        h.close()
        log.append(chain(sys.exception()))
    return log


def case_exception_state_is_the_generators_own():
    def g():
        yield chain(sys.exception())
        try:
            raise KeyError("inner")
        except KeyError:
            yield chain(sys.exception())
            yield chain(sys.exception())
        yield chain(sys.exception())

    h = g()
    found = [next(h)]
    try:
        raise ValueError("outer")
    except ValueError:
        found.append(next(h))
        found.append(chain(sys.exception()))
    found.append(chain(sys.exception()))
    found.append(next(h))
    found.append(chain(sys.exception()))
    try:
        raise TypeError("other")
    except TypeError:
        found.append(next(h))
    return found


def case_exception_of_the_caller_is_seen():
    def g():
        while True:
            yield chain(sys.exception())

    h = g()
    found = [next(h)]
    for kind in (ValueError, KeyError):
        try:
            raise kind("x")
        except Exception:
            found.append(next(h))
            found += plain_list(h, 1)
    found.append(next(h))
    return found


def case_bare_raise_after_yield():
    def g():
        try:
            raise KeyError("own")
        except KeyError:
            yield 1
            raise

    def without():
        yield 1
        raise

    h, k = g(), without()
    next(h), next(k)
    first = outcome(k.send, None)
    try:
        raise ValueError("callers")
    except ValueError:
        k = without()
        next(k)
        return first, outcome(next, h), outcome(next, k)


def case_context_across_yields():
    def g():
        try:
            raise KeyError("handled")
        except KeyError:
            try:
                yield 1
            finally:
                raise RuntimeError("from finally")

    found = []
    for action in ("next", "close", ValueError("thrown")):
        h = g()
        next(h)
        try:
            raise TypeError("callers")
        except TypeError:
            found.append(act(h, action))
    return found


def case_two_handlers_interleaved():
    def g(name):
        for i in range(3):
            try:
                raise KeyError(name, i)
            except KeyError as error:
                yield chain(sys.exception())
                yield error is sys.exception()

    a, b = g("a"), g("b")
    found = []
    for x, y in zip(a, b):
        found.append((x, y, sys.exception()))
    return found


def case_generator_in_handler_of_generator():
    def inner():
        try:
            yield chain(sys.exception())
            raise IndexError("inner")
        except IndexError:
            yield chain(sys.exception())
        yield chain(sys.exception())

    def outer():
        try:
            raise KeyError("outer")
        except KeyError:
            yield from inner()
            for x in inner():
                yield x
        yield chain(sys.exception())
        yield from inner()

    return list(outer())


def case_exception_name_unbound_after_handler():
    def g():
        try:
            yield 1
        except KeyError as error:
            yield error.args
        yield outcome(lambda: "error" in sys._getframe(1).f_locals), sorted(locals())
        try:
            error
        except UnboundLocalError as found:
            yield str(found)

    h = g()
    return steps(h, "next", KeyError("k"), "next", "next", "next")


def case_return_in_finally_swallows():
    def g():
        for i in range(2):
            try:
                yield i
            finally:
                return "swallowed"

    return [steps(g(), "next", action, "next") for action in ("next", KeyError, GeneratorExit)], outcome(g().close)


def case_break_and_continue_in_finally():
    def g():
        for i in range(4):
            try:
                yield i
            finally:
                if i % 2:
                    continue
                if i == 2:
                    break
        yield "end"

    return [steps(g(), "next", action, action, action, "next") for action in ("next", KeyError, ("x",))]


def case_with_whose_exit_yields_nothing():
    def g():
        with Manager(log, swallow=True):
            yield 1
            raise ValueError("swallowed")
        yield 2
        with Manager(log):
            x = yield 3
            yield x
        return "done"

    log = []
    return steps(g(), "next", "next", "next", ("sent",), "next"), log


def case_exception_group_thrown():
    def g():
        try:
            yield 1
        except* ValueError as group:
            yield [chain(e) for e in group.exceptions]
        yield "after"

    h = g()
    return steps(h, "next", ExceptionGroup("g", [ValueError(1), KeyError(2), ValueError(3)]), "next", "next")


def case_stop_iteration_has_a_context():
    def g(value):
        yield 1
        return value

    async def coroutine(value):
        return value

    async def items(value):
        yield value

    found = []
    for value in (None, 5, (1, 2), KeyError("returned")):
        try:
            raise ValueError("handled")
        except ValueError:
            for resume in (next, lambda h: h.send(None), lambda h: h.__next__(), lambda h: act(h, "next")):
                h = g(value)
                next(h)
                found.append(outcome(resume, h))
            found.append(outcome(coroutine(value).send, None))
            found.append(outcome(next, coroutine(value).__await__()))
            asynchronous = items(value)
            for resume in (next, lambda a: a.send(None)):
                found.append(outcome(resume, asynchronous.__anext__()))
    return found
