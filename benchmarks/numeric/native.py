"""The kernels in C: compiled at run time into a shared library, called through ctypes."""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).with_name("c")
FLAGS = ("-O3", "-march=native")

# The types of `ctypes.Array` have a parameter that only a type checker knows.
Buffer = Any


class CompilerMissingError(Exception):
    """There is no C compiler here."""


@dataclass(frozen=True)
class Call:
    """A C function with its arguments, converted."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    answer: Callable[[Any], Any]
    """From what the C function returns, what the kernel's `answer` gives."""


class Library:
    """A compiled file of c/."""

    def __init__(self, file: str) -> None:
        compiler = os.environ.get("CC") or shutil.which("gcc")
        if compiler is None:
            raise CompilerMissingError("no C compiler: gcc is not there, and CC does not name one")
        # Loaded, it stays mapped when the folder goes; on Windows, the file cannot go.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            path = Path(folder, f"{file}.so")
            source = SOURCES / f"{file}.c"
            subprocess.run(
                [compiler, *FLAGS, "-std=gnu11", "-shared", "-fPIC", "-o", path, source, "-lm"],
                check=True,
            )
            self._library = ctypes.CDLL(str(path))

    def call(
        self, name: str, returns: Any, *arguments: Any, answer: Callable[[Any], Any] = lambda value: value
    ) -> Call:
        """A call of a function: Python's integers are passed as int64_t, its floats as double, buffers by address."""
        function = self._library[name]
        function.restype = returns
        return Call(function, tuple(map(_converted, arguments)), answer)


def _converted(value: Any) -> Any:
    if isinstance(value, int):
        return ctypes.c_int64(value)
    return ctypes.c_double(value) if isinstance(value, float) else value


def doubles(values: Sequence[float]) -> Buffer:
    """`double[]`, a copy."""
    return (ctypes.c_double * len(values))(*values)


def int64s(values: Sequence[int]) -> Buffer:
    """`int64_t[]`, a copy."""
    return (ctypes.c_int64 * len(values))(*values)


def matrix(rows: Iterable[Sequence[float]]) -> Buffer:
    """`double[]`, row after row, a copy."""
    return doubles(list(itertools.chain.from_iterable(rows)))


def view(array: Any, kind: Any = ctypes.c_double) -> Buffer:
    """The memory of a writable buffer (a NumPy array, an array.array), as it is."""
    return (kind * (memoryview(array).nbytes // ctypes.sizeof(kind))).from_buffer(array)
