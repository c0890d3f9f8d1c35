"""Class building: bodies, bases, metaclasses, keywords, decorators, __init_subclass__, __set_name__."""

import abc
import dataclasses
import enum


def case_simple():
    class A:
        """Doc."""

        x = 1

        def f(self):
            return self.x

    return A.__name__, A.__qualname__, A.__doc__, A.__module__, A().f()


def case_bases_and_keywords():
    class Base:
        def __init_subclass__(cls, /, tag=None, **kw):
            super().__init_subclass__(**kw)
            cls.tag = tag

    class A(Base, tag="t"):
        pass

    class B(A):
        pass

    return A.tag, B.tag, A.__mro__[1].__name__


def case_init_subclass_error():
    class Base:
        pass

    class A(Base, unknown=1):
        pass


def case_metaclass():
    log = []

    class Meta(type):
        @classmethod
        def __prepare__(mcs, name, bases, **kw):
            log.append(("prepare", name, kw))
            return {"prepared": 1}

        def __new__(mcs, name, bases, namespace, **kw):
            log.append(("new", name, sorted(k for k in namespace if not k.startswith("__"))))
            return super().__new__(mcs, name, bases, namespace)

        def __init__(cls, name, bases, namespace, **kw):
            log.append(("init", name))

        def __call__(cls, *args):
            log.append(("call", args))
            return super().__call__(*args)

    class A(metaclass=Meta, k=5):
        def __init__(self, x):
            self.x = x

    return A(3).x, A.prepared, log


def case_metaclass_conflict():
    class M1(type):
        pass

    class M2(type):
        pass

    class A(metaclass=M1):
        pass

    class B(metaclass=M2):
        pass

    class C(A, B):
        pass


def case_bad_mro():
    class A:
        pass

    class B(A):
        pass

    class C(A, B):
        pass


def case_set_name():
    log = []

    class Descriptor:
        def __set_name__(self, owner, name):
            log.append((owner.__name__, name))

    class A:
        a = Descriptor()
        b = Descriptor()

    return log


def case_set_name_raises():
    class Descriptor:
        def __set_name__(self, owner, name):
            raise ValueError("set name")

    class A:
        a = Descriptor()


def case_decorators():
    log = []

    def mark(tag):
        log.append(tag)

        def apply(thing):
            log.append(("apply", tag))
            thing.tag = tag
            return thing

        return apply

    @mark("outer")
    @mark("inner")
    class A:
        @mark("method")
        def f(self):
            pass

    return A.tag, A.f.tag, log


def case_loop_in_body():
    class A:
        total = 0
        for i in range(5):
            total += i
        squares = [j * j for j in range(4)]
        if total > 5:
            big = True
        else:
            small = True
        del i

    return A.total, A.squares, A.big, hasattr(A, "small"), hasattr(A, "i")


def case_body_raises():
    class A:
        x = 1
        y = x / 0


def case_nested():
    class A:
        class B:
            class C:
                def f(self):
                    return type(self).__qualname__

    return A.B.C().f(), A.B.__qualname__


def case_class_in_loop():
    classes = []
    for i in range(4):

        class A:
            n = i

            def get(self):
                return self.n, i

        classes.append(A)
    return [c().get() for c in classes], len(set(classes))


def case_locals_and_dir_in_body():
    class A:
        x = 1
        names = sorted(k for k in locals() if not k.startswith("_"))
        directory = [k for k in dir() if not k.startswith("_")]
        y = 2

    return A.names, A.directory


def case_free_variable_in_body():
    v = "outer"

    def f():
        class A:
            w = v
            v2 = w + "!"

        return A.v2

    return f()


def case_dunder_methods():
    class A:
        def __init__(self, n):
            self.n = n

        def __len__(self):
            return self.n

        def __getitem__(self, i):
            if i >= self.n:
                raise IndexError(i)
            return i * 10

        def __contains__(self, v):
            return v == "in"

        def __call__(self, v):
            return v, self.n

        def __iter__(self):
            return iter(range(self.n))

        def __hash__(self):
            return 5

        def __eq__(self, other):
            return isinstance(other, A)

        def __bool__(self):
            return self.n > 2

        def __int__(self):
            return self.n

        def __enter__(self):
            return self

        def __exit__(self, *args):
            return True

    a = A(3)
    with a as b:
        raise ValueError
    return len(a), a[1], "in" in a, "out" in a, a(1), list(a), {a: 1}[A(9)], bool(a), not A(1), int(a), b is a


def case_getitem_iteration():
    class A:
        def __getitem__(self, i):
            if i > 3:
                raise IndexError
            return i

    return list(A()), [x for x in A()], 2 in A(), max(A())


def case_class_getitem():
    class A:
        def __class_getitem__(cls, item):
            return cls.__name__, item

    return A[1], A[int, str], list[int], dict[str, int]


def case_abstract():
    class A(abc.ABC):
        @abc.abstractmethod
        def f(self): ...

    class B(A):
        def f(self):
            return "B"

    try:
        A()
    except TypeError as error:
        return B().f(), str(error), isinstance(B(), A)


def case_dataclass():
    @dataclasses.dataclass(order=True)
    class P:
        x: int
        y: int = 5
        z: list = dataclasses.field(default_factory=list)

    return P(1), P(1) == P(1), P(1) < P(2), dataclasses.asdict(P(3, z=[1])), dataclasses.replace(P(1), y=9)


def case_frozen_dataclass():
    @dataclasses.dataclass(frozen=True, slots=True)
    class P:
        x: int

    p = P(1)
    hash(p)
    p.x = 2


def case_enum():
    class Color(enum.Enum):
        RED = 1
        BLUE = enum.auto()

        @property
        def shout(self):
            return self.name + "!"

    return list(Color), Color(1), Color["BLUE"].value, Color.RED.shout, Color.RED is Color(1)


def case_enum_missing():
    class Color(enum.Enum):
        RED = 1

    return Color(9)


def case_slots_and_inheritance():
    class A:
        __slots__ = ("a",)

    class B(A):
        __slots__ = ("b", "__dict__")

    b = B()
    b.a, b.b, b.c = 1, 2, 3
    return b.a, b.b, b.c, b.__dict__


def case_subclass_builtin():
    class L(list):
        def __init__(self, *items):
            super().__init__(items)
            self.tag = "t"

        def append(self, v):
            super().append(v * 2)

    x = L(1, 2)
    x.append(3)
    return x, x.tag, x + [1], type(x + [1]).__name__, len(x), x[-1]


def case_type_three_arguments():
    A = type("A", (dict,), {"x": 1, "f": lambda self: self.x})
    return A().f(), A(q=1), A.__mro__[1]


def case_private_and_class_keyword_names():
    class A:
        __x = 1

        def get(self):
            return self.__x, A.__x

    return A().get(), "_A__x" in vars(A)


def case_del_method():
    log = []

    class A:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            log.append(self.n)

    a = A(1)
    b = a
    del a
    log.append("one left")
    b = A(2)
    log.append("rebound")
    del b
    A(3)
    log.append("end")
    return log


def case_del_raises(capture=None):
    class A:
        def __del__(self):
            raise ValueError("in del")

    import sys

    seen = []
    old = sys.unraisablehook
    sys.unraisablehook = lambda u: seen.append((u.exc_type.__name__, str(u.exc_value)))
    try:
        a = A()
        a = None
        del a
    finally:
        sys.unraisablehook = old
    return seen


def case_resurrection():
    kept = []

    class A:
        def __del__(self):
            kept.append(self)

    A()
    return len(kept), type(kept[0]).__name__


def case_properties_full():
    class A:
        def __init__(self):
            self._v = 0

        @property
        def v(self):
            return self._v

        @v.setter
        def v(self, value):
            if value < 0:
                raise ValueError("negative")
            self._v = value

        @v.deleter
        def v(self):
            self._v = "deleted"

    a = A()
    a.v = 5
    a.v += 1
    out = [a.v]
    del a.v
    out.append(a.v)
    try:
        a.v = -1
    except ValueError as error:
        out.append(str(error))
    return out


def case_static_and_class_methods_in_loop():
    class A:
        n = 0

        @classmethod
        def bump(cls, by):
            cls.n += by
            return cls.n

        @staticmethod
        def twice(x):
            return x * 2

    class B(A):
        pass

    return [A.bump(A.twice(i)) for i in range(4)], [B.bump(1) for _ in range(3)], A.n, B.n, A().bump(1)


def case_mixed_new_and_init():
    class A:
        count = 0

        def __new__(cls, *args, **kw):
            cls.count += 1
            return super().__new__(cls)

        def __init__(self, v, w=1):
            self.v = v + w

    return [A(i, w=i).v for i in range(4)], A.count


def case_call_class_attribute_that_is_a_class():
    class Inner:
        def __init__(self, v):
            self.v = v

    class Outer:
        inner = Inner

    return Outer.inner(5).v, Outer().inner(6).v
