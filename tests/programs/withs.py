"""with statements."""

import contextlib
import io

from tests.cases import over


class Manager:
    def __init__(self, log, name="m", swallow=False, fail_enter=False, fail_exit=False):
        self.log, self.name, self.swallow = log, name, swallow
        self.fail_enter, self.fail_exit = fail_enter, fail_exit

    def __enter__(self):
        self.log.append(f"enter {self.name}")
        if self.fail_enter:
            raise KeyError(f"enter {self.name}")
        return self.name

    def __exit__(self, kind, error, traceback):
        self.log.append((f"exit {self.name}", kind, str(error), traceback is not None))
        if self.fail_exit:
            raise OSError(f"exit {self.name}")
        return self.swallow


def case_plain():
    log = []
    with Manager(log) as name:
        log.append(name)
    return log


@over((True,), (False,), (1,), (0,), ("yes",), (None,))
def case_exception(swallow):
    log = []
    try:
        with Manager(log, swallow=swallow):
            raise ValueError("inside")
    except ValueError as error:
        log.append(("outside", str(error)))
    return log


def case_uncaught():
    log = []
    with Manager(log):
        raise ValueError(log)


def case_several():
    log = []
    with Manager(log, "a") as a, Manager(log, "b") as b, Manager(log, "c"):
        log.append((a, b))
    return log


def case_parenthesized():
    log = []
    with (
        Manager(log, "a", swallow=True) as a,
        Manager(log, "b") as b,
    ):
        raise ValueError(a + b)
    return log


def case_enter_fails():
    log = []
    try:
        with Manager(log, "a"), Manager(log, "b", fail_enter=True):
            log.append("never")
    except KeyError as error:
        log.append(str(error))
    return log


def case_exit_fails():
    log = []
    with Manager(log, fail_exit=True):
        log.append("body")


def case_exit_fails_over_exception():
    log = []
    with Manager(log, fail_exit=True):
        raise ValueError("inside")


@over((0,), (1,), (2,), (3,))
def case_leaving_early(how):
    log = []

    def f():
        for i in range(3):
            with Manager(log, f"{i}"):
                if how == 0:
                    return "returned"
                if how == 1:
                    break
                if how == 2:
                    continue
        return "end"

    return f(), log


def case_target_forms():
    log = []

    class Box:
        pass

    box = Box()
    items = [0]
    with Manager(log, "ab") as box.attr, Manager(log, "cd") as items[0], Manager(log, "ef") as (x, y):
        pass
    return box.attr, items, x, y


def case_target_fails():
    log = []
    try:
        with Manager(log, "abc") as (x, y):
            pass
    except ValueError as error:
        log.append(str(error))
    return log


def case_not_a_manager():
    with 5:
        pass


def case_no_exit():
    class Half:
        def __enter__(self):
            pass

    with Half():
        pass


def case_instance_attributes_are_not_used():
    class M:
        def __enter__(self):
            return "class"

        def __exit__(self, *args):
            pass

    m = M()
    m.__enter__ = lambda: "instance"
    with m as value:
        return value


def case_contextlib():
    log = []

    @contextlib.contextmanager
    def manager(n):
        log.append("before")
        try:
            yield n
        except ValueError as error:
            log.append(str(error))
        finally:
            log.append("after")

    with manager(5) as n:
        log.append(n)
    with manager(6):
        raise ValueError("swallowed")
    return log


def case_suppress_and_redirect():
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(ZeroDivisionError):
        print("inside")
        1 / 0
    return out.getvalue()


def case_exit_stack():
    log = []
    with contextlib.ExitStack() as stack:
        for i in range(3):
            stack.enter_context(Manager(log, str(i)))
        stack.callback(log.append, "callback")
    return log


def case_nested_in_loop():
    log = []
    for i in range(4):
        with Manager(log, f"o{i}", swallow=True):
            with Manager(log, f"i{i}"):
                if i % 2:
                    raise KeyError(i)
    return log


def case_exit_sees_traceback():
    lines = []

    class M:
        def __enter__(self):
            pass

        def __exit__(self, kind, error, tb):
            while tb:
                lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno))
                tb = tb.tb_next
            return True

    def inner():
        raise ValueError

    with M():
        inner()
    return lines


def case_exit_not_callable():
    class M:
        def __enter__(self):
            pass

        __exit__ = 5

    with M():
        pass


def case_return_value_in_with():
    log = []

    def f():
        with Manager(log) as x:
            return x + "!"

    return f(), log


def case_exit_result_bool_raises():
    class BadBool:
        def __bool__(self):
            raise TypeError("no bool")

    class M:
        def __enter__(self):
            pass

        def __exit__(self, *args):
            return BadBool()

    with M():
        raise ValueError("x")


def case_manager_freed():
    log = []

    class M:
        def __enter__(self):
            return 1

        def __exit__(self, *args):
            log.append("exit")

        def __del__(self):
            log.append("freed")

    with M() as x:
        log.append("body")
    log.append("after")
    return log


def case_finally_in_with():
    log = []
    try:
        with Manager(log):
            try:
                raise ValueError
            finally:
                log.append("inner finally")
    except ValueError:
        log.append("caught")
    finally:
        log.append("outer finally")
    return log
