"""Operators, subscripts and properties that classes define in Python, and what changes about them."""

import gc

from tests.cases import over


def make(name):
    class Number:
        def __init__(self, value):
            self.value = value

        def __repr__(self):
            return f"{name}({self.value})"

        def __add__(self, other):
            return "add", self.value, getattr(other, "value", other)

        def __radd__(self, other):
            return "radd", self.value, getattr(other, "value", other)

        def __mul__(self, other):
            if other == 7:
                return NotImplemented
            return "mul", self.value, getattr(other, "value", other)

        def __sub__(self, other):
            raise ValueError(f"{self.value} - {other}")

        def __truediv__(self, other):
            return NotImplemented

        def __iadd__(self, other):
            self.value += 1
            return self

        def __mod__(self, other):
            return "mod", self.value, other

        def __getitem__(self, key):
            if key == "missing":
                raise KeyError(key)
            return "item", self.value, key

        def __setitem__(self, key, value):
            if key == "missing":
                raise KeyError(key)
            self.value = key, value

        @property
        def double(self):
            if self.value == "raise":
                raise AttributeError("no double")
            return self.value, self.value

        @double.setter
        def double(self, value):
            self.value = value

    return Number


class List(list):
    def __add__(self, other):
        return "list add", list(self), other

    def __mul__(self, other):
        return NotImplemented

    def __getitem__(self, key):
        return "list item", key


class Int(int):
    def __add__(self, other):
        return NotImplemented if other == 7 else ("int add", other)

    def __mul__(self, other):
        return NotImplemented


class Float(float):
    def __add__(self, other):
        return NotImplemented

    def __mul__(self, other):
        return NotImplemented


class Derived(make("Derived")):
    def __radd__(self, other):
        return "derived first", other

    def __add__(self, other):
        return "derived add", other


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError) as error:
        return type(error).__name__, str(error)


N = make("N")


@over(
    *[
        (left, right)
        for left in (lambda: N(1), lambda: Derived(2), lambda: List([1]), lambda: Int(4), lambda: Float(4), lambda: make("M")(3), lambda: 5, lambda: "s")
        for right in (7, 2.5, "s", [1], Derived(8))
    ]
)
def case_operators(left, right):
    left = left()
    return (
        attempt(lambda: repr(left + right)),
        attempt(lambda: repr(left * right)),
        attempt(lambda: repr(left - right)),
        attempt(lambda: repr(left / right)),
        attempt(lambda: repr(left % right)),
        attempt(lambda: repr(left // right)),
    )


@over((5,), (7,), (2.5,), ("s",), (N(4),))
def case_one_operator_at_many_types(other):
    seen = []
    for left in [N(1)] * 12 + [Derived(2), List([1]), Int(3), Float(2), 3, 4.5, N(6)] * 3:
        try:
            value = left + other
            seen.append(repr(value))
        except TypeError as error:
            seen.append(str(error))
        try:
            value = left * other
            seen.append(repr(value))
        except TypeError as error:
            seen.append(str(error))
        try:
            value = left
            value /= other
        except TypeError as error:
            seen.append(str(error))
    return seen


@over((30,))
def case_in_place(rounds):
    number = N(0)
    same = number
    for index in range(rounds):
        number += index
    number *= 3
    return same, number


@over((40,))
def case_methods_replaced(rounds):
    cls = make("Changing")
    number = cls(1)
    seen = []
    for index in range(rounds):
        if index == 20:
            cls.__add__ = lambda self, other: ("second", other)
        if index == 25:
            cls.__getitem__ = lambda self, *keys: ("second item", keys)
        if index == 28:
            cls.double = property(lambda self: "second double")
        if index == 30:
            cls.__setitem__ = lambda self, key, value: seen.append((key, value))
        if index == 33:
            del cls.__add__
            del cls.__getitem__
            cls.double = 5
        seen.append(attempt(lambda: number + index))
        seen.append(attempt(lambda: number[index]))
        seen.append(attempt(lambda: number.double))
        try:
            number[index] = index
            seen.append(number.value)
        except TypeError as error:
            seen.append(str(error))
    return seen


@over((30,))
def case_method_that_replaces_itself(rounds):
    class Once:
        def __add__(self, other):
            if other == 20:
                del Once.__add__
                gc.collect()
            return other

        def __getitem__(self, key):
            if key == 20:
                Once.__getitem__ = lambda self, key: "new"
            return key

        @property
        def value(self):
            if self.count == 20:
                Once.value = "plain"
            return self.count

    seen = []
    once = Once()
    for index in range(rounds):
        once.count = index
        seen.append(attempt(lambda: once + index))
        seen.append(once[index])
        seen.append(once.value)
    return seen


@over((20,))
def case_last_references(rounds):
    gone = []

    class Loud:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            gone.append(self.n)

        def __add__(self, other):
            n = self.n
            self = other = None
            gone.append("inside")
            return n

        def __getitem__(self, key):
            n = self.n
            del self, key
            gone.append("inside item")
            return n

        def __setitem__(self, key, value):
            del self, key, value
            gone.append("inside set")

    for index in range(rounds):
        gone.append(Loud(index) + Loud(index + 100))
        gone.append(Loud(index)[Loud(index + 200)])
        Loud(index)[5] = Loud(index + 300)
    return len(gone), [x for x in gone if isinstance(x, str)], sorted(x for x in gone if not isinstance(x, str))


@over(*[(key,) for key in (1, "a", "missing", slice(1, 2), None, (1, 2), 2**70)])
def case_subscripts(key):
    number = N(1)
    seen = []
    for _ in range(3):
        try:
            seen.append(repr(number[key]))
            number[key] = 5
            seen.append(repr(number.value))
            number[key] += ("more",)
            seen.append(repr(number.value))
        except (KeyError, TypeError) as error:
            seen.append(str(error))
    return seen


@over((1,), ("raise",), (2.5,))
def case_property(value):
    number = N(0)
    number.double = value
    seen = []
    for _ in range(3):
        try:
            seen.append(number.double)
            seen.append(number.double[0])
        except AttributeError as error:
            seen.append(str(error))
    return seen


@over((3,), (50,))
def case_recursive_operator(depth):
    class Deep:
        def __init__(self, depth):
            self.depth = depth

        def __add__(self, other):
            return 0 if not self.depth else 1 + (Deep(self.depth - 1) + other)

        def __getitem__(self, key):
            return key if not self.depth else Deep(self.depth - 1)[key + 1]

        @property
        def all(self):
            return 1 if not self.depth else 1 + Deep(self.depth - 1).all

    return Deep(depth) + 5, Deep(depth)[1], Deep(depth).all


@over((1,))
def case_endless_operator(_):
    class Endless:
        def __add__(self, other):
            return self + other

        @property
        def more(self):
            return self.more

    seen = []
    for function in (lambda: Endless() + 1, lambda: Endless().more):
        try:
            function()
        except RecursionError as error:
            seen.append(str(error)[:32])
    return seen


def case_iter_written_in_python():
    class Items:
        def __iter__(self):
            yield from (1, 2)

    class Wrong:
        def __iter__(self):
            return 5

    class Never(Items):
        __iter__ = None

    class Raises:
        def __iter__(self):
            raise KeyError("iter")

    class Derived(Items):
        pass

    def collect(object):
        found = []
        try:
            for item in object:
                found.append(item)
        except Exception as error:
            found.append(repr(error))
        return found

    def delegate(object):
        yield from object

    def delegated(object):
        try:
            return list(delegate(object))
        except Exception as error:
            return repr(error)

    objects = [Items(), Wrong(), Never(), Raises(), Derived()]
    seen = [[collect(one), delegated(one)] for one in objects * 12]
    # Instances' attributes do not count; the classes' do, at once.
    objects[0].__iter__ = lambda: iter("no")
    Items.__iter__ = lambda self, more=(7,): iter(more)
    seen += [[collect(one), delegated(one)] for one in objects]
    Derived.__iter__ = objects[4].__reduce_ex__
    seen.append([collect(objects[4]), delegated(objects[4])])
    del Items.__iter__, Derived.__iter__
    seen += [[collect(one), delegated(one)] for one in objects]
    return seen[-11:], all(one == seen[index % 5] for index, one in enumerate(seen[:60]))


class Adder:
    ended = []

    def __init__(self, by):
        self.by = by

    def __call__(self, number, more=0, *rest, scale=1):
        by, self = self.by, None
        return (number + by + more) * scale, rest, len(Adder.ended)

    def __del__(self):
        Adder.ended.append(self.by)


class Plain:
    def __call__(self, number):
        self, number = None, None
        return len(Adder.ended)


class Callable:
    __call__ = Adder(1)


@over((1,), (2.5,), (None,))
def case_called_instances(value):
    found = []
    Adder.ended = []
    plain, adder, nested = Plain(), Adder(3), Callable()
    for at in range(60):
        try:
            found.append((adder(at), adder(at, 1, 2), adder(at, scale=2), Adder(at)(value), len(Adder.ended)))
            found.append((plain(Adder(at)), len(Adder.ended), nested(at)))
            if at > 50:
                plain(at, at)
        except TypeError as error:
            found.append(str(error))
    return found


@over((3,), (55,))
def case_call_is_replaced(when):
    class Changing:
        def __call__(self, number):
            return number + 1

    found = []
    instance = Changing()
    for at in range(60):
        if at == when:
            Changing.__call__ = lambda self, number: -number
            instance.__call__ = lambda number: "never"
        if at == when + 2:
            Changing.__call__ = classmethod(lambda cls, number: cls.__name__)
        found.append(instance(at))
    return found


class Multiplied:
    """``a @= b`` by ``__imatmul__``, by ``__matmul__``, or by the other's ``__rmatmul__``."""

    def __init__(self, log, kind):
        self.log, self.kind = log, kind

    def __matmul__(self, other):
        self.log.append(("matmul", self.kind))
        return NotImplemented if self.kind == "right" else [other]

    def __imatmul__(self, other):
        self.log.append(("imatmul", self.kind))
        return self if self.kind == "in place" else NotImplemented


class FromTheRight:
    def __rmatmul__(self, other):
        other.log.append("rmatmul")
        return "right"


@over(("in place",), ("left",), ("right",))
def case_matrix_multiplied_in_place(kind):
    log, out = [], []
    for other in (3, FromTheRight(), None):
        first = value = Multiplied(log, kind)
        try:
            value @= other
        except TypeError as error:
            out.append(str(error))
        out.append((value is first, type(value).__name__, value == "right"))
    try:
        log @= 1
    except TypeError as error:
        out.append(str(error))
    return log, out
