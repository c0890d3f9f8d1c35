"""Every function of the standard library, by its code objects, without importing its modules.

Importing all modules is impossible (some are for other systems, some print or start threads), so each file is
compiled, and a function is made of every function's code object in it.
"""

from __future__ import annotations

import inspect
import sysconfig
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Folders that are not modules of the standard library.
_SKIPPED = {"site-packages", "__pycache__", "lib2to3"}


@dataclass(frozen=True)
class StdlibFunction:
    """A function that has the code of one of the standard library's, and can be compiled but not called."""

    module: str
    function: types.FunctionType

    @property
    def name(self) -> str:
        return f"{self.module}:{self.function.__code__.co_qualname}"


def files(tests: bool = False) -> list[Path]:
    """The standard library's source files; with its own tests, or without."""
    root = Path(sysconfig.get_path("stdlib"))
    skipped = _SKIPPED if tests else {*_SKIPPED, "test", "tests", "idle_test"}
    return sorted(path for path in root.rglob("*.py") if not skipped.intersection(path.relative_to(root).parts))


def functions(path: Path) -> Iterator[StdlibFunction]:
    """The functions in one file, nested ones and comprehensions' generators too; none where it does not compile."""
    root = Path(sysconfig.get_path("stdlib"))
    module = ".".join(path.relative_to(root).with_suffix("").parts)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        # Files of the test suite that are wrong on purpose.
        return
    namespace = {"__name__": module, "__builtins__": __builtins__}
    pending = [code]
    while pending:
        current = pending.pop()
        pending.extend(constant for constant in current.co_consts if isinstance(constant, types.CodeType))
        # Modules and class bodies have neither locals of the fast kind nor a function of their own.
        if current.co_flags & inspect.CO_OPTIMIZED and current.co_flags & inspect.CO_NEWLOCALS:
            cells = tuple(types.CellType() for _ in current.co_freevars)
            yield StdlibFunction(module, types.FunctionType(current, namespace, closure=cells or None))
