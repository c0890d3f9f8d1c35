"""Attributes that are set when a class has made many instances: by methods, by others, over properties, slots and defaults; and what
has to notice nothing of the room that there is for them."""

import copy
import pickle
import sys
import weakref

from tests.cases import over

MANY = 50
seen = []


class Plain:
    def __init__(self, number):
        self.number = number

    def late(self, value):
        self.first = value
        self.second = self.first + self.number

    def later(self, value):
        self.third = value


class Derived(Plain):
    def more(self, value):
        self.fourth = value
        self.late(value)


class Guarded:
    def __init__(self):
        self.kept = 1

    def fill(self, value):
        self.checked = value
        self.default = value
        self.kept = value

    default = "the class's"

    @property
    def checked(self):
        return self._checked

    @checked.setter
    def checked(self, value):
        seen.append(("set", value))
        self._checked = value


class Watched:
    def __init__(self):
        self.number = 0

    def late(self, value):
        self.other = value

    def __setattr__(self, name, value):
        seen.append((name, value))
        super().__setattr__(name, value)


class Loud:
    def __init__(self):
        self.number = 0

    def late(self, value):
        self.other = value

    def __del__(self):
        seen.append(sorted(self.__dict__))


class Slotted:
    __slots__ = ("__dict__", "inside")

    def __init__(self):
        self.inside = 1

    def late(self, value):
        self.outside = value


class Wide:
    def __init__(self):
        self.start = 0

    def fill(self, value):
        self.a0 = self.a1 = self.a2 = self.a3 = self.a4 = self.a5 = self.a6 = self.a7 = value
        self.b0 = self.b1 = self.b2 = self.b3 = self.b4 = self.b5 = self.b6 = self.b7 = value
        self.c0 = self.c1 = self.c2 = self.c3 = self.c4 = self.c5 = self.c6 = self.c7 = value
        self.d0 = self.d1 = self.d2 = self.d3 = self.d4 = self.d5 = self.d6 = self.d7 = value
        self.e0 = self.e1 = self.e2 = self.e3 = self.e4 = self.e5 = self.e6 = self.e7 = value


def outcome(call):
    try:
        return call()
    except Exception as error:
        return type(error).__name__, str(error)


@over((Plain,), (Derived,))
def case_methods(class_):
    made = [class_(number) for number in range(MANY)]
    for one in made:
        one.late(2)
    for one in made[::2]:
        one.later(3)
    last = class_(7)
    missing = [outcome(lambda: last.first), outcome(lambda: last.third), hasattr(last, "second")]
    last.third = 1
    last.number = 2
    del last.number
    last.late = None
    return (
        [list(vars(one).items()) for one in made[:4]],
        missing,
        list(vars(last)),
        dir(made[1])[-3:],
        outcome(lambda: last.number),
        sum(one.second for one in made),
    )


@over((1,), (2,))
def case_inherited(times):
    made = [Derived(number) for number in range(MANY)]
    for _ in range(times):
        for one in made:
            one.more(1)
    return [list(vars(one)) for one in made[-2:]], sum(one.second + one.fourth for one in made)


@over((), ())
def case_properties_and_defaults():
    seen.clear()
    made = [Guarded() for _ in range(MANY)]
    before = list(seen), made[3].default, outcome(lambda: made[3].checked)
    for number, one in enumerate(made):
        one.fill(number)
    return before, seen[-3:], len(seen), [list(vars(one).items()) for one in made[-2:]], Guarded.default


@over((), ())
def case_nobody_is_told():
    seen.clear()
    watched = [Watched() for _ in range(MANY)]
    first = len(seen)
    for one in watched:
        one.late(1)
    second = len(seen)
    louds = [Loud() for _ in range(MANY)]
    third = len(seen)
    for one in louds:
        one.late(2)
    del one, louds
    return first, second, third, len(seen), seen[-2:]


@over((), ())
def case_slots():
    made = [Slotted() for _ in range(MANY)]
    for one in made:
        one.late(3)
    return [(one.inside, one.outside, vars(one)) for one in made[-2:]]


@over((), ())
def case_more_than_there_is_room_for():
    made = [Wide() for _ in range(MANY)]
    for one in made[::2]:
        one.fill(1)
    for one in made:
        one.another = 5
    return [len(vars(one)) for one in made[:3]], list(vars(made[0]))[-3:], sum(one.another for one in made)


@over(("tuple",), ("list",), ("names",), ("missing",), ("property",))
def case_what_the_class_says(kind):
    """`__static_attributes__` is the class's own, and may be anything."""

    class Named:
        def __init__(self):
            self.a = 1

        def late(self):
            self.b = 2

    class Key(str):
        def __hash__(self):
            seen.append("hash")
            return 1

        def __eq__(self, other):
            seen.append("eq")
            return NotImplemented

    seen.clear()
    if kind == "tuple":
        Named.__static_attributes__ = (1, None, Key("b"), "b", f"no {kind}", "")
    elif kind == "list":
        Named.__static_attributes__ = ["b"]
    elif kind == "names":
        Named.__static_attributes__ = ("__class__", "__dict__", "__weakref__", "a", "a", "b")
    elif kind == "property":
        Named.__static_attributes__ = property(lambda self: seen.append("asked"))
    else:
        del Named.__static_attributes__
    made = [Named() for _ in range(MANY)]
    for one in made:
        one.late()
    return [list(vars(one).items()) for one in made[-2:]], type(made[0]).__name__, seen


@over((), ())
def case_copies():
    made = [Plain(number) for number in range(MANY)]
    for one in made:
        one.late(1)
    one = copy.copy(made[3])
    other = copy.deepcopy(made[4])
    third = pickle.loads(pickle.dumps(made[5]))
    return [list(vars(x).items()) for x in (one, other, third)]


@over((), ())
def case_classes_made_in_a_loop():
    """Classes come and go: each is another one."""
    found, gone = [], []
    for number in range(12):
        namespace = {}
        exec(
            "class Made:\n"
            "    def __init__(self):\n        self.zero = 0\n"
            f"    def late(self):\n        self.a{number} = self.b{number} = {number}\n",
            namespace,
        )
        made = [namespace["Made"]() for _ in range(MANY)]
        for one in made:
            one.late()
        found.append(list(vars(made[-1]).items()))
        gone.append(weakref.ref(made[0]))
        references = sys.getrefcount(made[0])
        found.append(references)
    return found, sum(one() is None for one in gone)
