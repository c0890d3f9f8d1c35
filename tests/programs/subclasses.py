"""Subclasses of `list` that do as lists do, and those that do not; `==` of objects that leave it to `object`; `super` called for
instances of several classes: what changes meanwhile, exceptions in the middle."""

import gc
import sys

from tests.cases import over

N = 60


class Plain(list):
    pass


class Named(list):
    def __init__(self, *items):
        super().__init__(items)
        self.name = "named"


class Odd(list):
    def __iter__(self):
        yield from (item for item in list.__iter__(self) if item % 2)

    def __len__(self):
        return 7

    def __getitem__(self, key):
        return -list.__getitem__(self, key)

    def append(self, item):
        list.append(self, item + 1)

    def pop(self, *at):
        return list.pop(self, *at) * 10


class True_(list):
    def __bool__(self):
        return True


KINDS = {"list": list, "Plain": Plain, "Named": Named, "Odd": Odd, "True_": True_}


@over(("Plain",), ("list",), ("Odd",), ("True_",))
def case_going_over(kind):
    items = KINDS[kind](range(N))
    total = 0
    for _ in range(10):
        for item in items:
            total += item
        for at, item in enumerate(items):
            total += at * item
        total += len(items) + items[3] + items[-1]
        if items:
            total += 1
    return total


@over(("Plain",), ("list",), ("Odd",))
def case_queue(kind):
    queue = KINDS[kind]()
    queue.append(1)
    seen = []
    while len(queue) and len(seen) < N:
        first = queue.pop(0)
        seen.append(first)
        for more in (first * 2, first * 3):
            if more < 400:
                queue.append(more)
        if len(queue) > 5:
            seen.append(queue.pop())
    return seen, list.__len__(queue)


@over((3,), (0,), (-2,), (99,), (-99,), (True,), ("x",), (2**70,))
def case_pop_at(at):
    taken = []
    for round_ in range(N):
        items = Plain([1.5, "two", None, round_]) if round_ % 2 else [4, 3, 2, round_]
        try:
            taken.append(items.pop(at))
            taken.append(len(items))
            if round_ % 10 == 9:
                items.clear()
                items.pop()
        except (IndexError, TypeError) as error:
            taken.append(type(error).__name__ + str(error))
    return taken


@over((5,))
def case_mutated_while_gone_over(most):
    items = Plain([1])
    seen = []
    for _ in range(N):
        for item in items:
            seen.append(item)
            if len(items) < most:
                items.append(item + len(items))
            else:
                items.pop(0)
        items.append(1)
    return seen, items


def walk(items, change):
    total = 0
    for number, item in enumerate(items):
        total += item
        if number == change:
            Changing.__iter__ = lambda self: iter(())
            Changing.__len__ = lambda self: 1000
    for item in items:
        total += item
    return total + len(items)


class Changing(list):
    pass


@over((-1,), (3,))
def case_class_changes(change):
    global Changing
    Changing = type("Changing", (list,), {})
    items = Changing(range(20))
    return [walk(items, change if round_ == N - 5 else -1) for round_ in range(N)]


class Thing:
    def __init__(self, name):
        self.name = name


class Other(Thing):
    pass


class Equal(Thing):
    def __eq__(self, other):
        return isinstance(other, Thing) and self.name == other.name

    __hash__ = None


class Failing(Thing):
    def __ne__(self, other):
        raise ValueError(self.name)


def count(things, wanted):
    found = 0
    for thing in things:
        if thing == wanted:
            found += 1
        if thing != wanted:
            found += 100
    return found


@over(("none",), ("thing",), ("equal",), ("failing",), ("int",), ("late",))
def case_identities(which):
    things = [Thing("a"), Other("b"), None, Thing("c"), Other("a")]
    wanted = {"none": None, "equal": Equal("a"), "failing": Failing("a"), "int": 3}.get(which, things[1])
    found = []
    for round_ in range(N):
        found.append(count(things, things[round_ % 5]))
        if round_ == N - 4 and which == "late":
            Other.__eq__ = lambda self, other: True
    try:
        found.append(count(things, wanted))
        found.append(count([Equal("a"), Failing("b")], wanted))
    except ValueError as error:
        found.append(str(error))
    if "__eq__" in vars(Other):
        del Other.__eq__
    return found


class Shifty(Thing):
    pass


FIRST = Shifty("first")


def is_first(thing):
    return thing == FIRST, FIRST != thing


@over((1,), (5,))
def case_constants_of_classes_that_nothing_is_bet_on(rounds):
    things = [Thing("a"), Shifty("b"), FIRST, None]
    found = 0
    for _ in range(rounds):
        for _ in range(N):
            for thing in things:
                same, differs = is_first(thing)
                found += same + 10 * differs
        for kind in (Thing, Shifty):
            things[1].__class__ = kind
    Shifty.__eq__ = lambda self, other: True
    late = [is_first(thing) for thing in things]
    del Shifty.__eq__
    return found, late


class Base:
    def __init__(self, x):
        super(Base, self).__init__()
        self.x = x

    def name(self):
        return "base"


class Left(Base):
    def __init__(self, x):
        super(Left, self).__init__(x + 1)

    def name(self):
        return "left " + super(Left, self).name()


class LeftMost(Left):
    def __init__(self, x):
        super(LeftMost, self).__init__(x * 2)


class Mixed(Left):
    pass


@over((0,), (1,), (2,))
def case_supers(late):
    kinds = [Left, LeftMost, Mixed]
    if late:
        # Another one, for which the next class is another as well.
        between = type("Between", (Base,), {"name": lambda self: "between", "__init__": lambda self, x: None})
        late_kind = type("Late", (Left, between), {})
    made = []
    for round_ in range(N):
        kind = kinds[round_ % 3]
        if late and round_ > N - 5 * late:
            kind = late_kind
        one = kind(round_)
        made.append((one.name(), getattr(one, "x", None)))
    return made


class Counted(list):
    made = 0

    def __new__(cls, *items):
        Counted.made += 1
        return super().__new__(cls)


class Slotted(list):
    __slots__ = ("extra",)


class Ended(list):
    ended = 0

    def __del__(self):
        Ended.ended += 1


class Called(type):
    def __call__(cls, *items):
        return [cls.__name__, *items]


class Odder(list, metaclass=Called):
    pass


def make(kind):
    return kind()


@over((0,), (1,), (2,))
def case_new_lists(late):
    """Instances that nobody initializes, until somebody does."""

    class Young(list):
        pass

    kinds = [Plain, Slotted, Ended, Counted, Odder, Named, Young, list]
    Counted.made = Ended.ended = 0
    seen = []
    for round_ in range(N):
        for kind in kinds:
            one = make(kind)
            one.append(round_)
            two = Plain()
            two.extend(one)
            seen.append((type(one).__name__, one, two, len(two), one == two, sys.getrefcount(one)))
        if late and round_ == N - 5:
            if late == 1:
                Young.__init__ = lambda self: list.__init__(self, "late")
            else:
                Young.__new__ = lambda cls: list.__new__(cls) + ["new"]
        three = Young()
        three.attribute = three
        seen.append((three[:], type(three).__name__, vars(three) == {"attribute": three} if three else None))
    gc.collect()
    return [repr(one) for one in seen[-100:]], Counted.made, Ended.ended, sys.getrefcount(Plain) < 1000
