"""Import statements inside functions."""

import sys
import types

from tests.cases import over


def case_plain():
    import math

    return math.floor(2.5)


def case_dotted():
    import collections.abc
    import os.path as p

    return collections.abc.Mapping.__name__, p.basename("/a/b")


def case_from():
    from math import floor, sqrt as root

    return floor(2.5), root(16)


def case_from_submodule():
    from collections import abc

    return abc.Sized.__name__


def case_missing_module():
    import no_such_module_anywhere


def case_missing_name():
    from math import no_such_name


def case_missing_submodule():
    import os.no_such_submodule


def case_missing_is_caught():
    try:
        import no_such_module_anywhere as m
    except ModuleNotFoundError as error:
        m = None
        return m, error.name, str(error)


def case_relative_without_package():
    namespace = {"__name__": "top"}
    exec("from . import x", namespace)


def case_relative_beyond():
    namespace = {"__name__": "a.b", "__package__": "a"}
    exec("from ... import x", namespace)


def case_import_in_loop():
    out = []
    for _ in range(5):
        import math
        from math import pi

        out.append(math.e < pi)
    return out


def case_own_import_function():
    log = []

    def fake(name, globals=None, locals=None, fromlist=(), level=0):
        log.append((name, fromlist, level))
        return types.SimpleNamespace(x="fake x", y=types.SimpleNamespace(z="deep"))

    namespace = {"__builtins__": {"__import__": fake}}
    exec("def f():\n    import a.b.c\n    import q as r\n    from m.n import x\n    import k.y as d\n    return x, r.x, d.z", namespace)
    return namespace["f"](), log


def case_no_import_function():
    namespace = {"__builtins__": {}}
    exec("def f():\n    import math", namespace)
    return namespace["f"]()


def case_module_in_sys_modules():
    module = types.ModuleType("made_up")
    module.value = 5
    sys.modules["made_up"] = module
    try:
        import made_up
        from made_up import value

        return made_up is module, value
    finally:
        del sys.modules["made_up"]


def case_none_in_sys_modules():
    sys.modules["blocked_module"] = None
    try:
        import blocked_module
    finally:
        del sys.modules["blocked_module"]


def case_circular_attribute_fallback():
    package = types.ModuleType("pack")
    package.__path__ = []
    sub = types.ModuleType("pack.sub")
    sys.modules |= {"pack": package, "pack.sub": sub}
    try:
        from pack import sub as found

        return found is sub
    finally:
        del sys.modules["pack"], sys.modules["pack.sub"]


def case_from_import_of_non_module():
    sys.modules["odd"] = 5
    try:
        from odd import real, nothing
    finally:
        del sys.modules["odd"]


@over(("math",), ("no_such_module_anywhere",))
def case_import_builtin(name):
    return __import__(name).__name__


def case_lazy_import_in_class_body():
    class A:
        import math as m
        from math import pi as p

    return A.m.floor(1.5), A.p > 3


def case_star_import_through_exec():
    namespace = {}
    exec("from collections import *", namespace)
    return "OrderedDict" in namespace, "abc" in namespace


def case_module_with_failing_getattr():
    module = types.ModuleType("lazy")

    def missing(name):
        if name == "good":
            return "good!"
        raise AttributeError(f"no {name} here")

    module.__getattr__ = missing
    sys.modules["lazy"] = module
    try:
        from lazy import good

        out = [good]
        try:
            from lazy import bad
        except ImportError as error:
            out.append(str(error))
        return out
    finally:
        del sys.modules["lazy"]
