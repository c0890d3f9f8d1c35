"""Annotations, type parameters, type aliases."""

import typing


def case_function_annotations():
    def f(a: int, b: "str" = "x", *c: list[int], d: float = 1.0, **e: None) -> bool: ...

    return f.__annotations__, f.__defaults__, f.__kwdefaults__


def case_annotation_evaluated():
    log = []

    def note(x):
        log.append(x)
        return x

    def f(a: note("a") = note("default"), b: note("b") = note("b default")) -> note("return"): ...

    return log


def case_annotation_raises():
    def f(a: undefined_type): ...


def case_local_annotations():
    x: int
    y: undefined_but_not_evaluated = 5
    (z): str = "z"
    try:
        return x
    except UnboundLocalError as error:
        return y, z, str(error)


def case_class_annotations():
    class A:
        x: int
        y: str = "a"
        for z in range(2):
            w: float = z

    return A.__annotations__, A.y, A.w


def case_class_annotation_raises():
    class A:
        x: undefined_type = 1


def case_generic_function():
    def first[T](items: list[T]) -> T:
        return items[0]

    T = first.__type_params__[0]
    return first([1, 2]), T.__name__, first.__annotations__["return"] is T


def case_generic_class():
    class Stack[T, *Ts, **P]:
        def __init__(self):
            self.items: list[T] = []

        def push(self, item: T) -> "Stack[T]":
            self.items.append(item)
            return self

    s = Stack().push(1).push(2)
    return s.items, [p.__name__ for p in Stack.__type_params__], Stack[int, str, [int]].__args__, Stack.__orig_bases__


def case_bounds_and_constraints():
    def f[T: int, S: (int, str), D = float](a: T, b: S) -> D: ...

    T, S, D = f.__type_params__
    return T.__bound__, S.__constraints__, D.__default__


def case_lazy_bound_raises():
    def f[T: undefined_bound](a: T): ...

    (T,) = f.__type_params__
    return T.__bound__


def case_type_alias():
    type Pair[T] = tuple[T, T]
    type Tree = int | list[Tree]
    return Pair.__name__, Pair[int].__args__, Pair.__value__, Tree.__value__.__args__[0]


def case_lazy_alias_raises():
    type Broken = missing_name
    return Broken.__value__


def case_generic_with_closure():
    x = 5

    def f[T](a: T = x) -> T:
        return a, x

    return f(), f(1)


def case_generic_method():
    class A:
        def m[T](self, v: T) -> T:
            return v, T.__name__

        @classmethod
        def c[T](cls, v: T):
            return cls.__name__, v

    return A().m(1), A.c(2)


def case_generic_with_decorator_and_defaults():
    log = []

    def deco(f):
        log.append(f.__name__)
        return f

    @deco
    def f[T](a: T, b=len(log), *, c=3):
        return a, b, c

    return f(1), f(1, 2, c=4), log


def case_typing_constructs():
    class P(typing.Protocol):
        def f(self) -> int: ...

    class TD(typing.TypedDict):
        a: int

    class NT(typing.NamedTuple):
        a: int
        b: str = "x"

    return TD(a=1), NT(1), NT(1).b, typing.get_type_hints(NT), typing.Optional[int], int | None


def case_runtime_protocol():
    @typing.runtime_checkable
    class HasLen(typing.Protocol):
        def __len__(self): ...

    return [isinstance(x, HasLen) for x in ([], 5, "a", {}, None)]


def case_generic_inheritance():
    class Base[T]:
        def get(self) -> T:
            return type(self).__name__

    class Derived[U](Base[U]): ...

    class Concrete(Derived[int]): ...

    return Concrete().get(), [b.__name__ for b in Concrete.__mro__]


def case_annotated_attribute_target():
    class A: ...

    a = A()
    a.x: int = 5
    d = {}
    d["k"]: str = "v"
    return a.x, d


def case_scopes_within_classes():
    """Annotation scopes that look names up in the class's namespace first, and then among the globals."""

    def make(k):
        here = ("function", k)

        class Holder:
            here = ("class", k)

            def bound[T: here](self): ...

            def constrained[T: (here, TYPES)](self): ...

            type Alias = (here, TYPES)
            type Generic[T] = (here, T)

        return Holder

    found = []
    for k in range(4):
        holder = make(k)
        if k == 2:
            del holder.here
        if k == 3:
            holder.TYPES = "of the class"
        found.append(holder.bound.__type_params__[0].__bound__)
        found.append(holder.constrained.__type_params__[0].__constraints__)
        found += [holder.Alias.__value__, holder.Generic.__value__[0]]
    return found


TYPES = "of the module"
