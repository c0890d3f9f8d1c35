"""What every program of ``object_strategy`` begins and ends with: the classes and functions that it uses, and how it is called."""

HEADER = """\
import builtins
import sys

G = 3
TEXT = "abc"
LOG = []


def log(value):
    LOG.append(value)
    return value


class Base:
    kind = 1
    limit = 2**62

    def __init__(self, x, y=2):
        self.x = x
        self.y = y

    def get(self, n=1):
        return self.x if n else self.y

    def add(self, n, *, twice=False):
        self.x = (n if twice else 0) + n
        return self

    @property
    def both(self):
        return (self.x, self.y)

    @property
    def settable(self):
        return self.y

    @settable.setter
    def settable(self, value):
        self.y = value

    @staticmethod
    def plus(a, b=1):
        return a + b

    @classmethod
    def make(cls, x):
        return cls(x)

    def __add__(self, other):
        if isinstance(other, Base):
            return Base(self.x, other.y)
        if isinstance(other, int):
            return Base(self.x, other)
        return NotImplemented

    def __len__(self):
        return 3

    def __getitem__(self, i):
        if i == 1:
            return self.y
        return self.x if i < 3 else [][i]

    def __eq__(self, other):
        return type(other) is type(self) and (self.x, self.y) == (other.x, other.y)

    def __lt__(self, other):
        return str(self.x) < str(other)

    def __contains__(self, value):
        return value == self.x or value == self.y

    def __call__(self, n):
        return self.get(n)

    def __bool__(self):
        return self.y != 0

    def __repr__(self):
        return f"{type(self).__name__}({self.x!r}, {self.y!r})"


class Derived(Base):
    kind = 2.5

    def __init__(self, x, y=4):
        super().__init__(x, y)
        self.extra = y

    def get(self, n=1):
        return super().get(n) if n != 2 else self.extra

    @property
    def both(self):
        return [self.x, self.extra]


class Slotted:
    __slots__ = ("x", "y")
    kind = "s"

    def __init__(self, x, y=0):
        self.x = x
        self.y = y

    def get(self, n=0):
        return self.y if n else self.x

    @property
    def both(self):
        return self.x, self.y

    def __iter__(self):
        return iter((self.x, self.y))

    def __add__(self, other):
        return self.x + (other.x if isinstance(other, Slotted) else other)

    def __radd__(self, other):
        return other

    def __repr__(self):
        return f"Slotted({self.x!r})"


class Plain:
    def __init__(self, x):
        self.x = x


class Number(int):
    def __add__(self, other):
        return 40

    def __index__(self):
        return 1


class Word(str):
    def __getitem__(self, i):
        return "w"

    def __len__(self):
        return 2


class Items(list):
    def __getitem__(self, i):
        return 5

    def __len__(self):
        return 1

    def append(self, value):
        log(value)


class Pair(tuple):
    def __iter__(self):
        return iter((8, 9))

    def __getitem__(self, i):
        return i


class Table(dict):
    def __missing__(self, key):
        return 6

    def get(self, key, default=None):
        return 4


class Loud:
    def __init__(self, name, value=0):
        self.name = name
        self.value = value

    def get(self, n=0):
        return self.value

    def __del__(self):
        LOG.append(("del", self.name))

    def __repr__(self):
        return f"Loud({self.name})"


class Manager:
    def __init__(self, swallow):
        self.swallow = swallow

    def __enter__(self):
        return log("enter")

    def __exit__(self, kind, error, traceback):
        log(kind.__name__ if kind else "exit")
        return self.swallow


class Setter:
    def __init__(self, name, value):
        self.name, self.value = name, value

    def __del__(self):
        sys._getframe(1).f_locals[self.name] = self.value


class Dynamic:
    def __init__(self, x):
        self.x = x

    def __getattr__(self, name):
        if name == "y":
            return self.x
        if name == "both":
            return (1, self)
        raise AttributeError(name)

    def __hash__(self):
        return 3

    def __eq__(self, other):
        return self.x == other


def fails(n):
    if n == 2:
        raise KeyError(n)
    if n == 4:
        raise ValueError(n) from TypeError(n)
    if n == 5:
        return [][n]
    return n


def entries(error):
    # What an exception shows of where it was raised, and of those before it.
    seen = []
    while error is not None and len(seen) < 20:
        seen.append(type(error).__name__)
        traceback = error.__traceback__
        while traceback is not None:
            code = traceback.tb_frame.f_code
            seen.append((code.co_name, traceback.tb_lineno - code.co_firstlineno))
            traceback = traceback.tb_next
        error = error.__cause__ or error.__context__
    return seen


# In loops over what they may make longer.
def tick():
    LOG.append(None)
    if len(LOG) > 3000:
        raise OutOfFuel


class OutOfFuel(BaseException):
    pass


def rebind(value):
    global G
    G = value


SHADOWS = {"len": lambda x: 7, "range": lambda *x: iter((5, 6)), "isinstance": lambda a, b: True, "Base": Slotted, "ord": lambda x: 9}
BUILTINS = {name: vars(builtins)[name] for name in ("len", "range", "isinstance", "ord")}


def shadow(name):
    globals()[name] = SHADOWS[name]


def shadow_builtin(name):
    setattr(builtins, name, SHADOWS[name])


def unshadow():
    for name in BUILTINS:
        globals().pop(name, None)
    vars(builtins).update(BUILTINS)
    globals()["Base"] = Derived.__base__


def reclass(p):
    if type(p) in (Base, Derived):
        p.__class__ = Derived if type(p) is Base else Base
        p.extra = 8


def own_init(self, x, y=3):
    self.y = self.x = y


OVERRIDES = {
    "get": lambda self, n=1: 13,
    "both": property(lambda self: 14),
    "kind": 15,
    "x": property(lambda self: 16, lambda self, value: None),
    "__init__": own_init,
    "__len__": lambda self: 2**40,
    "__getitem__": lambda self, i: self,
    "__eq__": lambda self, other: NotImplemented,
    "__bool__": lambda self: False,
    "__add__": lambda self, other: other,
    "__call__": None,
    "__getattribute__": lambda self, name: 18 if name == "y" else object.__getattribute__(self, name),
    "__setattr__": lambda self, name, value: object.__setattr__(self, name, 19),
    "__del__": lambda self: log("deleted"),
}
ORIGINALS = {(kind, name): vars(kind).get(name, log) for kind in (Base, Derived) for name in OVERRIDES}


def override(name, kind=Base):
    setattr(kind, name, OVERRIDES[name])


CODE = {}


def restore():
    if not CODE:
        CODE.update({function: function.__code__ for function in (Base.get, Base.add)})
    for function, code in CODE.items():
        if function.__code__ is not code:
            function.__code__ = code
    depth.__defaults__ = (1,)
    for (kind, name), value in ORIGINALS.items():
        if vars(kind).get(name, log) is not value:
            setattr(kind, name, value) if value is not log else delattr(kind, name)


def redefine(function, other):
    function.__code__ = other.__code__


def trace():
    end = len(LOG) + 40

    def local(frame, event, argument):
        if len(LOG) > end:
            sys.settrace(None)
            return None
        # What hooks functions is not part of the program.
        if frame.f_code.co_filename != local.__code__.co_filename:
            return None
        log((event, frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno))
        return local if len(LOG) % 7 else None

    sys.settrace(local)
    sys._getframe(1).f_trace = local


def adder(n):
    total = 0

    def add(k):
        nonlocal total
        total = k + n
        return total

    return add


def peeker(n):
    value = [n]
    return (lambda: value[0]), (lambda new: value.__setitem__(0, new)), (lambda i: n if i else value)


def each(items, n=3):
    for item in items:
        sent = yield item
        if sent is not None:
            log(sent)
    return n


def delegate(items):
    log((yield from each(items)))


def within(value, swallow):
    with Manager(swallow):
        if value == 3:
            raise KeyError(value)
        return value
    return "swallowed"


def depth(n, step=1):
    if n <= 0:
        return 0
    return depth(n - step) + 1


def walk(tree):
    if not isinstance(tree, list):
        return 1
    total = 0
    for part in tree:
        total += walk(part)
    return total


def locals_of():
    return sorted(sys._getframe(1).f_locals)


def many(a, b=2, *rest, c=3, **more):
    return a, b, len(rest), c, sorted(more)


"""

FOOTER = """

def run(a, b, items, text):
    global G
    G = 3
    unshadow()
    restore()
    LOG.clear()
    items = list(items)
    try:
        return main(a, b, items, text), items
    finally:
        sys.settrace(None)
        unshadow()
        restore()
        print([value for value in LOG if value is not None][:400])


ROWS = (
    lambda: (3, 1.5, [1, 2, 3, 4, 5], "abcab"),
    lambda: (3, 1.5, [1, 2, 3, 4, 5], "abcab"),
    lambda: (5, 2.5, [4, 5, 6, 7, 8, 9], "xyz"),
    lambda: (-7, -0.0, [2.5, 1.5, -3.0, 0.0], "é€😀"),
    lambda: (2**62, float("inf"), [1, 2.5, 2**63 - 1, 4], ""),
    lambda: (0, float("nan"), [], "0"),
    lambda: (True, 5, ["s", 2, None], "ab"),
    lambda: (-(2**63), 1e308, [-(2**63), 2**63 - 1, 0], "abcdefgh"),
)
run.__case_rows__ = [ROWS[at * at % 13 % 8] for at in range(24)]
"""
