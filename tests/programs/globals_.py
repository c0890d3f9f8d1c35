"""Globals and builtins: found, missing, rebound in mid-loop."""

import builtins
import sys

from tests.cases import over

counter = 0
value = "first"
table = {}


def helper():
    return "helper"


def case_read():
    return value, helper(), len("abc"), table


def case_missing():
    return not_there_at_all


def case_missing_suggestion():
    return coumter


def case_write():
    global counter
    counter += 1
    counter = counter * 2
    return counter


def case_made_and_deleted():
    global fresh
    fresh = 1
    out = [fresh]
    del fresh
    try:
        fresh
    except NameError as error:
        out.append(str(error))
    return out


def case_delete_missing():
    global never_set
    del never_set


def case_rebound_in_loop():
    global value
    out = []
    for i in range(20):
        if i == 10:
            value = "second"
        out.append(value)
    value = "first"
    return out


def case_function_rebound_in_loop():
    out = []
    original = helper
    for i in range(12):
        if i == 6:
            globals()["helper"] = lambda: "other"
        out.append(helper())
    globals()["helper"] = original
    return out


def case_builtin_shadowed_in_loop():
    out = []
    for i in range(12):
        if i == 4:
            globals()["len"] = lambda x: "shadow"
        if i == 8:
            del globals()["len"]
        out.append(len("abc"))
    return out


def case_builtin_replaced_in_loop():
    original = builtins.abs
    out = []
    try:
        for i in range(12):
            if i == 4:
                builtins.abs = lambda x: "replaced"
            if i == 8:
                builtins.abs = original
            out.append(abs(-3))
    finally:
        builtins.abs = original
    return out


def case_builtin_added():
    out = []
    for i in range(6):
        try:
            out.append(brand_new_builtin)
        except NameError:
            out.append("missing")
        if i == 2:
            builtins.brand_new_builtin = "here"
    del builtins.brand_new_builtin
    return out


def case_many_stores_to_globals():
    for i in range(30):
        globals()[f"made_{i}"] = i
    total = made_0 + made_15 + made_29
    for i in range(30):
        del globals()[f"made_{i}"]
    return total


def case_global_in_nested_function():
    def inner():
        global counter
        counter = 100
        return counter

    return inner(), counter


def case_globals_is_the_module():
    return globals()["value"], sys.modules[__name__].value, globals() is vars(sys.modules[__name__])


def case_module_attribute_assignment_is_seen():
    module = sys.modules[__name__]
    out = []
    for i in range(8):
        if i == 4:
            module.table = "assigned"
        out.append(table)
    module.table = {}
    return out


def case_own_globals_dictionary():
    namespace = {"x": 5}
    exec("def f():\n    return x, len((1, 2))", namespace)
    out = [namespace["f"]() for _ in range(5)]
    namespace["x"] = 6
    namespace["len"] = str
    out.append(namespace["f"]())
    return out


def case_own_builtins_dictionary():
    namespace = {"__builtins__": {"len": lambda v: "own len"}}
    exec("def f():\n    return len((1, 2))\ndef g():\n    return abs(1)", namespace)
    out = [namespace["f"]() for _ in range(3)]
    try:
        namespace["g"]()
    except NameError as error:
        out.append(str(error))
    return out


def case_globals_subclass():
    class Namespace(dict):
        def __missing__(self, key):
            return f"missing {key}"

    namespace = Namespace()
    exec("result = undefined_name", {}, namespace)
    return namespace["result"]


def case_class_body_names():
    class A:
        x = value
        y = len(x)
        try:
            z = nowhere
        except NameError as error:
            z = str(error)

    return A.x, A.y, A.z


def case_debug_and_name():
    return __debug__, __name__, __doc__


def case_del_triggers_global_rebinding():
    class Rebinds:
        def __del__(self):
            globals()["value"] = "rebound in __del__"

    out = [value]
    r = Rebinds()
    r = None
    out.append(value)
    globals()["value"] = "first"
    return out


@over((0,), (3,))
def case_global_function_recursive(n):
    return recurse(n)


def recurse(n):
    return "bottom" if n == 0 else ["level", n, recurse(n - 1)]


def case_global_holding_none_and_unhashable():
    global maybe
    maybe = None
    first = maybe is None
    maybe = [1]
    maybe.append(2)
    return first, maybe


def case_import_star_names_via_exec():
    namespace = {}
    exec("from math import *\nr = floor(2.5) + ceil(1.2)", namespace)
    return namespace["r"]


COUNT = 0
TOTAL = 0


def count_up(by=1):
    global COUNT, TOTAL
    COUNT += by
    TOTAL = COUNT * 1000
    return COUNT


def read_count():
    return COUNT, globals()["TOTAL"]


@over((1,), (2**61,), (2.5,), (-7,), (True,))
def case_counted_in_globals(by):
    global COUNT, TOTAL
    COUNT, TOTAL = 1000, 0
    found, kept = [], []
    for at in range(120):
        before = COUNT
        kept.append(TOTAL)
        now = count_up(by if at > 110 else 1)
        found.append((before, now, COUNT, TOTAL))
        if at % 10 == 0:
            found.append((read_count(), eval("COUNT + TOTAL"), {COUNT: at}[now]))
        if at == 100:
            globals()["COUNT"] = now + 5
        if at == 105:
            del globals()["TOTAL"]
    return found, kept


BUILTIN = 5000


@over((90,), (115,))
def case_global_hides_builtin(when):
    import builtins

    global BUILTIN
    BUILTIN = 5000
    found = []
    builtins.BUILTIN = 70000
    try:
        for at in range(120):
            BUILTIN = BUILTIN + 1
            if at == when:
                del BUILTIN
                found.append(BUILTIN)
                found.append(builtins.BUILTIN is BUILTIN)
            found.append((BUILTIN, builtins.BUILTIN))
        return found
    finally:
        del builtins.BUILTIN
