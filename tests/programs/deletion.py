"""del of names, attributes and items; when finalizers run."""

import gc
import weakref


def case_names():
    a = b = [1]
    del a
    try:
        a
    except UnboundLocalError as error:
        return b, str(error)


def case_several_targets():
    a, b, c = 1, 2, [1, 2, 3]
    d = {"k": 1}
    del a, b, c[0], d["k"]
    return c, d, sorted(locals())


def case_delete_and_rebind_in_loop():
    out = []
    for i in range(5):
        x = i
        out.append(x)
        del x
    try:
        x
    except UnboundLocalError:
        return out


def case_finalizer_at_del():
    log = []

    class Dies:
        def __del__(self):
            log.append("dead")

    d = Dies()
    log.append("before")
    del d
    log.append("after")
    return log


def case_finalizer_at_rebind():
    log = []

    class Dies:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            log.append(self.n)

    d = Dies(1)
    d = Dies(2)
    log.append("rebound")
    d = d
    log.append("same")
    return log


def case_locals_freed_at_return():
    log = []

    class Dies:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            log.append(self.n)

    def f():
        a, b, c = Dies("a"), Dies("b"), Dies("c")
        log.append("end of f")

    f()
    return log


def case_temporaries_freed_at_once():
    log = []

    class Dies:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            log.append(self.n)

        def use(self):
            log.append(f"use {self.n}")
            return self

        def __add__(self, other):
            return Dies(f"{self.n}+{other.n}")

    Dies(1).use()
    log.append("next")
    (Dies(2) + Dies(3)).use()
    log.append("next")
    [Dies(4), Dies(5)][0].use()
    log.append("end")
    return log


def case_argument_freed_in_callee():
    log = []

    class Dies:
        def __del__(self):
            log.append("dead")

    def f(x):
        del x
        log.append("after del")

    f(Dies())
    log.append("after call")
    return log


def case_argument_rebound_in_callee():
    log = []

    class Dies:
        def __del__(self):
            log.append("dead")

    def f(x):
        x = None
        log.append("after rebind")

    f(Dies())
    return log


def case_weakref_dies():
    class A:
        pass

    a = A()
    r = weakref.ref(a)
    alive = r() is a
    del a
    return alive, r() is None


def case_cycle_collected():
    class A:
        pass

    a = A()
    a.me = a
    r = weakref.ref(a)
    del a
    before = r() is not None
    gc.collect()
    return before, r() is None


def case_finalizer_order_in_list():
    log = []

    class Dies:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            log.append(self.n)

    items = [Dies(i) for i in range(4)]
    del items[1]
    log.append("one")
    items[0] = None
    log.append("two")
    del items
    return log


def case_finalizer_reads_frame():
    import sys

    seen = []

    class Dies:
        def __del__(self):
            frame = sys._getframe(1)
            seen.append((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno))

    d = Dies()
    d = None
    e = Dies()
    del e
    return seen


def case_finalizer_rebinds_callers_local():
    import sys

    class Dies:
        def __del__(self):
            sys._getframe(1).f_locals["x"] = "from del"

    x = 1
    d = Dies()
    d = None
    return x


def case_delete_attributes_in_loop():
    class A:
        pass

    a = A()
    out = []
    for i in range(5):
        a.v = i
        out.append(a.v)
        del a.v
        out.append(hasattr(a, "v"))
    return out


def case_exception_frees_locals():
    log = []

    class Dies:
        def __del__(self):
            log.append("dead")

    def f():
        d = Dies()
        raise ValueError

    try:
        f()
    except ValueError:
        log.append("handling")
    log.append("after")
    return log


def case_stack_values_freed_on_exception():
    log = []

    class Dies:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            log.append(self.n)

    def fail():
        raise ValueError

    try:
        [Dies(1), (Dies(2), fail())]
    except ValueError:
        log.append("handling")
    try:
        print(Dies(3), Dies(4), sep=fail())
    except ValueError:
        log.append("handling")
    return log


def case_delete_global_and_nonlocal():
    x = 1

    def f():
        nonlocal x
        del x

    f()
    try:
        x
    except NameError as error:
        return str(error)


def case_nested_del_parentheses():
    a, b, c, d = 1, 2, 3, [0, 1]
    del (a, [b, (c,)]), d[:]
    return sorted(locals()), d
