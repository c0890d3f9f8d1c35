"""From what a decorator may be put on to the Python functions in it."""

from __future__ import annotations

import types
from collections.abc import Iterator

_HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: the class was made at run time, not in C."""


def functions_in(member: object) -> Iterator[types.FunctionType]:
    """The functions in a function, method, staticmethod, classmethod or property; none in anything else."""
    if isinstance(member, types.FunctionType):
        yield member
    elif isinstance(member, types.MethodType | staticmethod | classmethod):
        yield from functions_in(member.__func__)
    elif isinstance(member, property):
        for accessor in (member.fget, member.fset, member.fdel):
            yield from functions_in(accessor)


def functions_of(target: object) -> list[types.FunctionType]:
    """All functions that ``jit(target)`` is about; TypeError where there cannot be any."""
    if isinstance(target, type):
        if not target.__flags__ & _HEAP_TYPE:
            raise TypeError(f"jit() needs a class written in Python; {target!r} is built in")
        return [function for member in vars(target).values() for function in functions_in(member)]
    found = list(functions_in(target))
    if not found and not isinstance(target, property):
        raise TypeError(
            "jit() needs a Python function, a method, staticmethod, classmethod or property of Python functions, or a "
            f"class; not {_named(target)}"
        )
    return found


def one_function(target: object, caller: str) -> types.FunctionType:
    """The one function that ``target`` stands for; TypeError if there is none, or more than one."""
    found = list(functions_in(target))
    if len(found) == 1:
        return found[0]
    if found:
        raise TypeError(f"{caller}() needs one function; this property has {len(found)}: pass its fget, fset or fdel")
    if isinstance(target, type):
        raise TypeError(f"{caller}() needs one function; pass a method of class {target.__qualname__}")
    raise TypeError(f"{caller}() needs a Python function or method, not {_named(target)}")


def _named(target: object) -> str:
    kind = type(target).__name__
    if callable(target) and isinstance(name := getattr(target, "__name__", None), str):
        return f"{name!r} (a {kind})"
    if callable(target):
        return f"a {kind} object (pass the function that it calls)"
    return f"{target!r} (a {kind})"
