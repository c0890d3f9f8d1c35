"""What ends when a callee gives its variables up: instances of subclasses of containers, alone and as parts of one another, of which
some run code when they end. Who looks at the frames then finds those of the interpreter."""

import sys
import weakref

from tests.cases import over

N = 40
seen = []


class Items(list):
    pass


class Slotted(list):
    __slots__ = ("extra",)


class Table(dict):
    pass


class Pair(tuple):
    pass


class Bag(set):
    pass


class Loud:
    def __init__(self, number):
        self.number = number

    def __del__(self):
        frame = sys._getframe(1)
        seen.append((self.number, frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno))


class LoudItems(list):
    def __del__(self):
        seen.append((list(self), sys._getframe(1).f_code.co_name))


def attribute(number):
    items = Items()
    items.first = number
    items.append(number)
    return len(items) + items.first


def slot(number):
    items = Slotted()
    items.extra = Loud(number)
    items.append(number)
    return len(items)


def part(number):
    inner = Items([number])
    outer = Items([inner, inner])
    other = Items([outer])
    return len(other) + len(inner)


def loud_part(number):
    loud = Loud(number)
    first = Items([loud])
    second = Items([loud, first])
    return len(second) + number


def loud_in_both(number):
    """Ends only when both of what has it end."""
    first = Items([Loud(number)])
    second = Items(first)
    return len(second) + number


def cycle(number):
    items = Items()
    items.append(items)
    other = Items([number, items])
    items.clear()
    return len(other)


def containers(number):
    table = Table(a=Items([number]))
    pair = Pair((table, number))
    bag = Bag([number, "x"])
    return len(pair) + len(bag) + len(table)


def loud_containers(number):
    table = Table()
    table[number] = Loud(number)
    pair = Pair((table, Loud(-number)))
    bag = Bag([Loud(number)])
    return len(pair) + len(bag) + len(table)


def loud_class(number):
    items = LoudItems([number])
    return len(items)


def many(number):
    a, b, c, d, e, f = (Items([number]) for _ in range(6))
    return len(a) + len(b) + len(c) + len(d) + len(e) + len(f)


def maybe(number):
    if number % 3:
        items = Items([number])
    if number % 2:
        others = Items([Loud(number)])
        return len(others)
    return number


def watched(number):
    items = Items([number])
    kept = Items()
    watchers.append(weakref.ref(items, lambda _: seen.append(("watched", number))))
    return len(items) + len(kept)


def kept(number):
    items = Items([number])
    other = Items([items])
    if number % 4 == 0:
        keepers.append(other)
    return len(other)


def raising(number):
    items = Items([Loud(number)])
    other = Items([number])
    if number % 5 == 0:
        raise ValueError(len(items) + len(other))
    return len(items)


def down(number, depth):
    """Calls itself, which no inlining does away with."""
    items = Items()
    items.append(number)
    other = Items()
    other.append(items)
    if depth:
        return down(number, depth - 1) + len(other)
    return len(items)


def loud_down(number, depth):
    items = Items()
    items.append(number if number % 7 else Loud(number))
    other = Items()
    other.append(items)
    other.append(items[0])
    if depth:
        return loud_down(number, depth - 1) + len(other)
    return len(items)


watchers = []
keepers = []
FUNCTIONS = [attribute, slot, part, loud_part, loud_in_both, cycle, containers, loud_containers, loud_class]
FUNCTIONS += [many, maybe, watched, kept, raising]


def calls(function, rounds):
    total = 0
    for number in range(rounds):
        try:
            total += function(number)
        except ValueError as error:
            total += error.args[0]
    return total


# A caller for each: what one of them calls can be a constant for it.
def attributes(rounds):
    return sum([attribute(number) for number in range(rounds)])


def parts(rounds):
    total = 0
    for number in range(rounds):
        total += part(number) + loud_part(number) + loud_in_both(number)
    return total


def kinds(rounds):
    total = 0
    for number in range(rounds):
        total += containers(number) + loud_containers(number) + loud_class(number) + slot(number)
    return total


def others(rounds):
    total = 0
    for number in range(rounds):
        total += many(number) + maybe(number) + watched(number) + kept(number) + cycle(number)
    return total


@over((1,), (N,), (4 * N,))
def case_recursion(rounds):
    seen.clear()
    total = 0
    for number in range(rounds):
        total += down(number, number % 5) + loud_down(number, number % 3)
    return total, repr(seen[-100:]), len(seen)


@over((1,), (4,))
def case_each_function(times):
    seen.clear()
    watchers.clear()
    keepers.clear()
    found = []
    for function in FUNCTIONS:
        for _ in range(times):
            found.append((function.__name__, calls(function, N), len(seen)))
    return found, repr(seen[-600:]), len(seen), len(keepers), [sys.getrefcount(one) for one in keepers[-3:]]


@over((1,), (6,))
def case_constant_callees(times):
    seen.clear()
    watchers.clear()
    keepers.clear()
    found = []
    for _ in range(times):
        for function in (attributes, parts, kinds, others):
            found.append((function(N), len(seen)))
    return found, repr(seen[-600:]), len(seen), len(keepers), [sys.getrefcount(one) for one in keepers[-3:]]


@over((0,), (1,), (2,))
def case_classes_that_change(late):
    """A finalizer comes later, and an instance's class is another one."""

    class Young(list):
        pass

    class Old(list):
        def __del__(self):
            seen.append(("old", len(self)))

    def use(number, changed):
        items = Young([number])
        other = Young([items])
        if changed and late == 2:
            other.__class__ = Old
        return len(items) + len(other)

    seen.clear()
    total = 0
    for number in range(3 * N):
        if late == 1 and number == 2 * N:
            Young.__del__ = lambda self: seen.append(("young", len(self), sys._getframe(1).f_code.co_name))
        total += use(number, number > 2 * N)
    return total, repr(seen), len(seen)
