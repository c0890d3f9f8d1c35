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


class Shape:
    def __init__(self, x):
        self.x = x

    def area(self):
        return self.x


class Square(Shape):
    def area(self):
        return self.x * self.x


class Named(Shape):
    def __init__(self, x, name="named"):
        super().__init__(x)
        self.name = name

    def area(self):
        return len(self.name) + self.x


class Lazy:
    def __getattr__(self, name):
        return lambda: name * 2


@over((2,), (3,), (4,))
def case_polymorphic(kinds):
    shapes = [[Shape(1.5), Square(2), Named(3), Lazy()][index % kinds] for index in range(N)]
    total = []
    for shape in shapes:
        total.append(shape.area())
        shape.x = total[-1]
        if shape.x == 4:
            shape.x += 1
    return total, [shape.x for shape in shapes if not isinstance(shape, Lazy)]


class Watched:
    def __init__(self, x):
        self._x = x

    @property
    def x(self):
        if self._x % 19 == 0:
            finished.append(self._x)
        return self._x

    @x.setter
    def x(self, value):
        finished.append(("set", value))
        self._x = value

    @property
    def function(self):
        return self.x.__add__

    @classmethod
    def made(cls, x):
        return cls(x)

    @staticmethod
    def twice(x):
        return x + x


def case_properties():
    finished.clear()
    total = 0
    for index in range(N):
        watched = Watched(index)
        total += watched.x + watched.x + watched.function(1)
        if index % 30 == 0:
            watched.x = 5
        total += Watched.made(index).x + watched.twice(index) + Watched.twice(1)
    return total, finished


class Defaulted:
    kind = "of the class"

    def __init__(self, x):
        self.x = x
        self.kind = 1


def cut(defaulted, index):
    if index % 17 == 0:
        del defaulted.kind


def case_attribute_is_deleted():
    out = []
    for index in range(N):
        defaulted = Defaulted(index)
        cut(defaulted, index)
        if defaulted.kind != 1:
            out.append((index, defaulted.kind))
    del defaulted.x
    return out, defaulted.x


class Matrix:
    def __init__(self):
        self.cells = [0] * 10

    def __getitem__(self, index):
        return self.cells[index]

    def __setitem__(self, index, value):
        self.cells[index] = value

    def __len__(self):
        return self.cells[9] - N + 10

    def __neg__(self):
        return -self.cells[0]

    def __call__(self, a, b=3):
        return a + b + self.cells[1]


@over((0,), (-N,))
def case_containers(last):
    matrix = Matrix()
    total = 0
    for index in range(N):
        matrix[index % 10] = index + N
        total += matrix[3] + (-matrix) + matrix(index) + matrix(1, b=2)
        total += len(matrix) if matrix[9] else 0
    try:
        matrix[9] = last - N
        for _ in range(3):
            total += len(matrix)
    except ValueError as error:
        return total, str(error)
    return total, matrix[10]


def with_defaults(a, b=2, c=3):
    return a + b * 10 + c * 100


def with_keywords(a, b=10, *, c, d=4):
    return a * 1000 + b * 100 + c


def case_keywords():
    with_defaults.__defaults__ = (2, 3)
    total = 0
    for index in range(N):
        total += with_defaults(index) + with_defaults(index, c=7) + with_defaults(b=1, a=index)
        total += with_keywords(index, c=1, d=index)
        if index == N - 7:
            with_defaults.__defaults__ = (5, 6)
    return total


counter = 0


def make_counter():
    count = 5

    def get(x):
        return x + count

    def bump():
        nonlocal count
        count += 1

    return get, bump


get_count, bump_count = make_counter()


def case_closures():
    total = 0
    for index in range(N):
        total += get_count(index)
        if index % 20 == 0:
            bump_count()
    return total


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


class Level:
    NONE = 0
    kind = "level"

    def __init__(self, number):
        super(Level, self).__init__()
        self.number = number

    @classmethod
    def weaker(cls, one, two):
        return one.number > two.number

    @classmethod
    def weakest(cls, one, two):
        if cls.weaker(one, two):
            return one
        return two

    @staticmethod
    def twice(x):
        return x * 2


class Named2(Level):
    def __init__(self, number, name):
        super().__init__(number)
        self.name = name

    def weight(self):
        return self.number


class Heavy(Named2):
    def __init__(self, number):
        super().__init__(number, "heavy")

    def weight(self):
        return super().weight() + len(self.name)


STRONG, WEAK = Level(1), Level(5)


def reverse(cls, one, two):
    return one.number < two.number


class Descriptor:
    pass


def case_attributes_of_classes():
    out = []
    weaker = vars(Level)["weaker"]
    Level.special = Descriptor()
    for index in range(N):
        if index == N - 20:
            Level.weaker = classmethod(reverse)
        if index == N - 10:
            Level.NONE = "changed"
        if index == N - 5:
            Descriptor.__get__ = lambda self, instance, owner: "got"
        level = Level.weakest(STRONG, WEAK)
        out.append((level.number, Level.NONE, Level.kind, Level.twice(index), Level.special == "got"))
        WEAK.number = 5 if index % 2 else 0
    del Descriptor.__get__
    Level.weaker, Level.NONE = weaker, 0
    return out, Level.weakest(STRONG, WEAK) is STRONG


def other_weight(self):
    return 1000


def case_super():
    weight = Named2.weight
    total = 0
    for index in range(N):
        heavy = Heavy(index)
        total += heavy.weight() + heavy.number
        if index == N - 9:
            Named2.weight = other_weight
    Named2.weight = weight
    return total, vars(heavy), isinstance(heavy, Level)


def case_super_of_something_else():
    total = 0
    for index in range(N):
        try:
            heavy = Heavy(index)
            if index == N - 3:
                Heavy.weight(Named2(index, "no heavy one"))
            if index == N - 2:
                Heavy.weight(3)
            total += heavy.weight()
        except (TypeError, AttributeError) as error:
            total += 1
            text = str(error)
    return total, text


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


class Holder:
    def __init__(self, function):
        self.function = function


def add_one(x):
    return x + 1


def case_function_in_attribute():
    holder = Holder(add_one)
    total = 0
    for index in range(N):
        total += holder.function(index)
        holder.function = add_one if index % 2 else add_one
        if index == N - 4:
            holder.function = with_defaults
    return total


NUMBERS = [1, 2.5, True, -3, 0.0, 7, 1e308, 2**62, -0.0, 2, 3.5, float("nan"), 0, 2**70, 1.5]


class Mixed:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def dot(self, other):
        return self.x * other.x + self.y * other.y - self.x % 7


@over((1.5,), (0,), ("text",), (None,), (2**2000,))
def case_mixed_numbers(surprise):
    out = []
    for index in range(N):
        one = Mixed(NUMBERS[index % 15], NUMBERS[index % 7])
        other = Mixed(NUMBERS[index % 11], surprise if index == N - 3 else NUMBERS[index % 4])
        try:
            result = one.dot(other)
            if one.x < other.y:
                result += 1
            if one.y == other.y:
                result -= one.x // 2
            out.append((result, one.x / other.y, one.x >= other.x, other.y != one.x))
        except (TypeError, ZeroDivisionError, OverflowError) as error:
            out.append((type(error).__name__, str(error)))
    return out


class Crowded:
    """Instances that were made before there were more attributes than the class expects have dictionaries."""

    def __init__(self, number):
        self.number = number

    def grow(self, value):
        self.color = value
        self.owner = self

    def root(self):
        return self.owner.number if self.owner is not self else self.number


CROWD = [Crowded(number) for number in range(40)]


@over((1,), (2.5,), ("text",), (None,), (2**70,))
def case_dictionaries(surprise):
    cells = CROWD[:6] if surprise is not None else [Crowded(number) for number in range(6)]
    for cell in CROWD + cells:
        cell.grow(1)
    out = []
    for index in range(N):
        cell = cells[index % 6]
        if index == N - 4:
            cell.color = surprise
        if index == N - 3:
            del cells[2].owner
        try:
            cell.color = cell.color + 1
            out.append((cell.root(), cell.color, len(cell.__dict__)))
        except (TypeError, AttributeError) as error:
            out.append((type(error).__name__, str(error)))
    return out


class Wide(Crowded):
    def root(self):
        if self.number > 2:
            return None
        return False


class Narrow:
    def __init__(self, number):
        self.extra = None
        self.number = number

    def root(self):
        return self.number


@over((1,), (2.5,), ("text",), (None,))
def case_ways_that_part(surprise):
    shapes = [Narrow(1), Wide(2), CROWD[3], Narrow(surprise), Wide(4)]
    for shape in shapes:
        if isinstance(shape, Crowded):
            shape.grow(0)
    out = []
    for index in range(N):
        shape = shapes[index % 5]
        first = shape.root()
        second = shape.root()
        known = shape.root() is None and shape.root() is not False
        out.append((first, second, known, shape.number, shape.root()))
        if index == N - 6:
            shapes[0].root = lambda: "hidden"
    return out


class Marked:
    def __init__(self, number):
        self.number = number

    def mark(self, value):
        self.seen = value
        self.last = [value]


@over((1,), (2.5,), (None,))
def case_new_to_some(surprise):
    out = []
    for index in range(N):
        marked = Marked(index)
        for turn in range(1 + index % 2):
            marked.mark(surprise if index > N - 3 else turn)
        out.append(list(marked.__dict__.items()))
    return out


STAMP = 0


def stamp(value):
    global STAMP
    STAMP = value
    return STAMP


@over((1,), (2.5,), (None,), (2**70,))
def case_names_that_vary(surprise):
    global STAMP
    STAMP = 0
    out = []
    for index in range(N):
        STAMP = STAMP + 1 if isinstance(STAMP, int) else 0
        out.append((STAMP, stamp(surprise if index == N - 5 else index), STAMP))
    return out
