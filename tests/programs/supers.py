"""super(): zero and two arguments, attributes, methods, class methods, errors."""


class A:
    attr = "A.attr"

    def f(self, n=0):
        return ["A", n]

    @classmethod
    def c(cls):
        return ["A.c", cls.__name__]

    @staticmethod
    def s():
        return "A.s"

    @property
    def p(self):
        return "A.p"


class B(A):
    attr = "B.attr"

    def f(self, n=0):
        return ["B", *super().f(n + 1)]

    @classmethod
    def c(cls):
        return ["B.c", *super().c()]

    def all(self):
        return super().attr, super().s(), super().p, super().f

    def missing(self):
        return super().nothing


class C(A):
    def f(self, n=0):
        return ["C", *super().f(n * 10)]


class D(B, C):
    def f(self, n=0):
        return ["D", *super().f(n + 5)]


def case_chain():
    return [D().f(i) for i in range(5)], B().f(), D.c()


def case_attributes():
    attr, s, p, f = B().all()
    return attr, s, p, f(3)


def case_missing():
    return B().missing()


def case_two_arguments():
    d = D()
    return super(D, d).f(1), super(B, d).f(1), super(C, d).f(1), super(D, D).c()


def case_wrong_two_arguments():
    return super(B, A())


def case_outside_class():
    def f(self):
        return super().x

    return f(1)


def case_no_arguments_outside():
    return super()


def case_self_deleted():
    class E(A):
        def f(self):
            del self
            return super().f()

    return E().f()


def case_self_rebound():
    class E(A):
        def f(self, n=0):
            self = 5
            return super().f()

    return E().f()


def case_super_shadowed():
    class E(A):
        def f(self, n=0):
            super = lambda: "shadow"
            return super()

    return E().f()


def case_super_in_nested_function():
    class E(A):
        def f(self, n=0):
            def inner(me):
                return super(E, me).f(1)

            return inner(self)

        def g(self):
            return [super(E, self).f(i) for i in range(2)]

    return E().f(), E().g()


def case_zero_argument_super_in_comprehension():
    class E(A):
        def f(self, n=0):
            return [super().f(i) for i in range(2)]

    return E().f()


def case_super_setattr():
    class E(A):
        def __setattr__(self, name, value):
            super().__setattr__(name, ("set", value))

        def __getattribute__(self, name):
            return super().__getattribute__(name)

    e = E()
    e.x = 1
    return e.x


def case_init_chain():
    class Base:
        def __init__(self, **kw):
            self.kw = kw

    class Left(Base):
        def __init__(self, left=1, **kw):
            super().__init__(**kw)
            self.left = left

    class Right(Base):
        def __init__(self, right=2, **kw):
            super().__init__(**kw)
            self.right = right

    class Both(Left, Right):
        def __init__(self, **kw):
            super().__init__(**kw)

    return [vars(Both(left=i, right=2, extra=3)) for i in range(4)]


def case_new_and_super():
    class E(int):
        def __new__(cls, value):
            return super().__new__(cls, value * 2)

        def __add__(self, other):
            return E(super().__add__(other))

    return E(5) + 1, type(E(5) + 1).__name__


def case_class_cell_changed():
    class E(A):
        def f(self, n=0):
            return super().f()

    e = E()
    before = e.f()
    e.__class__ = B
    return before, e.f(), B.__mro__[0].__name__


def case_method_added_to_base_later():
    class Base:
        def f(self):
            return "base"

    class E(Base):
        def f(self):
            return super().f()

    out = []
    e = E()
    for i in range(8):
        if i == 4:
            Base.f = lambda self: "patched"
        out.append(e.f())
    return out


def case_super_returns_bound_methods():
    class E(A):
        def get(self):
            m = super().f
            return m(1), m.__self__ is self

    return E().get()


def case_super_with_star_arguments():
    class Base:
        def f(self, *args, **kw):
            return args, kw

    class E(Base):
        def f(self, *args, **kw):
            return super().f(*args, k=1, **kw)

    return E().f(1, 2, z=3)
