"""except* and exception groups."""

from tests.cases import over


def group(*errors):
    return ExceptionGroup("group", list(errors))


@over((ValueError(1),), (TypeError(2),), (KeyError(3),), (ValueError(1), TypeError(2)), (ValueError(1), KeyError(3)))
def case_selects(*errors):
    log = []
    try:
        raise group(*[type(e)(*e.args) for e in errors])
    except* ValueError as found:
        log.append(("value", [repr(e) for e in found.exceptions]))
    except* TypeError as found:
        log.append(("type", [repr(e) for e in found.exceptions]))
    return log


def case_nested_split():
    log = []
    try:
        raise ExceptionGroup("outer", [ValueError(1), ExceptionGroup("inner", [TypeError(2), ValueError(3)]), OSError(4)])
    except* ValueError as found:
        log.append(repr(found))
    except* (TypeError, OSError) as found:
        log.append(repr(found))
    return log


def case_naked_exception_is_wrapped():
    try:
        raise ValueError("naked")
    except* ValueError as found:
        seen = type(found).__name__, found.message, [repr(e) for e in found.exceptions]
    return seen


def case_naked_exception_not_matching():
    try:
        raise KeyError("naked")
    except* ValueError:
        pass


def case_raise_in_handler():
    try:
        raise group(ValueError(1), TypeError(2))
    except* ValueError:
        raise KeyError("new")
    except* TypeError:
        raise OSError("other")


def case_reraise_part():
    try:
        raise group(ValueError(1), TypeError(2), ValueError(3))
    except* ValueError:
        raise
    except* TypeError:
        pass


def case_else_and_finally():
    log = []
    try:
        log.append("body")
    except* ValueError:
        log.append("handler")
    else:
        log.append("else")
    finally:
        log.append("finally")
    return log


def case_group_in_handler_type():
    try:
        raise group(ValueError(1))
    except* ExceptionGroup:
        pass


def case_handler_not_a_class():
    try:
        raise group(ValueError(1))
    except* 5:
        pass


def case_raise_from_in_handler():
    try:
        raise group(ValueError(1))
    except* ValueError as found:
        raise RuntimeError("wrapped") from found


def case_unbound_after_handler():
    try:
        raise group(ValueError(1))
    except* ValueError as found:
        pass
    try:
        return found
    except UnboundLocalError as error:
        return str(error)


def case_in_loop():
    log = []
    for i in range(6):
        try:
            if i % 2:
                raise group(ValueError(i), KeyError(i))
            log.append(i)
        except* ValueError as found:
            log.append(len(found.exceptions))
        except* KeyError:
            log.append("key")
    return log


def case_uncaught_group_traceback():
    errors = []
    for kind in (ValueError, TypeError):
        try:
            raise kind("inner")
        except kind as error:
            errors.append(error)
    raise ExceptionGroup("several", errors)


def case_split_and_subgroup():
    g = ExceptionGroup("g", [ValueError(1), ExceptionGroup("h", [TypeError(2)])])
    match, rest = g.split(ValueError)
    return repr(match), repr(rest), repr(g.subgroup(lambda e: isinstance(e, TypeError)))


def case_plain_except_catches_group():
    try:
        raise group(ValueError(1))
    except ExceptionGroup as g:
        return repr(g)


def case_base_exception_group():
    log = []
    try:
        raise BaseExceptionGroup("base", [KeyboardInterrupt(), ValueError(1)])
    except* KeyboardInterrupt:
        log.append("interrupt")
    except* ValueError:
        log.append("value")
    return log


def case_nested_except_star():
    log = []
    try:
        try:
            raise group(ValueError(1), TypeError(2), KeyError(3))
        except* ValueError:
            log.append("inner")
    except* TypeError:
        log.append("outer type")
    except* KeyError:
        log.append("outer key")
    return log


def case_notes_on_groups():
    g = group(ValueError(1))
    g.add_note("on the group")
    g.exceptions[0].add_note("on the member")
    raise g


def case_custom_derive():
    class My(ExceptionGroup):
        def derive(self, errors):
            return My("derived", errors)

    try:
        raise My("mine", [ValueError(1), TypeError(2)])
    except* ValueError as found:
        kept = type(found).__name__
        try:
            raise KeyError
        except KeyError:
            return_value = kept
    except* TypeError:
        pass
    return return_value


def case_bad_group():
    return ExceptionGroup("g", [5])


def case_empty_group():
    return ExceptionGroup("g", [])
