"""What people call: ``jit``, ``enable``, ``disable``, ``stats``, ``explain``, ``dump``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from justjit import _core
from justjit._config import Backend, Tier, check_choice, check_setting
from justjit._environment import is_disabled
from justjit._functions import functions_of, one_function
from justjit._log import is_logging, log

if TYPE_CHECKING:
    from justjit._explain import Explanation
    from justjit._stats import FunctionStats, Stats

T = TypeVar("T")

_MISSING: Any = object()

DUMPS = (
    "bytecode",
    "cfg",
    "clif",
    "asm",
    "asm:baseline",
    "asm:optimizing",
    "clif:optimizing",
    "llvm",
    "llvm:emitted",
    "ir",
    "ir:build",
)


@overload
def jit(
    target: T,
    /,
    *,
    tier: Tier | None = None,
    baseline_calls: int | None = None,
    optimize_calls: int | None = None,
    optimize_loops: int | None = None,
    opt_level: int | None = None,
    fastmath: bool | None = None,
    background: bool | None = None,
    backend: Backend | None = None,
) -> T: ...


@overload
def jit(
    *,
    tier: Tier | None = None,
    baseline_calls: int | None = None,
    optimize_calls: int | None = None,
    optimize_loops: int | None = None,
    opt_level: int | None = None,
    fastmath: bool | None = None,
    background: bool | None = None,
    backend: Backend | None = None,
) -> Callable[[T], T]: ...


def jit(
    target: Any = _MISSING,
    /,
    *,
    tier: Tier | None = None,
    baseline_calls: int | None = None,
    optimize_calls: int | None = None,
    optimize_loops: int | None = None,
    opt_level: int | None = None,
    fastmath: bool | None = None,
    background: bool | None = None,
    backend: Backend | None = None,
    **unknown: Any,
) -> Any:
    """Have a function compiled once it has been called a few times, and return that same function.

    Works on functions, lambdas, closures, bound methods, staticmethod, classmethod and property objects, and on a class
    (all functions that its own body defines). The options are those of ``config``, for this function alone; where one
    is not given, the process-wide setting holds. ``baseline_calls`` says after how many calls the function is compiled
    (0: before the first one), ``optimize_calls`` and ``optimize_loops`` after how many calls and loop rounds it is
    optimized, ``tier`` who may run it, and ``opt_level``, ``background`` and ``backend`` how the optimizing tier
    compiles it. ``fastmath`` is an option of functions only: LLVM may then reorder and fuse float operations, multiply
    by a reciprocal in place of dividing, and lose the sign of a zero, so that results differ in their last bits from
    Python's (NaN and infinity are kept); it holds for what is inlined too. A function that is not compiled goes on in
    the interpreter: ``explain`` says why.
    """
    given = {
        "tier": tier,
        "baseline_calls": baseline_calls,
        "optimize_calls": optimize_calls,
        "optimize_loops": optimize_loops,
        "opt_level": opt_level,
        "fastmath": fastmath,
        "background": background,
        "backend": backend,
    }
    if unknown:
        name = next(iter(unknown))
        raise TypeError(f"jit() has no option {name!r}; it has {', '.join(given)}")
    options = {name: check_setting(name, value) for name, value in given.items() if value is not None}
    if target is _MISSING:
        return lambda target: _hook(target, options)
    return _hook(target, options)


def _hook(target: T, options: dict[str, Any]) -> T:
    for function in functions_of(target):
        hooked = not is_disabled() and _core.hook(function, **options)
        if is_logging():
            log(f"{'hooked' if hooked else 'not hooked'} {function.__module__}.{function.__qualname__}")
    return target


def enable() -> None:
    """Compile every Python function: those that exist, and those made from now on."""
    if is_disabled():
        log("not enabled: JUSTJIT_DISABLE=1")
        return
    _core.enable()
    log("enabled")


def disable() -> None:
    """Compile nothing more; every function runs in the interpreter again."""
    _core.disable()
    log("disabled")


def is_enabled() -> bool:
    """Whether every new function is hooked as it is made."""
    return _core.is_enabled()


@overload
def stats() -> Stats: ...


@overload
def stats(function: Callable[..., Any] | property, /) -> FunctionStats: ...


def stats(function: Any = _MISSING, /) -> Stats | FunctionStats:
    """The process-wide counters, or those of one function."""
    from justjit import _stats

    if function is _MISSING:
        return _stats.total_stats()
    return _stats.function_stats(one_function(function, "stats"))


def explain(function: Callable[..., Any] | property, /) -> Explanation:
    """In words, line by line: what of ``function`` is compiled, what is not, and why."""
    from justjit import _explain

    return _explain.explain(one_function(function, "explain"))


def dump(function: Callable[..., Any] | property, what: str = "asm", /) -> str:
    """What ``function`` is compiled to, each source line above or beside what it became.

    "bytecode": the decoded instructions; "cfg": basic blocks and edges; "asm": machine code, of the tier that runs the
    function.

    Of the baseline tier: "clif", Cranelift's input, and "asm:baseline".

    Of the optimizing tier, which has to have taken samples: "ir", its intermediate code after all passes; "ir:build",
    before them; "ir:NAME", after the last run of the pass of that name; "llvm:emitted" and "llvm", what LLVM is given
    and what it makes of it; "clif:optimizing", what Cranelift is given; "asm:optimizing".

    The function is compiled once more for the text, for what has been seen of it so far.
    """
    from justjit import _explain

    found = one_function(function, "dump")
    passes = [f"ir:{name}" for name, _ in _core.passes()]
    check_choice("what", what, (*DUMPS, *passes))
    return _explain.dump(found, what)
