"""Attribute loads, stores and deletes: instance values, slots, properties, descriptors, modules, caches upset in mid-loop."""

import math
import types

from tests.cases import over


class Point:
    kind = "point"

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __repr__(self):
        return f"Point({self.x}, {self.y})"

    def norm(self):
        return abs(self.x) + abs(self.y)

    @property
    def double(self):
        return self.x * 2

    @double.setter
    def double(self, value):
        self.x = value // 2

    @property
    def broken(self):
        raise AttributeError("from the property")

    @staticmethod
    def static(a):
        return "static", a

    @classmethod
    def made(cls, a):
        return cls.__name__, a


class Point3(Point):
    kind = "point3"

    def norm(self):
        return super().norm() + 100


class Slotted:
    __slots__ = ("x", "y")

    def __init__(self, x):
        self.x = x


class Dynamic:
    x = "class x"

    def __getattr__(self, name):
        if name.startswith("no"):
            raise AttributeError(f"no {name}", name=name, obj=self)
        return f"dynamic {name}"


class Intercept:
    def __getattribute__(self, name):
        if name == "x":
            return "intercepted"
        return object.__getattribute__(self, name)


class Data:
    """A data descriptor."""

    def __get__(self, instance, owner):
        return "data get", owner.__name__

    def __set__(self, instance, value):
        instance.__dict__["stored"] = value

    def __delete__(self, instance):
        instance.__dict__["deleted"] = True


class NonData:
    def __get__(self, instance, owner=None):
        return "non-data"


class Described:
    data = Data()
    x = NonData()


@over((Point(1, 2),), (Point3(3, 4),), (Slotted(5),), (Dynamic(),), (Intercept(),), (Described(),), (5,), (None,), (Point,), (math,))
def case_load_x(o):
    return o.x


def case_polymorphic_loads():
    out = []
    for o in [Point(1, 2), Point3(3, 4), Slotted(5), Dynamic(), Intercept(), Described(), Point(6, 7)] * 4:
        out.append(o.x)
    return out


def case_store_and_load():
    p = Point(1, 2)
    for i in range(10):
        p.x = i
        p.y += p.x
        p.new = i
    return p.x, p.y, p.new, p.__dict__


@over(lambda: (Point(1, 2),), lambda: (Slotted(1),), lambda: (Described(),), lambda: (5,), lambda: (None,), lambda: (types.SimpleNamespace(),))
def case_store_any(o):
    o.x = 99
    return o.x


def case_slot_errors():
    s = Slotted(1)
    out = [s.x]
    for action in (lambda: s.y, lambda: setattr(s, "z", 1), lambda: delattr(s, "y")):
        try:
            out.append(action())
        except AttributeError as error:
            out.append(str(error))
    del s.x
    try:
        return s.x
    except AttributeError as error:
        return out, str(error)


def case_missing_attribute_message():
    p = Point(1, 2)
    return p.norn


def case_delete_attribute():
    p = Point(1, 2)
    del p.x
    try:
        del p.x
    except AttributeError as error:
        first = str(error)
    p.x = 5
    return first, list(p.__dict__)


def case_property_reads_and_writes():
    p = Point(4, 0)
    out = [p.double for _ in range(5)]
    p.double = 20
    out.append(p.x)
    return out


def case_property_raises_attribute_error():
    return Point(1, 2).broken


def case_property_without_setter():
    class A:
        @property
        def v(self):
            return 1

    a = A()
    a.v = 5


def case_data_descriptor():
    d = Described()
    d.data = 5
    out = d.data, d.__dict__.copy()
    del d.data
    return out, d.__dict__


def case_non_data_descriptor_is_shadowed():
    d = Described()
    before = d.x
    d.x = "mine"
    return before, d.x


def case_class_attribute_changes_in_loop():
    class A:
        v = 1

    a = A()
    out = []
    for i in range(20):
        if i == 8:
            A.v = 2
        if i == 12:
            a.v = 3
        if i == 16:
            del a.v
        out.append(a.v)
    return out


def case_method_replaced_in_loop():
    class A:
        def f(self):
            return "one"

    a = A()
    out = []
    for i in range(20):
        if i == 7:
            A.f = lambda self: "two"
        if i == 12:
            a.f = lambda: "own"
        if i == 16:
            del a.f
            del A.f
            A.f = staticmethod(lambda: "static")
        out.append(a.f())
    return out


def case_dunder_class_changes_in_loop():
    class A:
        def f(self):
            return "A"

    class B:
        def f(self):
            return "B"

    a = A()
    out = []
    for i in range(12):
        if i == 6:
            a.__class__ = B
        out.append((a.f(), type(a).__name__))
    return out


def case_base_class_attribute_changes():
    class Base:
        v = "base"

    class Derived(Base):
        pass

    d = Derived()
    out = []
    for i in range(12):
        if i == 4:
            Base.v = "changed"
        if i == 8:
            Derived.v = "derived"
        out.append(d.v)
    return out


def case_bases_replaced():
    class A:
        def f(self):
            return "A"

    class B:
        def f(self):
            return "B"

    class C(A):
        pass

    c = C()
    out = []
    for i in range(6):
        if i == 3:
            C.__bases__ = (B,)
        out.append(c.f())
    return out


def case_property_appears_over_instance_value():
    class A:
        pass

    a = A()
    a.v = "instance"
    out = []
    for i in range(8):
        if i == 4:
            A.v = property(lambda self: "property")
        out.append(a.v)
    return out


def case_getattr_is_added_in_loop():
    class A:
        pass

    a = A()
    out = []
    for i in range(8):
        if i == 4:
            A.__getattr__ = lambda self, name: f"made {name}"
        try:
            out.append(a.v)
        except AttributeError as error:
            out.append(str(error))
    return out


def case_dict_replaced():
    p = Point(1, 2)
    out = []
    for i in range(8):
        if i == 3:
            p.__dict__ = {"x": "new", "y": "dict"}
        if i == 6:
            p.__dict__["x"] = "poked"
        out.append((p.x, p.y))
    return out


def case_dict_cleared():
    p = Point(1, 2)
    p.__dict__.clear()
    return p.x


def case_dict_with_key_order():
    out = []
    for names in (["a", "b"], ["b", "a"], ["a", "c", "b"]) * 3:
        o = types.SimpleNamespace()
        for n, name in enumerate(names):
            setattr(o, name, n)
        out.append((o.a, o.b))
    return out


def case_many_attributes():
    class Wide:
        pass

    w = Wide()
    for i in range(60):
        setattr(w, f"a{i}", i)
    w.a5 = "five"
    return w.a0, w.a5, w.a29, w.a59, len(w.__dict__)


@over((Point(1, -2),), (Point3(1, -2),))
def case_method_call(p):
    return p.norm(), p.static(1), p.made(2), type(p).norm(p)


def case_polymorphic_methods():
    total = []
    for o in [Point(1, 2), Point3(1, 2)] * 6:
        total.append(o.norm())
    return total


def case_bound_method_kept():
    p = Point(1, 2)
    f = p.norm
    p.x = 50
    return f(), f.__self__ is p, f == p.norm, f is p.norm


def case_module_attributes():
    out = [math.pi, math.floor(2.7)]
    module = types.ModuleType("m")
    for i in range(6):
        module.value = i
        out.append(module.value)
    try:
        module.nothing
    except AttributeError as error:
        out.append(str(error))
    return out


def case_module_getattr():
    module = types.ModuleType("m")
    module.__getattr__ = lambda name: f"lazy {name}"
    return module.abc, module.__name__


def case_module_attribute_rebound():
    module = types.ModuleType("m")
    module.f = lambda: 1
    out = []
    for i in range(10):
        if i == 5:
            module.f = lambda: 2
        out.append(module.f())
    return out


def case_class_attributes_through_class():
    out = []
    for cls in [Point, Point3] * 4:
        out.append((cls.kind, cls.made(1)))
    Point3.kind = "changed"
    out.append(Point3.kind)
    Point3.kind = "point3"
    return out


def case_metaclass_attribute():
    class Meta(type):
        v = "meta"

        @property
        def p(cls):
            return cls.__name__

        def __getattr__(cls, name):
            return f"meta {name}"

    class A(metaclass=Meta):
        pass

    return A.v, A.p, A.zzz


def case_setattr_override():
    log = []

    class A:
        def __setattr__(self, name, value):
            log.append((name, value))
            object.__setattr__(self, name, value)

        def __delattr__(self, name):
            log.append(("del", name))
            object.__delattr__(self, name)

    a = A()
    a.x = 1
    a.x += 1
    del a.x
    return log


def case_store_drops_last_reference_with_del():
    log = []

    class Dies:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            log.append(self.n)

    p = Point(Dies(1), 0)
    p.x = Dies(2)
    log.append("stored")
    p.x = None
    log.append("done")
    return log


def case_attribute_error_name_and_obj():
    try:
        Point(1, 2).nothing
    except AttributeError as error:
        return error.name, error.obj


def case_method_on_builtin_types():
    return "a,b".split(","), [3, 1].index(1), (1, 2).count(2), {1: 2}.items(), (5).bit_length(), 2.0.is_integer(), b"a".hex()


def case_getattr_setattr_hasattr():
    p = Point(1, 2)
    setattr(p, "z", 3)
    return getattr(p, "z"), getattr(p, "q", "none"), hasattr(p, "x"), hasattr(p, "q"), vars(p)


def case_name_mangling():
    class A:
        def __init__(self):
            self.__hidden = 1

        def get(self):
            return self.__hidden

    return A().get(), A().__dict__


def case_instance_from_new_without_init():
    p = Point.__new__(Point)
    try:
        return p.x
    except AttributeError as error:
        p.x = 3
        return p.x, str(error)


def case_weird_getattribute_exception():
    class A:
        def __getattribute__(self, name):
            raise KeyError(name)

    return A().x


def case_unhashed_dict_subclass_instance():
    class D(dict):
        pass

    d = D(a=1)
    d.attr = 5
    return d.attr, d["a"], d.get("b"), len(d)


def case_class_value_becomes_descriptor():
    class Becomes:
        pass

    class Plain:
        x = Becomes()
        y = Becomes()
        z = Becomes()

        def __init__(self):
            self.x = "own x"

    class Slotted:
        __slots__ = ()
        x = y = z = Plain.y

    def load(thing):
        return thing.x, thing.z

    def of_class():
        return Plain.y

    def call(thing):
        return thing.y()

    def store(thing, value):
        thing.x = value

    things = Plain(), Slotted()
    kinds = []
    for step in range(30):
        if step == 20:
            Becomes.__get__ = lambda self, instance, owner: lambda: ("got", instance is None)
            Becomes.__set__ = lambda self, instance, value: kinds.append(("set", value))
        for thing in things:
            x, z = load(thing)
            kinds.append((type(x).__name__, type(z).__name__))
            try:
                kinds.append(call(thing))
            except TypeError as error:
                kinds.append(str(error))
            try:
                store(thing, step)
            except AttributeError as error:
                kinds.append(str(error))
        kinds.append(type(of_class()).__name__)
    return kinds


def case_class_value_changes_class():
    class One:
        pass

    class Two:
        def __get__(self, instance, owner):
            return "two"

    class Holder:
        value = One()

    class Own:
        pass

    def load(thing):
        return type(thing.value).__name__

    def of_class():
        return type(Holder.value).__name__

    found = []
    for step in range(30):
        if step == 20:
            vars(Holder)["value"].__class__ = Two
        found.append((load(Holder()), of_class()))
    return found


def case_metaclass_changes():
    class Meta(type):
        pass

    class Of(metaclass=Meta):
        value = "class"

    class Other(type):
        @property
        def value(cls):
            return "other metaclass"

    class Bare:
        value = "bare"

    def load():
        return Of.value

    def load_bare():
        return Bare.value

    found = []
    for step in range(40):
        if step == 10:
            Meta.value = property(lambda cls: "metaclass")
        if step == 20:
            del Meta.value
        if step == 30:
            Of.__class__ = Other
        found.append((load(), load_bare()))
    return found


def case_module_changes_class():
    import types

    class Special(types.ModuleType):
        @property
        def value(self):
            return "property"

    module = types.ModuleType("made")
    module.value = "own"

    def load():
        return module.value

    found = []
    for step in range(30):
        if step == 20:
            module.__class__ = Special
        found.append(load())
    return found


def case_borrowed_slots():
    class Class:
        __slots__ = ("slot",)

    class Sneaky:
        __slots__ = ("shadowed",)
        shadowing = Class.slot

    class Wide:
        borrowed = Class.slot

    def load(thing):
        return thing.shadowing

    def store(thing):
        thing.shadowing = 1

    def load_wide(thing):
        return thing.borrowed

    def store_wide(thing):
        thing.borrowed = 1

    sneaky, wide, errors = Sneaky(), Wide(), []
    sneaky.shadowed = 42
    for _ in range(5):
        for function, thing in (load, sneaky), (store, sneaky), (load_wide, wide), (store_wide, wide):
            try:
                errors.append(function(thing))
            except TypeError as error:
                errors.append(str(error))
    return errors, sneaky.shadowed


def case_property_made_anew():
    class Class:
        value = property(lambda self: "first")

    def load(thing):
        return thing.value

    found = []
    for step in range(30):
        if step == 20:
            Class.value = property(lambda self: "second")
        found.append(load(Class()))
    return found


def case_modules_at_one_address():
    """Where a module lay that is gone, another may come to lie, while the first one's names live on in its functions."""
    import types

    def load(module):
        return module.get

    def call(module):
        return module.get()

    kept, wrong = [], 0
    for n in range(200):
        module = types.ModuleType("made")
        exec("def get(): return n", vars(module))
        module.n = n
        kept.append(vars(module)["get"])
        wrong += load(module) is not kept[-1] or call(module) != n
        del module
    return wrong


def case_class_value_dies_before_code_is_made_anew():
    class Items(list):
        pass

    items = Items()
    seen = []

    def use(n):
        for i in range(n):
            seen.append(items.value)
        del seen[1:]

    for k in range(12):
        Items.value = [k] * 3
        use(40)
        del Items.value
        filler = [object() for _ in range(50)]
        Items.value = "other"
        use(70)
        del Items.value, filler
    return seen
