"""Loops in which values vary in type: numbers of all kinds, instances whose attributes or classes differ, names that are rebound."""

from tests.cases import over

N = 60
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


SOMETIMES = [None, (1,), (1, 2), None, (), (3, 4), (5.5, 6)]


@over((SOMETIMES,), (SOMETIMES + [[7, 8]],), (SOMETIMES + ["ab", [], ""],), ([(1, 2), 5],))
def case_goes_over_what_is_there(several):
    seen, out = 0, []
    for values in several * 12:
        if not values:
            continue
        for value in values:
            seen += 1
            out.append(value)
    return seen, out


@over((SOMETIMES,), (SOMETIMES + [[7, 8]],))
def case_goes_over_with_numbers_what_is_there(several):
    total = 0
    for values in several * 12:
        if values is None:
            total += 100
            continue
        for at, value in enumerate(values):
            total += value * at
        for one, two in zip(values, values):
            total += one - two + 1
        if values:
            total += values[0]
    return total
