"""``yield`` in each place of expressions and statements: what lies on the operand stack meanwhile."""

from tests.cases import finish, over


def pair(*values, **named):
    return values, sorted(named.items())


def case_yield_without_value():
    def g():
        a = yield
        b = (yield)
        yield a, b

    return finish(g(), 1, 2)


@over((1, 2), ("a", "b"), (1.5, 2))
def case_sum_of_two_yields(a, b):
    def g():
        return (yield 1) + (yield 2)

    return finish(g(), a, b)


def case_arguments_on_the_stack():
    def g(a, b):
        return pair(a, (yield 1), b, *(yield 2), key=(yield 3), **(yield 4))

    return finish(g("a", "b"), "x", [1, 2], "k", {"more": 5})


def case_call_with_yield_as_function():
    def g():
        return (yield "function")(*(yield "arguments"))

    return finish(g(), max, [3, 9, 2])


def case_method_call_over_yield():
    def g(items):
        items.append((yield len(items)))
        items.extend([(yield len(items)), (yield len(items))])
        return items

    return finish(g([0]), 1, 2, 3)


def case_list_display():
    def g(x):
        return [x, (yield x), *(yield "star"), (yield "last")]

    return finish(g(1), 2, (3, 4), 5)


def case_tuple_set_dict_displays():
    def g(x):
        return (x, (yield 1)), {x, (yield 2)}, {x: (yield 3), (yield 4): x, **(yield 5)}

    return finish(g("x"), "a", "x", "value", "key", {"z": 1})


def case_subscripts_and_slices():
    def g(items):
        first = items[(yield "index")]
        part = items[(yield "from") : (yield "to")]
        items[(yield "target")] = yield "value"
        del items[(yield "deleted")]
        return first, part, items

    return finish(g([10, 20, 30, 40]), 1, 1, 3, "new", 0, -1)


def case_augmented_assignments():
    def g(d):
        d["k"] += yield d["k"]
        d[(yield "key")] += yield "value"
        x = 1
        x += yield x
        x *= (yield x) + (yield x)
        return d, x

    return finish(g({"k": 1, "j": 2}), 10, "j", 20, 5, 2, 3)


def case_attribute_targets():
    class Box:
        def __init__(self):
            self.n = 1

    def g(box):
        (yield box.n).n = yield "value"
        box.n += yield box.n
        return box.n

    box = Box()
    return finish(g(box), 5, box, 7)


@over((1, 2, 3), (3, 2, 1), (1, 5, 2))
def case_chained_comparison(a, b, c):
    def g():
        return (yield 1) < (yield 2) < (yield 3)

    return finish(g(), a, b, c)


@over((0, "x"), (1, "x"), ("", ""), ("a", 0))
def case_boolean_operators(a, b):
    def g():
        one = (yield "a") and (yield "b")
        other = (yield "c") or (yield "d")
        return one, other, not (yield "e"), "yes" if (yield "f") else "no"

    return finish(g(), a, b, a, b, a, b)


def case_fstring_over_yield():
    def g(x):
        return f"<{x}|{(yield 1)!r:>5}|{(yield 2):{(yield 3)}}>"

    return finish(g("x"), "a", 7, "03")


def case_yield_of_yield():
    def g():
        return (yield (yield (yield 1)))

    return finish(g(), "a", "b", "c")


def case_walrus():
    def g():
        while (x := (yield "more")) != "stop":
            yield ("x", x)
        return x

    return finish(g(), 1, None, 2, None, "stop")


def case_unpacking_from_yield():
    def g():
        a, *b, (c, d) = yield "three"
        [e] = yield a
        return a, b, c, d, e

    return finish(g(), [1, 2, 3, "xy"], "z"), finish(g(), [1])


def case_deep_stack_across_yields():
    def g():
        return [1, (2, [3, {"k": (4, [5, (yield "a"), 6], (yield "b"))}, 7], (yield "c")), 8]

    return finish(g(), *"xyz")


def case_lambda_that_yields():
    g = lambda x: (yield x) or (yield "again")
    return finish(g(1), 0, 5), finish(g(1), 7)


def case_yield_in_default_and_decorator():
    def g():
        @(yield "decorator")
        def f(a, b=(yield "default"), *, c=(yield "keyword")) -> (yield "annotation"):
            return a, b, c

        return f, f.__annotations__

    seen, how, value = finish(g(), lambda f: f, 2, 3, 4)
    return seen, how, value[0](1), value[1]


def case_yield_in_class_body_arguments():
    def g():
        class A((yield "base"), key=(yield "key")):
            pass

        return A.__mro__[1].__name__, A.key

    class Base:
        def __init_subclass__(cls, key):
            cls.key = key

    return finish(g(), Base, 5)


def case_assert_and_raise_with_yield():
    def g():
        assert (yield "condition"), (yield "message")
        raise (yield "exception") from (yield "cause")

    return finish(g(), 0, "text"), finish(g(), 1, ValueError("v"), KeyError("k")), finish(g(), 1, 5, None)
