"""Call instructions that know what they call, and what they call changing under them."""

import sys

from tests.cases import over


def fresh():
    def defaults(a, b=2, *, c=3):
        return "defaults", a, b, c

    return defaults


@over((1,), (30,))
def case_defaults_replaced(rounds):
    f = fresh()
    seen = []
    for number in range(rounds):
        seen.append(f(number))
        seen.append(f(number, c=5))
        seen.append(f(b=number, a=0))
        if number == 12:
            f.__defaults__ = ("new",)
        if number == 15:
            f.__defaults__ = ("first", "second")
        if number == 18:
            f.__kwdefaults__ = {"c": "kw"}
        if number == 21:
            f.__defaults__ = None
            try:
                f(number)
            except TypeError as error:
                seen.append(str(error))
            f.__defaults__ = (7,)
    return seen


@over((30,))
def case_too_many_defaults(rounds):
    def f(a, b=1):
        return a, b

    seen = []
    for number in range(rounds):
        if number == 15:
            f.__defaults__ = (1, 2, 3)
        seen.append(f(number))
        seen.append(f(number, 5))
        if number > 15:
            seen.append(f())
    return seen


@over((30,))
def case_code_replaced(rounds):
    def f(a, b=2):
        return "old", a, b

    def g(b, a=5, c=7):
        return "new", a, b, c

    seen = []
    for number in range(rounds):
        seen.append(f(a=number, b=1))
        seen.append(f(number))
        if number == 20:
            f.__code__ = g.__code__
            f.__defaults__ = g.__defaults__
    return seen


@over((30,))
def case_keywords_to_two_callees(rounds):
    def one(a, b, c=3):
        return "one", a, b, c

    def two(c, b, a=3):
        return "two", a, b, c

    def star(*args, **kwargs):
        return "star", args, kwargs

    callees = [one] * 15 + [one, two, star, dict] * 8
    return [f(c=n, a=n + 1, b=2) for n, f in zip(range(rounds), callees)]


@over((40,))
def case_class_changes(rounds):
    class Point:
        def __init__(self, x, y=0):
            self.x = x
            self.y = y

    def other(self, x, y=9):
        self.x = "other"
        self.y = x, y

    seen = []
    for number in range(rounds):
        point = Point(number)
        seen.append((type(point).__name__, point.x, point.y, Point(number, y=1).y))
        if number == 20:
            Point.__init__ = other
        if number == 25:
            Point.extra = 5
        if number == 30:
            Point.__new__ = lambda cls, *args: object.__new__(cls)
        if number == 35:
            Point.__new__ = lambda cls, *args: "not a point"
            break
    seen.append(Point(5))
    return seen


@over((30,))
def case_init_gives_something(rounds):
    class Odd:
        def __init__(self, what):
            return what

    seen = []
    for number in range(rounds):
        try:
            seen.append(type(Odd(None if number < 20 else number)).__name__)
        except TypeError as error:
            seen.append(str(error))
    return seen


@over((30,))
def case_init_raises(rounds):
    alive = []

    class Noisy:
        def __init__(self, what):
            self.what = what
            if what > 20:
                raise ValueError(what)

        def __del__(self):
            alive.append(self.what)

    for number in range(rounds):
        try:
            kept = Noisy(number)
        except ValueError as error:
            alive.append(str(error))
            del error
    del kept
    return alive


@over((30,))
def case_init_replaced_by_itself(rounds):
    class Once:
        def __init__(self, n):
            Once.__init__ = lambda self, n: setattr(self, "n", -n)
            self.n = n

    first = [Once(n).n for n in range(3)]

    class Again:
        def __init__(self, n):
            if n == 20:
                del Again.__init__
            self.n = n

    seen = []
    for n in range(rounds):
        try:
            seen.append(Again(n).n)
        except TypeError as error:
            seen.append(str(error))
    return first, seen


@over((30,))
def case_subclasses_and_metaclass(rounds):
    class Meta(type):
        def __call__(cls, *args):
            return "meta", super().__call__(*args).n

    class Base:
        def __init__(self, n):
            self.n = n

    class Derived(Base):
        pass

    class WithMeta(Base, metaclass=Meta):
        pass

    classes = [Base] * 15 + [Base, Derived, WithMeta, int, str, Base] * 3
    return [getattr(made, "n", made) for made in (cls(n) for n, cls in zip(range(rounds), classes))], [
        type(cls(n)).__name__ for n, cls in zip(range(rounds), classes)
    ]


@over((30,))
def case_deep_construction(rounds):
    class Node:
        def __init__(self, depth):
            self.child = Node(depth - 1) if depth else None

    def depth(node):
        count = 0
        while node is not None:
            node = node.child
            count += 1
        return count

    return [depth(Node(n)) for n in range(rounds)]


@over((100000,))
def case_endless_construction(_):
    class Node:
        def __init__(self):
            self.child = Node()

    try:
        Node()
    except RecursionError as error:
        return str(error)


class Liar:
    __class__ = int


class Any(type):
    def __instancecheck__(cls, instance):
        return instance != 5


class Everything(metaclass=Any):
    pass


@over((5, int), (5, str), (True, int), (Liar(), int), (Liar(), str), (5, (str, int)), (5, ()), (5, Everything), (6, Everything), ("x", (int, Everything)), (5, int | str), (5, 5), (5, (int, 5)), (5, (str, 5)), (None, type(None)))
def case_isinstance(value, kind):
    try:
        return isinstance(value, kind), "yes" if isinstance(value, kind) else "no", not isinstance(value, kind)
    except TypeError as error:
        return str(error)


@over((5,), ("x",), (Liar(),), (int,), (None,))
def case_type_of(value):
    return type(value), type(value) is int, type(value).__name__


@over((20,))
def case_shadowed_builtins(rounds):
    seen = []
    space = {}
    exec("def f(v):\n    return len(v), isinstance(v, list), type(v), abs(-3), ord('a'), max(1, 2)", space)
    f = space["f"]
    for number in range(rounds):
        seen.append(f([1, 2]))
        if number == 12:
            space["len"] = lambda value: "own len"
            space["isinstance"] = lambda value, kind: "own isinstance"
            space["type"] = lambda value: "own type"
            space["abs"] = str
            space["ord"] = ord
            space["max"] = min
        if number == 16:
            del space["len"], space["isinstance"], space["type"], space["abs"]
    return seen


class List(list):
    def append(self, value):
        super().append(("own", value))


@over(lambda: ([], 30), lambda: (List(), 10), lambda: ([1] * 100, 20))
def case_append(items, rounds):
    for number in range(rounds):
        items.append(number)
        list.append(items, -number)
        assert items.append(None) is None
        items.pop()
    add = items.append
    for number in range(rounds):
        add(number)
    return items, [n * 2 for n in items if isinstance(n, int)]


@over(lambda: (bytearray(b"x"), [1, 2, 3], {1: 2}, "a b"), lambda: (bytearray(b"yy"), [], {}, ""))
def case_methods_in_c(array, items, table, text):
    seen = []
    for number in range(20):
        array.append(number)
        items.insert(0, number)
        seen.append((table.get(number), table.get(number, 5), table.setdefault(number, 7), text.split(), text.replace("a", "b")))
        seen.append((items.index(number), items.count(1), text.startswith("a"), text.upper(), len(text.encode())))
        table.update(a=1)
        items.sort(reverse=True)
        items.sort(key=lambda value: value)
        try:
            items.index("missing")
        except ValueError as error:
            seen.append(type(error).__name__)
        try:
            text.upper(1)
        except TypeError as error:
            seen.append(str(error))
    return seen, array, items, table


@over((abs, 5), (ord, "a"), (ord, "ab"), (repr, 5), (len, 5), (callable, 5), (print, None), (next, iter([1])))
def case_functions_in_c(function, value):
    seen = []
    for _ in range(12):
        try:
            seen.append(function(value))
        except (TypeError, StopIteration) as error:
            seen.append((type(error).__name__, str(error)))
    return seen


def sees_caller():
    return sorted(sys._getframe(1).f_locals)


@over((15,))
def case_frames_behind_c(rounds):
    local = 5
    return [max([1], key=lambda _: 0) and sees_caller() for _ in range(rounds)], local


class Slots:
    __slots__ = ("a",)


class Many:
    pass


@over((40,))
def case_shapes(rounds):
    class One:
        kind = "one"

        def __init__(self, n):
            self.n = n

        def get(self):
            return "one", self.n

    class Two:
        def __init__(self, n):
            self.other = 0
            self.n = n
            self.kind = "two"

        def get(self):
            return "two", self.n

    class Three:
        __slots__ = ("n", "kind")

        def __init__(self, n):
            self.n = n
            self.kind = "three"

        def get(self):
            return "three", self.n

    class Four:
        kind = 4

        @property
        def n(self):
            return "four"

        @n.setter
        def n(self, value):
            pass

        def __init__(self, n):
            self.n = n

        def get(self):
            return "four", self.n

    seen = []
    for number in range(rounds):
        for cls in (One, Two, Three, Four)[: 1 + number // 10]:
            thing = cls(number)
            thing.n = thing.n
            seen.append((thing.get(), thing.kind, thing.n))
            if number % 7 == 3 and cls is not Three:
                thing.get = lambda: "own"
                seen.append(thing.get())
            if number % 7 == 4 and cls is One:
                thing.__dict__
                thing.more = 1
                seen.append((thing.get(), thing.n))
                thing.__dict__ = {"n": "replaced"}
                seen.append((thing.get(), thing.n, thing.kind))
                del thing.n
                try:
                    seen.append(thing.n)
                except AttributeError as error:
                    seen.append(str(error))
        if number == 35:
            One.get = lambda self: "patched"
    return seen


@over((60,))
def case_instances_with_many_attributes(rounds):
    class Wide:
        def __init__(self):
            self.a = 1

        def method(self):
            return self.late

    first = [Wide() for _ in range(4)]
    seen = []
    for number in range(rounds):
        one = first[number % 4]
        setattr(one, f"x{number % 40}", number)
        one.late = number
        seen.append((one.a, one.late, one.method(), list(one.__dict__)[:3]))
        if number == 50:
            one.method = lambda: "instance"
            seen.append(one.method())
    return seen


@over((30,))
def case_order_of_new_attributes(rounds):
    class Thing:
        def __init__(self, flip):
            if flip:
                self.b = 1
                self.a = 2
            else:
                self.a = 1
                self.b = 2
            self.c = self.a + self.b

    seen = []
    for number in range(rounds):
        thing = Thing(number % 3 == 0)
        seen.append((list(vars(thing).items()), list(thing.__dict__)))
        del thing.a
        thing.a = 5
        seen.append(list(thing.__dict__))
        other = Thing(False)
        del other.a
        other.a = 6
        seen.append(list(other.__dict__.items()))
    return seen


@over((40,))
def case_dictionaries_made_late(rounds):
    class Numbers(list):
        kind = "numbers"

        def total(self):
            return sum(self)

    class Text(str):
        kind = "text"

        def twice(self):
            return self + self

    class Failed(Exception):
        kind = "failed"

        def describe(self):
            return self.args

    seen = []
    kept = (Numbers([1, 2]), Text("a"), Failed("x"))
    for number in range(rounds):
        fresh = (Numbers([number]), Text(number), Failed(number))
        for numbers, text, failed in (kept, fresh):
            seen.append((numbers.total(), numbers.kind, text.twice(), text.kind, failed.describe(), failed.kind))
        if number == 20:
            kept[0].total = lambda: "own total"
            kept[1].kind = "own kind"
            kept[2].__dict__["describe"] = lambda: "own description"
        if number == 25:
            del kept[0].total
        if number == 30:
            Numbers.total = lambda self: "patched"
            Text.kind = property(lambda self: "property")
    return seen
