"""Values and exceptions as text that is equal exactly where a program could see no difference."""

import re
import traceback
import types
from collections import deque
from typing import Any

_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
_MAX_DEPTH = 12
_HIDDEN = {"__builtins__", "__warningregistry__"}
"""Keys that the interpreter adds to a namespace, whose values are long or count what happened before."""


def without_addresses(text: str) -> str:
    """``text`` with every memory address replaced: the only thing that two runs may differ in."""
    return _ADDRESS.sub("0x…", text)


def _is_hidden(key: object) -> bool:
    return type(key) is str and key in _HIDDEN


def describe(value: Any, depth: int = 0, holders: tuple[int, ...] = ()) -> str:
    """The value with the exact types of everything in it."""
    kind = type(value)
    if value is None or value is Ellipsis or value is NotImplemented or kind in (bool, bytes):
        return repr(value)
    if kind is str:
        return without_addresses(repr(value))
    if kind is int:
        return repr(value) if value.bit_length() < 2048 else hex(value)
    if kind is float:
        return repr(value)  # a NaN's sign stays out: C leaves it open, and CPython builds differ in it
    name = f"{kind.__module__}.{kind.__qualname__}"
    if id(value) in holders or depth > _MAX_DEPTH:
        return f"<{name} …>"
    inner = (*holders, id(value))

    def recurse(part: Any) -> str:
        return describe(part, depth + 1, inner)

    if kind in (list, tuple, set, frozenset, deque):
        return f"{kind.__name__}({', '.join(map(recurse, list(value)))})"
    if kind is dict:
        return "{" + ", ".join(f"{recurse(k)}: {recurse(v)}" for k, v in list(value.items()) if not _is_hidden(k)) + "}"
    if issubclass(kind, BaseException):
        return f"<{name} {', '.join(map(recurse, value.args))}>"
    if issubclass(kind, type | types.FunctionType | types.BuiltinFunctionType):
        return f"<{name} {value.__module__}.{value.__qualname__}>"
    if issubclass(kind, types.ModuleType):
        return f"<module {value.__name__}>"
    if issubclass(kind, types.FrameType | types.TracebackType | types.CodeType):
        return f"<{name}>"
    try:
        shown = without_addresses(repr(value))
    except Exception as error:
        shown = f"repr raised {type(error).__name__}"
    if issubclass(kind, int | float | str | bytes | list | tuple | dict | set):
        base = next(base for base in (int, float, str, bytes, list, tuple, dict, set) if issubclass(kind, base))
        try:
            shown += f" = {describe(base(value), depth + 1, inner)}"  # type: ignore[arg-type]
        except Exception as error:
            shown += f" = {type(error).__name__}"
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return f"<{name} {shown}>"
    return f"<{name} {shown} {recurse(attributes)}>"


def _frames(error: BaseException) -> list[str]:
    lines = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        lines.append(f"frame {code.co_qualname} line {step.tb_lineno} at {step.tb_lasti}")
        if code.co_name != "<module>":
            found = step.tb_frame.f_locals
            lines += [f"  {name} = {describe(value, 8)}" for name, value in list(found.items())]
        step = step.tb_next
    return lines


def _related(error: BaseException, label: str, seen: set[int]) -> list[str]:
    if id(error) in seen:
        return [f"{label}: (again) {type(error).__name__}"]
    seen.add(id(error))
    lines = [f"{label}: {describe(error)} {without_addresses(_text(error))!r}"]
    lines += [f"  notes {describe(getattr(error, '__notes__', None))}, suppressed {error.__suppress_context__}"]
    lines += [f"  {line}" for line in _frames(error)]
    if error.__cause__ is not None:
        lines += _related(error.__cause__, "cause", seen)
    if error.__context__ is not None:
        lines += _related(error.__context__, "context", seen)
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            lines += _related(member, "member", seen)
    return lines


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:
        return f"str raised {type(broken).__name__}"


def describe_exception(error: BaseException) -> list[str]:
    """Type, message, notes, causes, contexts, members, frames with their locals, and the text that is printed."""
    lines = _related(error, "raised", set())
    lines += without_addresses("".join(traceback.format_exception(error))).splitlines()
    return lines
