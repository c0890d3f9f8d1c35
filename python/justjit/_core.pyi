"""The compiled half of justjit: hooks, code generation, counters.

Nothing here validates what a person may have typed; the functions of the package itself do, and then call these.
"""

import types
from collections.abc import Sequence
from typing import Any

__all__ = [
    "compile_as_optimized",
    "compile_now",
    "disable",
    "dump",
    "enable",
    "explain",
    "forget_profile",
    "function_stats",
    "get_config",
    "hook",
    "invalidate_version",
    "is_enabled",
    "is_hooked",
    "loops",
    "passes",
    "pause_profile",
    "pending_compilations",
    "resume_profile",
    "run_module_code",
    "run_recovered",
    "samples",
    "set_config",
    "set_deopt_points",
    "set_handover_points",
    "start_profile",
    "stats",
    "stop_profile",
    "unhook",
    "use_stand_in",
    "version",
]

version: str
"""The package's version, as built."""

def hook(function: types.FunctionType, baseline_calls: int | None = None, **options: object) -> bool:
    """Have ``function`` compiled after ``baseline_calls`` calls (``None``: the process-wide setting).

    The options are further settings, for this function alone.

    False if it is declined; the reason is in the function's statistics.
    """

def unhook(function: types.FunctionType) -> None:
    """Give ``function`` its original entry back."""

def is_hooked(function: types.FunctionType) -> bool:
    """Whether ``function`` is hooked, compiled or not."""

def enable() -> None:
    """Hook every Python function that exists, and every one made from now on."""

def disable() -> None:
    """Stop hooking new functions, and give the hooked ones their original entry back."""

def is_enabled() -> bool:
    """Whether new functions are hooked as they are made."""

def compile_now(function: types.FunctionType) -> bool:
    """Compile ``function`` at once; False if it is declined."""

def get_config() -> dict[str, object]:
    """Every process-wide setting, by name."""

def set_config(**values: object) -> None:
    """Change the process-wide settings that are named, all of them or none."""

def stats() -> dict[str, Any]:
    """The process-wide totals."""

def function_stats(function: types.FunctionType) -> dict[str, Any] | None:
    """The counters of one function; ``None`` if it has never been hooked."""

def explain(function: types.FunctionType) -> list[tuple[int, int | None, str, str, str]]:
    """For each bytecode instruction: offset, line, name, status, detail.

    The status is "compiled", "runtime call", "hand-over" or "declined".
    """

def dump(function: types.FunctionType, what: str) -> str:
    """What ``function`` became, as text. ``@L12`` at the start of a line: what follows belongs to source line 12.

    In the optimizing tier's code a comment ``; line 12`` or ``; line 12 of callee in file`` says so.
    """

def passes() -> list[tuple[str, str]]:
    """The optimizing tier's passes, in order: name, and what each does."""

def loops(code: types.CodeType) -> list[dict[str, Any]]:
    """The loops of a code object, the outer ones before those in them.

    Each has ``first_line`` and ``last_line``, ``parent`` (an index into the list, or None), ``entry`` (the number by
    which a running loop is entered, or None), and ``ranges`` of byte offsets.
    """

def start_profile(interval: float, codes: list[types.CodeType]) -> None:
    """Begin to sample where time goes, each so many seconds; ``codes`` are all code objects that there are."""

def stop_profile() -> dict[str, Any] | None:
    """End the profile: what was found. None if none is being made, as in a child that was forked meanwhile.

    ``places`` are code object, byte offset or None, tier, bits of the entries of loops that are optimized, samples and
    seconds; ``unknown`` and ``idle`` are samples and seconds; ``seconds`` is how long it took.
    """

def pause_profile() -> None:
    """Before a fork: the profiler's thread ends."""

def resume_profile() -> None:
    """After a fork, in the parent: it begins again."""

def forget_profile() -> None:
    """After a fork, in the child: no profile is being made."""

def samples(function: types.FunctionType) -> list[tuple[int, str, dict[str, Any]]]:
    """For tests: what ``function``'s sampling code has noted of each bytecode instruction: offset, name, notes."""

def set_handover_points(function: types.FunctionType, offsets: Sequence[int]) -> None:
    """For tests: compile ``function`` anew so that it hands over to the interpreter at these instruction offsets."""

def set_deopt_points(function: types.FunctionType, offsets: Sequence[int]) -> None:
    """For tests: compile ``function`` anew so that it is left at these offsets, as optimized code is."""

def compile_as_optimized(function: types.FunctionType) -> bool:
    """For tests: compile ``function`` at once, and have the code pass for an optimized version."""

def invalidate_version(function: types.FunctionType) -> bool:
    """For tests: have an optimized version that ``function`` enters not be entered any more; False if it is none."""

def run_recovered(
    frames: Sequence[tuple[Any, ...]],
    values: Sequence[object],
    virtuals: Sequence[tuple[Any, ...]],
    release: Sequence[int],
    raised: BaseException | None = None,
) -> object:
    """For tests: run frames as if optimized code had been left with them, the outermost first.

    A frame is a function, an instruction offset, how it goes on, its locals, and its operand stack. Names are those of
    the runtime's ``Recovery``, ``VirtualObject`` and ``Going``.
    """

def use_stand_in(
    use_it: bool,
    *,
    milliseconds: int = 0,
    left_at: Sequence[str] = ...,
    declines: str | None = None,
    fails: str | None = None,
    panics: bool = False,
) -> None:
    """For tests: put a stand-in in the optimizing tier's place, or that back.

    It gives baseline code, after so many milliseconds, which is left at instructions with these names unless that is
    known to happen often; or it declines at once, fails later, or panics.
    """

def pending_compilations() -> int:
    """For tests: how many compilations for the optimizing tier are under way. What is done is taken over first."""

def run_module_code(code: types.CodeType, globals: dict[str, Any]) -> None:
    """Run a module's code object compiled, with ``globals`` for its locals too."""
