"""f-strings and string formatting."""

import datetime

from tests.cases import over


class Shows:
    def __str__(self):
        return "str!"

    def __repr__(self):
        return "repr!"

    def __format__(self, spec):
        return f"format<{spec}>"


class BadStr:
    def __str__(self):
        return 5

    def __format__(self, spec):
        return 7


class SubStr(str):
    def __format__(self, spec):
        return "sub:" + str.__format__(self, spec)


VALUES = (1, -5, 2.5, float("nan"), "text", "é€😀", None, True, [1, "a"], {"k": 1}, (1,), b"x", 10**30, Shows(), SubStr("s"), 1j)


@over(*[(v,) for v in VALUES], (BadStr(),))
def case_plain(v):
    return f"<{v}>"


@over(*[(v,) for v in VALUES], (BadStr(),))
def case_conversions(v):
    return f"{v!r} {v!a}"


@over(*[(v,) for v in VALUES], (BadStr(),))
def case_str_conversion(v):
    return f"{v!s:>10}"


@over((5, "04d"), (5, "x"), (2.5, ".3f"), ("ab", ">5"), ("ab", "d"), (5, "zz"), (None, ">5"), (Shows(), "abc"), (10**20, ","))
def case_spec(v, spec):
    return f"{v:{spec}}"


@over((5, 8, 2), (3.14159, 10, 3), ("x", 4, 2))
def case_nested_spec(v, width, precision):
    return f"{v:>{width}}|{v!s:*^{width + precision}}"


@over((3, 4))
def case_debug_form(a, b):
    return f"{a=} {b = } {a+b=!r} {a=:>4}"


@over((3,), ("x",))
def case_expressions(a):
    return f"{a * 2}{[a for _ in range(2)]}{(lambda x: x)(a)}{'nested'}{f'{a}'}"


def case_braces_and_empty():
    return f"{{}}", f"", f"{''}", f"a{{b}}c"


def case_only_value_is_exact_str():
    s = SubStr("q")
    out = f"{s!s}"
    return type(out), out, type(f"{s}")


@over((5,))
def case_exception_inside(n):
    return f"before {n} {1 / (n - 5)} after"


def case_exception_in_format():
    return f"{[]:>5}"


def case_datetime_format():
    return f"{datetime.date(2024, 2, 29):%Y/%m/%d}"


def case_many_parts():
    a, b, c, d, e = 1, 2.0, "three", None, [5]
    return f"{a}-{b}-{c}-{d}-{e}-{a}{b}{c}{d}{e}"


def case_concatenation_loop():
    s = ""
    kept = []
    for i in range(20):
        s += f"{i},"
        if i % 5 == 0:
            kept.append(s)
    return s, kept


def case_concatenation_keeps_other_references():
    s = "start"
    t = s
    s += "x"
    s += s
    return s, t


def case_format_method():
    return "{} {1!r}".format if False else "{0} {1!r} {k:>5}".format(1, "a", k=2), format(255, "#x"), "{:,}".format(12345678)


def case_format_error():
    return "{} {}".format(1)


def case_multiline_error_position():
    value = {"a": 1}
    return (
        f"{value['a']} "
        f"{value['missing']} "
        f"{value}"
    )


@over((1,), ("s",), (2.5,), (None,))
def case_str_and_repr_builtins(v):
    return str(v), repr(v), ascii(v), str(v) + repr(v)


def case_percent():
    return "%s %r %5d %-5s| %05.1f %x" % ("a", "b", 3, "c", 2.55, 255)


def case_percent_error():
    return "%d" % "x"


def case_evaluation_order():
    log = []

    def f(x):
        log.append(x)
        return x

    return f"{f(1)}{f('>')!r:{f('10')}}{f(3)}", log
