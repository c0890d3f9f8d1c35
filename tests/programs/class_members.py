"""Members of classes in loops that are optimized: properties, special methods, defaults, closures, class attributes, ``super()``."""

from tests.cases import over

N = 60
finished = []


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
