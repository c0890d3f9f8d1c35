"""Calls: every way to pass and to receive arguments, and what goes wrong."""

import functools

from tests.cases import over


def plain(a, b):
    return "plain", a, b


def defaults(a, b=2, c=3):
    return "defaults", a, b, c


def star(a, *rest):
    return "star", a, rest


def keywords(**kw):
    return "keywords", kw


def keyword_only(a, *, b, c=3):
    return "keyword only", a, b, c


def positional_only(a, b=2, /, c=3):
    return "positional only", a, b, c


def everything(a, b=2, /, c=3, *rest, d, e=5, **kw):
    return "everything", a, b, c, rest, d, e, kw


ALL = (plain, defaults, star, keywords, keyword_only, positional_only, everything)


@over(*[(f,) for f in ALL], (len,), (None,), (lambda: 5,))
def case_no_arguments(f):
    return f()


@over(*[(f,) for f in ALL], (len,), (5,), (print,))
def case_one_argument(f):
    return f("x")


@over(*[(f,) for f in ALL], (max,), (isinstance,))
def case_two_arguments(f):
    return f(1, 2)


@over(*[(f,) for f in ALL])
def case_four_arguments(f):
    return f(1, 2, 3, 4)


@over(*[(f,) for f in ALL], (dict,), (int,))
def case_keyword_arguments(f):
    return f(a=1, b=2)


@over(*[(f,) for f in ALL])
def case_mixed_arguments(f):
    return f(1, b=7)


@over(*[(f,) for f in ALL])
def case_unknown_keyword(f):
    return f(1, 2, zzz=3)


@over(*[(f,) for f in ALL])
def case_duplicate(f):
    return f(1, a=2)


@over(*[(f, args, kw) for f in ALL for args in ((), (1,), [1, 2, 3]) for kw in ({}, {"b": 5}, {"d": 4, "q": 1})], (plain, 5, {}), (plain, (1, 2), None))
def case_star_call(f, args, kw):
    return f(*args, **kw)


def case_duplicate_through_stars():
    return defaults(1, b=2, **{"b": 3})


def case_non_string_keyword():
    return keywords(**{1: 2})


def case_star_several():
    return star(*[1, 2], 3, *(4, 5), *"ab"), keywords(**{"a": 1}, b=2, **{"c": 3})


def case_star_not_iterable():
    return star(*5)


def case_mapping_not_dict():
    class Mapping:
        def keys(self):
            return ["a", "b"]

        def __getitem__(self, key):
            return key * 2

    return keywords(**Mapping())


def case_evaluation_order():
    log = []

    def f(x):
        log.append(x)
        return x

    everything(f(1), *[f(2)], d=f(3), **{"z": f(4)})
    return log


def case_missing_arguments_messages():
    out = []
    for call in (lambda: plain(), lambda: plain(1), lambda: keyword_only(1), lambda: everything(), lambda: everything(1)):
        try:
            call()
        except TypeError as error:
            out.append(str(error))
    return out


def case_too_many_messages():
    out = []
    for call in (lambda: plain(1, 2, 3), lambda: defaults(1, 2, 3, 4), lambda: keyword_only(1, 2, b=3), lambda: keywords(1)):
        try:
            call()
        except TypeError as error:
            out.append(str(error))
    return out


def case_wrong_keyword_messages():
    out = []
    for call in (lambda: plain(1, c=2), lambda: positional_only(a=1), lambda: positional_only(1, b=2), lambda: defaults(1, d=1)):
        try:
            call()
        except TypeError as error:
            out.append(str(error))
    return out


def case_uncallable():
    out = []
    for thing in (5, "s", None, [], object()):
        try:
            thing()
        except TypeError as error:
            out.append(str(error))
    return out


def case_traceback_of_wrong_call():
    return plain(
        1,
        2,
        3,
    )


def case_callable_objects():
    class Callable:
        def __init__(self, n):
            self.n = n

        def __call__(self, *args, **kw):
            return self.n, args, kw

    c = Callable(5)
    return [c(), c(1, 2), c(k=1), c(*[1], **{"z": 2})]


def case_call_attribute_rebound():
    class Callable:
        def __call__(self):
            return "one"

    c = Callable()
    out = []
    for i in range(8):
        if i == 4:
            Callable.__call__ = lambda self: "two"
        out.append(c())
    return out


def case_partial():
    p = functools.partial(everything, 1, d=4)
    return p(), p(9), p(9, 8, d=0, extra=1)


def case_bound_methods():
    class A:
        def m(self, a, b=2):
            return a, b

        @classmethod
        def c(cls, a):
            return cls.__name__, a

        @staticmethod
        def s(a):
            return a

    a = A()
    m = a.m
    return m(1), m(1, b=3), a.m(*[5]), A.m(a, 4), a.c(1), A.c(2), a.s(3), A.s(4)


def case_bound_method_wrong_call():
    class A:
        def m(self, a):
            return a

    return A().m()


def case_unbound_method_without_self():
    class A:
        def m(self):
            return 1

    return A.m()


def case_type_calls():
    class Point:
        def __init__(self, x, y=0):
            self.x, self.y = x, y

    points = [Point(i, i * 2) for i in range(5)] + [Point(1), Point(y=1, x=2)]
    return [(p.x, p.y) for p in points], int("12"), str(5), list("ab"), dict(a=1), type(5), bool([])


def case_init_errors():
    class A:
        def __init__(self, x):
            self.x = x

    class B:
        pass

    class C:
        def __init__(self):
            return 5

    out = []
    for call in (lambda: A(), lambda: A(1, 2), lambda: B(1), lambda: C()):
        try:
            call()
        except TypeError as error:
            out.append(str(error))
    return out


def case_new_returns_other():
    class A:
        def __new__(cls, *args):
            return args

        def __init__(self, *args):
            raise RuntimeError("not called")

    return A(1, 2)


def case_defaults_replaced_in_loop():
    def f(a, b=1):
        return a, b

    out = []
    for i in range(12):
        if i == 4:
            f.__defaults__ = ("new",)
        if i == 8:
            f.__defaults__ = None
        try:
            out.append(f(i))
        except TypeError as error:
            out.append(str(error))
    return out


def case_keyword_defaults_replaced_in_loop():
    def f(*, k=1):
        return k

    out = []
    for i in range(12):
        if i == 4:
            f.__kwdefaults__ = {"k": "new"}
        if i == 6:
            f.__kwdefaults__["k"] = "poked"
        if i == 8:
            f.__kwdefaults__ = None
        try:
            out.append(f())
        except TypeError as error:
            out.append(str(error))
    return out


def case_code_replaced_in_loop():
    def f(a):
        return "one", a

    def g(a):
        return "two", a, a

    out = []
    for i in range(12):
        if i == 6:
            f.__code__ = g.__code__
        out.append(f(i))
    return out


def case_code_replaced_while_running():
    def f(again):
        if again:
            f.__code__ = g.__code__
            return ["old", f(False)]
        return "old, again"

    def g(again):
        return "new"

    return f(True), f(True)


def case_argument_rebound_in_callee():
    def f(a, b):
        a = b
        b = None
        return a, b

    x = [1]
    return f(x, x), x


def case_deep_positional():
    def f(a, b, c, d, e, g, h, i, j, k):
        return [a, b, c, d, e, g, h, i, j, k]

    return f(*range(10)), f(1, 2, 3, 4, 5, 6, 7, 8, 9, k=0, j=1) if False else None


def case_default_expression_evaluated_once():
    log = []

    def make():
        log.append("made")
        return []

    def f(x=make()):
        x.append(1)
        return len(x)

    return f(), f(), f([]), log


def case_recursive_fibonacci():
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    return fib(15)


def case_ackermann():
    def ack(m, n):
        if m == 0:
            return n + 1
        if n == 0:
            return ack(m - 1, 1)
        return ack(m - 1, ack(m, n - 1))

    return ack(2, 4)


def case_callee_raises_through_levels():
    def a(n):
        return b(n) + 1

    def b(n):
        return c(n) * 2

    def c(n):
        return 10 // n

    try:
        a(0)
    except ZeroDivisionError:
        pass
    return a(3), a(0)


def case_polymorphic_callee():
    out = []
    for f in [len, str, lambda x: x, plain.__class__, type, repr] * 3:
        try:
            out.append(str(f("ab")))
        except TypeError as error:
            out.append(str(error))
    return out


def case_keyword_call_shapes():
    out = []
    for i in range(6):
        out.append(everything(i, d=i, c=2))
        out.append(keyword_only(b=1, a=i))
        out.append(defaults(c=i, a=0))
    return out


def case_print_output():
    print("hello", 1, 2.5, sep="-", end="!\n")
    print()
    print(*[1, 2, 3])


def case_builtin_wrong_arguments():
    out = []
    for call in (lambda: len(), lambda: len(1, 2), lambda: len(x=1), lambda: abs("a"), lambda: "a".join(), lambda: [].append()):
        try:
            call()
        except TypeError as error:
            out.append(str(error))
    return out


def case_shadowed_range_and_len():
    range = lambda n: ["own", n]
    len = lambda x: "own len"
    return [x for x in range(3)], len([])


def case_many_keyword_arguments():
    return keywords(**{f"k{i}": i for i in range(50)})


def case_generator_functions_called():
    def gen(n):
        for i in range(n):
            got = yield i
            if got:
                yield got

    g = gen(3)
    return next(g), g.send("sent"), list(g), sum(gen(10))


def case_vararg_refcounts():
    def f(*args, **kw):
        return args, kw

    x = object
    a, b = f(x, x, k=x)
    return len(a), list(b)


def case_static_method_in_c():
    try:
        from _testcapi import MethStatic
    except ImportError:
        return None
    found = []
    for _ in range(3):
        found.append((MethStatic.meth_noargs(), MethStatic.meth_o(1), MethStatic.meth_fastcall(1, 2), MethStatic().meth_o(2)))
    return found


def case_result_without_or_with_an_exception():
    """A release build of the interpreter turns both into SystemError."""
    try:
        from _testcapi import return_null_without_error, return_result_with_error
    except ImportError:
        return None
    errors = []
    for function in (return_null_without_error, return_result_with_error):
        try:
            function()
        except SystemError as error:
            errors.append((str(error), repr(error.__cause__), repr(error.__context__)))
    return errors
