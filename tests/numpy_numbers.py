"""Loops over NumPy's numbers that are to be unboxed: what they call, and whether they do what the interpreter does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import justjit

from tests.array_programs import copy_of, np, outcome

if TYPE_CHECKING:
    from collections.abc import Callable

COMPLEX = ["complex64", "complex128"]
NAMES = ["float16", *COMPLEX]

# What code for a loop calls besides what entering and leaving a function calls.
ENTERING = {"look_at_entry", "entry_stopped", "enter_successor", "leave_frame", "drop_quiet"}
QUIET = {"numpy_abs", "numpy_abs_single", "make_numpy_complex", "make_numpy_float", "make_numpy_int", "make_complex"}
QUIET |= {"make_tuple", "rebox_int", "rebox_float"}


def optimized(function: Callable, make: Callable[[], tuple]) -> Any:
    """A copy of the function, optimized for these arguments until it is left no more."""
    copy = copy_of(function)
    justjit.jit(copy)
    quiet = 0
    for _ in range(60):
        before = left(copy)
        copy(*make())
        quiet = quiet + 1 if justjit.stats(copy).tier == "optimizing" and left(copy) == before else 0
        if quiet == 5:
            return copy
    raise AssertionError(justjit.explain(copy))


def left(function: Callable) -> int:
    reasons = justjit.stats(function).deopts
    return sum(count for reason, count in reasons.items() if "safepoint" not in reason)


def calls(function: Callable) -> set[str]:
    """What the code calls."""
    text = justjit.dump(function, "ir")
    return {name.removeprefix("justjit_") for name in re.findall(r" call @(\w+)", text)} - ENTERING


def compare(function: Callable, make: Callable[[], tuple], *others: Callable[[], tuple]) -> None:
    """Compares with the interpreter, on the arguments that the code was made for, and on others."""
    compare_compiled(optimized(function, make), function, make, *others)


def compare_compiled(compiled: Any, function: Callable, *makes: Callable[[], tuple]) -> None:
    for arguments in (*makes, makes[0]):
        assert outcome(compiled, arguments()) == outcome(copy_of(function), arguments())


def unboxed(function: Callable, make: Callable[[], tuple], *others: Callable[[], tuple]) -> None:
    """The same of a function that makes no objects and asks the runtime for nothing."""
    compiled = optimized(function, make)
    assert calls(compiled) <= QUIET, calls(compiled)
    compare_compiled(compiled, function, make, *others)
    with justjit.config(stress="deopt"):
        compiled = copy_of(function)
        justjit.jit(compiled)
        compare_compiled(compiled, function, *[make] * 12)


def numbers(name: str, count: int, seed: int = 1) -> Any:
    generator = np.random.default_rng(seed)
    parts = generator.uniform(-2, 2, (2, count))
    return (parts[0] + 1j * parts[1] if name in COMPLEX else parts[0]).astype(name)
