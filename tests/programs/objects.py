"""Instances in loops that the optimizing tier does not make until they are needed, and special methods that it inlines: classes
that change meanwhile, finalizers, identity, exceptions in the middle."""

import sys
import weakref

from tests.cases import over

N = 60


class Vec:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Vec(self.x + other.x, self.y + other.y)

    def __sub__(self, other):
        return Vec(self.x - other.x, self.y - other.y)

    def __mul__(self, factor):
        return Vec(self.x * factor, self.y * factor)

    def __neg__(self):
        return Vec(-self.x, -self.y)

    def __eq__(self, other):
        return self.x == other.x and self.y == other.y

    def dot(self, other):
        return self.x * other.x + self.y * other.y


class Box:
    def __init__(self, low, high):
        self.low = low
        self.high = high

    def size(self):
        return self.high - self.low


class Plain:
    pass


class Node:
    def __init__(self, value, rest):
        self.value = value
        self.rest = rest


@over((1.5,), (3,), (2**70,))
def case_vectors(step):
    position, speed = Vec(0.0, 1), Vec(1, 0.5)
    for index in range(N):
        position = position + speed * step
        speed = speed - Vec(position.x, index) * 0.25
        if index % 20 == 7:
            position = -position
    return position.x, position.y, position.dot(speed), position == speed, position == position


@over((0,), (1.0,))
def case_nested(start):
    total = Vec(start, start)
    kept = []
    for index in range(N):
        box = Box(Vec(index, 1), Vec(2, index))
        total = total + box.size()
        box.high = box.low
        if index % 23 == 0:
            kept.append(box)
    return total.x, total.y, [(box.low is box.high, box.high.x, vars(box.low)) for box in kept]


def case_linked():
    head = None
    for index in range(N):
        head = Node(index, head)
    total = 0
    node = head
    while node is not None:
        total += node.value
        node = node.rest
    circle = Node(1, None)
    circle.rest = circle
    return total, circle.rest is circle, circle.rest.rest.value


def case_identity():
    out = set()
    for index in range(N):
        one = Plain()
        same = one
        one.x = index
        other = Plain()
        list_ = [one, same]
        dict_ = {one: 1}
        out.add((one is same, one is other, same is not one, one is None, list_[0] is list_[1], list_[1] is same))
        out.add((same in dict_, other in dict_, one == same, one != other))
        same.x = "changed"
        out.add((one.x, len({id(one), id(same), id(other)})))
    return sorted(map(repr, out))


def case_dictionaries():
    out = []
    for index in range(N):
        vec = Vec(index, index * 2.5)
        vec.z = index
        if index % 16 == 0:
            attributes = vars(vec)
            attributes["x"] = "changed"
            vec.w = 1
            out.append((vec.x, attributes, list(attributes)))
    return out


class Counted:
    live = 0

    def __init__(self, x):
        self.x = x
        Counted.live += 1

    def __del__(self):
        Counted.live -= 1


def case_finalizer():
    out = []
    for index in range(N):
        counted = Counted(index)
        out.append((counted.x, Counted.live))
        counted = None
        out.append(Counted.live)
    return out


def finish(self):
    finished.append(self.x)


finished = []


def case_finalizer_comes_later():
    finished.clear()
    if hasattr(Plain, "__del__"):
        del Plain.__del__
    for index in range(N):
        plain = Plain()
        plain.x = index
        if index == N - 5:
            Plain.__del__ = finish
    del Plain.__del__
    return finished


class Told:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        caller = sys._getframe(1)
        finished.append((self.name, caller.f_lineno - caller.f_code.co_firstlineno, sorted(caller.f_locals)))


class Pair:
    def __init__(self, first, second):
        self.second = second
        self.first = first

    def swap(self, value):
        self.first = value


def case_ends_of_attributes():
    finished.clear()
    for index in range(N):
        pair = Pair(Told(index), Told(-index))
        same = pair
        pair = None
        same.swap(index)
        same = None
    return finished


def case_weak_references():
    out = []
    for index in range(N):
        plain = Plain()
        plain.x = index
        if index % 20 == 0:
            reference = weakref.ref(plain)
            out.append(reference() is plain)
            plain = None
            out.append(reference())
    return out


class Changing:
    def __init__(self, x):
        self.x = x

    def get(self):
        return self.x


changing_init, changing_get = Changing.__init__, Changing.get


def other_init(self, x):
    self.x = -x
    self.z = 1


def other_get(self):
    return (self.x, "other")


def case_method_is_replaced():
    Changing.get = changing_get
    out = []
    for index in range(N):
        changing = Changing(index)
        if index == N - 9:
            Changing.get = other_get
        out.append(changing.get())
    return out


def case_init_is_replaced():
    Changing.get, Changing.__init__ = changing_get, changing_init
    out = []
    for index in range(N):
        if index == N - 9:
            Changing.__init__ = other_init
        changing = Changing(index)
        out.append(changing.get())
    Changing.__init__ = changing_init
    return out, vars(changing)


def case_attribute_of_class_appears():
    out = 0
    for index in range(N):
        changing = Changing(index)
        if index == N - 9:
            Changing.x = property(lambda self: 1000)
        try:
            out += changing.x
        except AttributeError as error:
            out += 7
            text = str(error)
    del Changing.x
    return out, Changing(3).x


class Subclass(Changing):
    def get(self):
        return self.x * 1000


def reclass(changing, index):
    if index > N - 5:
        changing.__class__ = Subclass


def case_class_is_assigned():
    out = []
    first = Changing(1)
    for index in range(N):
        changing = Changing(index)
        before = changing.get()
        reclass(changing, index)
        out.append((before, changing.get(), first.get(), type(changing).__name__))
    reclass(first, N)
    return out, first.get()


class Raising:
    def __init__(self, x):
        self.a = x
        self.b = 10 // (N - 2 - x)


def case_init_raises():
    total = 0
    for index in range(N):
        total += Raising(index).b
    return total


def case_init_raises_and_is_caught():
    total = 0
    for index in range(N):
        try:
            total += Raising(index).b
        except ZeroDivisionError as error:
            total += error.__traceback__.tb_next.tb_frame.f_locals["self"].a * 100
    return total


class Growing:
    def __init__(self, x):
        self.a = x
        self.b = x + 1
        self.c = [self]


@over((2,), (2**63 - 3,))
def case_init_is_left_in_the_middle(start):
    out = []
    for index in range(N):
        growing = Growing(start + index)
        out.append((growing.a, growing.b, growing.c[0] is growing, list(vars(growing))))
        growing.c = None
    return out


class Returning:
    def __init__(self, x):
        self.a = x
        if x == N - 2:
            return x


def case_init_returns_something():
    total = 0
    for index in range(N):
        total += Returning(index).a
    return total


class Unfriendly:
    def __init__(self, x):
        self.x = x

    def __add__(self, other):
        if self.x > N - 3:
            return NotImplemented
        return Unfriendly(self.x + 1)

    def __eq__(self, other):
        if self.x == N - 5:
            return NotImplemented
        return self.x == other.x

    def __lt__(self, other):
        if self.x == N - 4:
            return NotImplemented
        return self.x < other.x

    def __gt__(self, other):
        return "greater"

    def __ge__(self, other):
        return [] if self.x % 2 else [1]


def case_not_implemented():
    total = 0
    three = Unfriendly(3)
    out = []
    for index in range(N):
        one = Unfriendly(index)
        if one == three:
            total += 1
        if one < three:
            total += 10
        if one >= three:
            total += 100
        out.append((one < three, one == three, one >= three))
        total += (one + three).x
    return total, out


class Slotted:
    __slots__ = ("x", "y")

    def __init__(self, x):
        self.x = x


def case_slots():
    total = 0
    for index in range(N):
        slotted = Slotted(index)
        total += slotted.x
        slotted.x = total
    return total, slotted.x, slotted.y


@over(lambda: ([], object()))
def case_references(kept, thing):
    before = sys.getrefcount(thing)
    pair = Pair(0, thing)
    for index in range(N):
        pair = Pair(index, thing)
        pair.swap(kept)
        pair.swap(thing)
        same = pair
        if index % 10 == 0:
            kept.append(same)
    during = sys.getrefcount(thing) - before, sys.getrefcount(same), sys.getrefcount(kept[0])
    del same, pair
    kept.clear()
    return during, sys.getrefcount(thing) - before


def make(index):
    pair = Pair(index, [index])
    other = Pair(index, pair)
    if index % 2:
        return pair
    return other.second


def case_returned():
    cells = [None] * 10
    total = 0
    for index in range(N):
        total += make(index).first
        pair = Pair(index, None)
        cells[index % 10] = pair
        pair.first += 1
    return total, [pair.first for pair in cells]


def case_seen_from_elsewhere():
    out = []
    for index in range(N):
        vec = Vec(index, 2)
        if index % 25 == 0:
            mine = sys._getframe().f_locals
            out.append((mine["vec"] is vec, mine["vec"].x))
            mine["vec"].x = "written"
            out.append(vec.x)
    return out


def case_swapped():
    one, two = Vec(1, 2), Vec(3, 4)
    for index in range(N):
        one, two = two, one
        one.x += index
        three = one
        three, two = two, three
        two, one = one, two
    return one.x, one.y, two.x, two.y, three.x


def with_cells():
    first, second = 1, Vec(2, 3)

    def inner(count):
        total = first
        for index in range(count):
            total += second.x * index + first
        return total

    def change(value):
        nonlocal first
        first = value

    return inner, change


cells_inner, cells_change = with_cells()


@over((3,), (70,), (2.5,))
def case_free_variables(count):
    cells_change(1)
    out = []
    for index in range(8):
        try:
            out.append(cells_inner(count))
        except TypeError as error:
            out.append(str(error))
        if index == 6:
            cells_change("text")
    return out
