"""Compiling one function at once, without calling it."""

from __future__ import annotations

import types
from dataclasses import dataclass

import justjit
from justjit import _core


@dataclass(frozen=True)
class Compiled:
    """What compiling a function took, or the reason for which it was declined."""

    declined: str | None
    compile_ns: int
    instructions: int
    code_bytes: int


def compile_function(function: types.FunctionType) -> Compiled:
    """Hooks and compiles `function`, and tells what came of it."""
    justjit.jit(function)
    compiled = _core.compile_now(function)
    stats = justjit.stats(function)
    declined = None if compiled else stats.declined or "no reason given"
    return Compiled(declined, stats.compile_ns, stats.bytecode_instructions, stats.code_bytes)
