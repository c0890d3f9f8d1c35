"""A just-in-time compiler for CPython that keeps every program's exact meaning.

>>> from justjit import jit
>>> @jit
... def total(n):
...     result = 0
...     for i in range(n):
...         result += i
...     return result

``jit`` gives back the same function object, compiled after a few calls. ``enable()`` compiles everything a program
defines; ``python -m justjit script.py`` runs a whole program so. ``stats()``, ``explain(f)`` and ``dump(f, what)`` tell
what became of it, and ``profile()`` where its time goes.
"""

from typing import TYPE_CHECKING, Any

from justjit._platform import check_platform as _check_platform

_check_platform()

from justjit._api import disable, dump, enable, explain, is_enabled, jit, stats  # noqa: E402
from justjit._config import Config, config  # noqa: E402
from justjit._core import version as __version__  # noqa: E402
from justjit._environment import apply_environment as _apply_environment  # noqa: E402

if TYPE_CHECKING:
    from justjit._explain import Explanation
    from justjit._profile import FunctionProfile, LoopProfile, Profile, profile
    from justjit._stats import FunctionStats, Stats

__all__ = [
    "Config",
    "Explanation",
    "FunctionProfile",
    "FunctionStats",
    "LoopProfile",
    "Profile",
    "Stats",
    "__version__",
    "config",
    "disable",
    "dump",
    "enable",
    "explain",
    "is_enabled",
    "jit",
    "profile",
    "stats",
]

_LAZY = {
    "Explanation": "_explain",
    "FunctionProfile": "_profile",
    "FunctionStats": "_stats",
    "LoopProfile": "_profile",
    "Profile": "_profile",
    "Stats": "_stats",
    "profile": "_profile",
}
"""What is in modules that cost more to import than all the rest, and in which."""


def __getattr__(name: str) -> Any:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"justjit.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


_apply_environment()
