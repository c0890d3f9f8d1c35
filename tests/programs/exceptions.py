"""try, except, else, finally, raise, assert, chaining, tracebacks."""

import sys

from tests.cases import over


class Custom(Exception):
    def __init__(self, *args, code=0):
        super().__init__(*args)
        self.code = code


def fail(kind=ValueError, message="failed"):
    raise kind(message)


@over((ValueError,), (KeyError,), (TypeError,), (ZeroDivisionError,), (StopIteration,), (KeyboardInterrupt,), (SystemExit,))
def case_selects_handler(kind):
    try:
        fail(kind)
    except ValueError as error:
        return "value", error
    except (KeyError, TypeError):
        return "key or type"
    except ArithmeticError as error:
        return "arithmetic", error.args
    except Exception:
        return "other"


@over((1,), (0,), ("a",))
def case_try_else_finally(n):
    log = []
    try:
        log.append(10 / n)
    except ZeroDivisionError:
        log.append("zero")
    else:
        log.append("else")
    finally:
        log.append("finally")
    return log


def case_uncaught_plain():
    raise ValueError("message")


def case_uncaught_through_calls():
    def one():
        two()

    def two():
        fail(KeyError, "deep")

    one()


def case_exception_class_without_call():
    raise ValueError


def case_raise_non_exception():
    raise 5


def case_raise_class_that_is_no_exception():
    raise int


def case_raise_from():
    try:
        fail(KeyError, "inner")
    except KeyError as error:
        raise ValueError("outer") from error


def case_raise_from_none():
    try:
        fail()
    except ValueError:
        raise RuntimeError("replaced") from None


def case_raise_from_class():
    raise ValueError("x") from KeyError


def case_raise_from_non_exception():
    raise ValueError("x") from 5


def case_implicit_context():
    try:
        fail()
    except ValueError:
        {}["missing"]


def case_context_chain_of_three():
    try:
        try:
            1 / 0
        except ZeroDivisionError:
            [][5]
    except IndexError:
        None.attr


def case_context_in_finally():
    try:
        1 / 0
    finally:
        int("x")


def case_reraise():
    try:
        fail()
    except ValueError:
        raise


def case_reraise_named():
    try:
        fail()
    except ValueError as error:
        error.add_note("a note")
        raise error


def case_bare_raise_without_exception():
    raise


def case_reraise_after_inner_handled():
    try:
        fail(KeyError)
    except KeyError:
        try:
            fail(ValueError)
        except ValueError:
            pass
        raise


def case_notes():
    error = Custom("with notes", code=7)
    error.add_note("first")
    error.add_note("second\nline")
    raise error


def case_finally_return_swallows():
    def f():
        try:
            1 / 0
        finally:
            return "swallowed"

    return f()


def case_finally_overrides_return():
    def f():
        try:
            return "try"
        finally:
            return "finally"

    return f()


def case_finally_raises_over_return():
    def f():
        try:
            return "try"
        finally:
            raise KeyError("from finally")

    return f()


def case_finally_with_break_and_continue():
    log = []
    for i in range(6):
        try:
            if i == 1:
                continue
            if i == 4:
                break
            log.append(i)
        finally:
            log.append(("finally", i))
    else:
        log.append("else")
    return log


def case_continue_in_finally():
    log = []
    for i in range(4):
        try:
            if i % 2:
                raise ValueError(i)
        finally:
            log.append(i)
            continue
    return log


def case_break_in_finally_swallows():
    for i in range(4):
        try:
            raise ValueError(i)
        finally:
            break
    return i


def case_nested_finally_order():
    log = []
    try:
        try:
            try:
                fail()
            finally:
                log.append(1)
        finally:
            log.append(2)
    except ValueError:
        log.append(3)
    finally:
        log.append(4)
    return log


@over((0,), (1,), (2,), (3,))
def case_return_in_each_part(n):
    def f():
        try:
            if n == 0:
                return "try"
            if n == 1:
                raise ValueError
        except ValueError:
            return "except"
        else:
            if n == 2:
                return "else"
        finally:
            if n == 3:
                return "finally"

    return f()


def case_value_returned_before_finally_changes_it():
    def f():
        x = [1]
        y = 1
        try:
            return x, y
        finally:
            x.append(2)
            y = 5

    return f()


def case_handler_type_is_evaluated_lazily():
    log = []

    def kind(k):
        log.append(k)
        return k

    try:
        fail(KeyError)
    except kind(ValueError):
        pass
    except kind(KeyError):
        log.append("caught")
    except kind(TypeError):
        pass
    return log


def case_handler_type_is_no_exception():
    try:
        fail()
    except 5:
        return "never"


def case_handler_tuple_with_wrong_member():
    try:
        fail()
    except (KeyError, "x"):
        return "never"


def case_handler_type_raises():
    try:
        fail()
    except undefined_name:
        return "never"


def case_handler_subclass_hook_not_used():
    class Meta(type):
        def __subclasscheck__(cls, other):
            return True

    class E(Exception, metaclass=Meta):
        pass

    try:
        fail()
    except E:
        return "used"


def case_sys_exception_state():
    out = [sys.exception()]
    try:
        fail(ValueError, "one")
    except ValueError:
        out.append(str(sys.exception()))
        try:
            fail(KeyError, "two")
        except KeyError:
            out.append(str(sys.exception()))
        out.append(str(sys.exception()))
    out.append(sys.exception())
    return out


def case_exception_state_in_called_function():
    def current():
        return sys.exc_info()[0].__name__ if sys.exc_info()[0] else None

    out = [current()]
    try:
        fail()
    except ValueError:
        out.append(current())
    out.append(current())
    return out


def case_exception_state_through_generator():
    def gen():
        yield sys.exception()
        try:
            fail(KeyError)
        except KeyError:
            yield sys.exception()
        yield sys.exception()

    try:
        fail()
    except ValueError:
        return [type(e).__name__ for e in gen()]


def case_exception_variable_lifetime():
    log = []

    class Dies(Exception):
        def __del__(self):
            log.append("dead")

    try:
        raise Dies
    except Dies as e:
        log.append("handling")
    log.append("after")
    return log


def case_rebinding_exception_variable():
    try:
        fail()
    except ValueError as e:
        e = 5
        kept = e
    try:
        return e
    except UnboundLocalError:
        return kept


def case_deleting_exception_variable():
    try:
        fail()
    except ValueError as e:
        del e
    return "fine"


def case_loop_of_exceptions():
    caught = 0
    for i in range(200):
        try:
            if i % 3 == 0:
                raise ValueError(i)
            if i % 5 == 0:
                [][i]
        except ValueError:
            caught += 1
        except IndexError:
            caught += 100
    return caught


def case_exception_in_handler_of_loop():
    out = []
    for i in range(3):
        try:
            try:
                fail(ValueError, i)
            except ValueError as e:
                raise KeyError(i) from e
        except KeyError as e:
            out.append((e.args, type(e.__cause__).__name__, e.__context__ is e.__cause__))
    return out


@over((True,), (False,), (0,), ([],), ("x",))
def case_assert(value):
    assert value
    return "held"


@over((1,), (2,))
def case_assert_message(n):
    assert n == 1, f"n is {n}"
    return "held"


def case_assert_message_is_lazy():
    log = []
    assert True, log.append("evaluated")
    return log


def case_assert_shadowed_name():
    AssertionError = ValueError
    assert False, "real"


def case_multiline_position():
    values = [1, 2, 0]
    return (
        values[0]
        + values[1]
        / values[2]
        + 5
    )


def case_position_of_attribute_and_call():
    class A:
        pass

    a = A()
    a.b = A()
    return a.b.c.d(1)


def case_position_of_subscript():
    d = {"a": {"b": []}}
    return d["a"]["b"][3]["c"]


def case_position_of_binary():
    a, b, c = 1, "x", 2
    return a + c * (b - a)


def case_position_of_unpack_and_iter():
    for a, b in [(1, 2), 5]:
        pass


def case_position_of_comparison():
    return [] < 5 < 3


def case_position_in_comprehension():
    return [10 // n for n in (2, 1, 0)]


def case_position_in_lambda():
    return (lambda x: x.missing)(5)


def case_position_of_call_arguments():
    return max(1, int("x"), 3)


def case_position_of_del():
    d = {}
    del d["k"]


def case_position_of_store():
    t = (1, 2)
    t[0] = 5


def case_position_of_augmented():
    x = "a"
    x += 1


def case_exception_with_bad_str():
    class Bad(Exception):
        def __str__(self):
            raise ValueError("in str")

    raise Bad()


def case_exception_init_raises():
    class Bad(Exception):
        def __init__(self):
            raise KeyError("in init")

    raise Bad


def case_exception_new_returns_other():
    class Odd(Exception):
        def __new__(cls):
            return 5

    raise Odd


def case_system_exit():
    sys.exit("message")


def case_keyboard_interrupt_passes_except_exception():
    log = []
    try:
        try:
            raise KeyboardInterrupt
        except Exception:
            log.append("wrong")
        finally:
            log.append("finally")
    except BaseException as error:
        log.append(type(error).__name__)
    return log


def case_bare_except():
    try:
        raise SystemExit
    except:
        return "all"


def case_stop_iteration_from_next():
    return next(iter([]))


def case_recursion_error_caught():
    def f(n):
        return f(n + 1)

    try:
        f(0)
    except RecursionError as error:
        return str(error)


def case_traceback_of_recursion():
    def f(n):
        if n == 0:
            raise ValueError("bottom")
        return f(n - 1)

    f(10)


def case_traceback_object():
    try:
        fail()
    except ValueError as error:
        tb = error.__traceback__
        return tb.tb_lineno - tb.tb_frame.f_code.co_firstlineno, tb.tb_next.tb_frame.f_code.co_name, tb.tb_next.tb_next


def case_with_traceback_none():
    try:
        fail()
    except ValueError as error:
        raise error.with_traceback(None)


def case_same_exception_raised_twice():
    error = ValueError("shared")
    depths = []
    for _ in range(3):
        try:
            raise error
        except ValueError as e:
            n, tb = 0, e.__traceback__
            while tb:
                n, tb = n + 1, tb.tb_next
            depths.append(n)
    return depths


def case_locals_in_frames_at_raise():
    x, y = 1, [2]
    del x
    z = {"y": y}
    raise ValueError(z)


def case_try_in_while_true():
    n = 0
    while True:
        try:
            n += 1
            if n < 5:
                continue
            if n == 7:
                break
            [][n]
        except IndexError:
            n += 1
        finally:
            n += 0
    return n


def case_deeply_nested_try():
    log = []
    try:
        try:
            try:
                try:
                    fail(KeyError)
                except ValueError:
                    log.append("no")
                else:
                    log.append("no")
                finally:
                    log.append("f1")
            except KeyError:
                log.append("key")
                raise TypeError("t")
            finally:
                log.append("f2")
        except TypeError as error:
            log.append(type(error.__context__).__name__)
            raise
    except Exception as error:
        log.append(str(error))
    return log


def case_del_raises_between():
    class A:
        def __del__(self):
            try:
                fail(KeyError)
            except KeyError:
                pass

    try:
        a = A()
        del a
        fail()
    except ValueError as error:
        return error.__context__


def case_return_from_handler_restores_state():
    def f():
        try:
            fail()
        except ValueError:
            return sys.exception() is not None

    return f(), sys.exception()


def case_name_error_suggestion():
    some_variable = 1
    return some_variabel


def case_import_error_attributes():
    try:
        from math import nothing_here
    except ImportError as error:
        return error.name, error.name_from


def case_os_error():
    return open("/no/such/file/at/all")


def case_unicode_error():
    return b"\xff".decode("utf-8")


def case_overflow_errors():
    out = []
    for f in (lambda: int(float("inf")), lambda: 10.0**400, lambda: [0] * (2**62), lambda: 1 << (2**70)):
        try:
            f()
        except (OverflowError, MemoryError, ValueError) as error:
            out.append((type(error).__name__, str(error)))
    return out


def lines_left_at(function):
    try:
        function()
    except Exception as error:
        step, lines = error.__traceback__.tb_next, []
        while step:
            frame = step.tb_frame
            lines.append((frame.f_lineno - frame.f_code.co_firstlineno, frame.f_lasti, step.tb_lineno - frame.f_code.co_firstlineno))
            step = step.tb_next
        return lines


def case_line_where_a_frame_was_left():
    def through_finally():
        try:
            1 / 0
        finally:
            pass

    def through_with():
        with open("/dev/null"):
            1 / 0

    def not_matching():
        try:
            1 / 0
        except TypeError:
            pass

    def through_named():
        try:
            1 / 0
        except ZeroDivisionError as error:
            raise

    def from_callee():
        try:
            fail()
        except* KeyError:
            pass

    return [lines_left_at(f) for f in (through_finally, through_with, not_matching, through_named, from_callee)]
