"""The process-wide settings: what they are, which values are allowed, and how they are set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, cast

from justjit import _core

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType

Tier = Literal["interpreter", "baseline", "optimizing", "auto"]
Backend = Literal["auto", "llvm", "cranelift"]
Stress = Literal["off", "optimize", "deopt"]

TIERS: Final[tuple[str, ...]] = ("interpreter", "baseline", "optimizing", "auto")
BACKENDS: Final[tuple[str, ...]] = ("auto", "llvm", "cranelift")
STRESSES: Final[tuple[str, ...]] = ("off", "optimize", "deopt")
MAX_OPT_LEVEL: Final = 3
MAX_CALLS: Final = 2**31 - 1
MAX_BYTES: Final = 2**63 - 1


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """``value`` if it is one of ``allowed``; else an error that lists them."""
    listed = ", ".join(map(repr, allowed))
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {listed}, not {value!r} ({type(value).__name__})")
    if value not in allowed:
        raise ValueError(f"{name} must be one of {listed}, not {value!r}")
    return value


def check_integer(name: str, value: object, maximum: int) -> int:
    """``value`` if it is an integer from 0 to ``maximum``."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer from 0 to {maximum}, not {value!r} ({type(value).__name__})")
    if not 0 <= value <= maximum:
        raise ValueError(f"{name} must be an integer from 0 to {maximum}, not {value!r}")
    return int(value)


def check_bool(name: str, value: object) -> bool:
    """``value`` if it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r} ({type(value).__name__})")
    return value


def check_names(name: str, value: object) -> tuple[str, ...]:
    """``value`` as a tuple, if it is a list, tuple or set of names of passes."""
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise TypeError(f"{name} must be a list, tuple or set of names, not {value!r} ({type(value).__name__})")
    for one in value:
        if not isinstance(one, str):
            raise TypeError(f"{name} must have names only, not {one!r} ({type(one).__name__})")
        if one not in (known := [found for found, _ in _core.passes()]):
            raise ValueError(f"{name} must have names of passes only ({', '.join(known)}), not {one!r}")
    return tuple(sorted(value) if isinstance(value, (set, frozenset)) else value)


def check_setting(name: str, value: object) -> object:
    """The value of one setting, checked."""
    match name:
        case "tier":
            return check_choice(name, value, TIERS)
        case "backend":
            return check_choice(name, value, BACKENDS)
        case "stress":
            return check_choice(name, value, STRESSES)
        case "opt_level":
            return check_integer(name, value, MAX_OPT_LEVEL)
        case "passes_off":
            return check_names(name, value)
        case "baseline_calls" | "optimize_calls" | "optimize_loops" | "handover_every" | "deopt_every":
            return check_integer(name, value, MAX_CALLS)
        case "code_memory_limit":
            return check_integer(name, value, MAX_BYTES)
        case _:
            return check_bool(name, value)


class Config:
    """The settings as they were when this was made; as a context manager, puts back on exit what it replaced."""

    __slots__ = (
        "_replaced",
        "backend",
        "background",
        "baseline_calls",
        "code_memory_limit",
        "count_hits",
        "deopt_every",
        "handover_every",
        "opt_level",
        "optimize_calls",
        "optimize_loops",
        "passes_off",
        "perf_map",
        "sampling_only",
        "stress",
        "tier",
        "unwind_info",
        "verify",
    )

    tier: Tier
    """Who may run a function: "interpreter", "baseline", "auto" (the best there is), or "optimizing" (the same, as soon
    as possible: at the second call, or after a few rounds of a loop)."""
    baseline_calls: int
    """Calls after which a function is compiled; 0: before the first one."""
    optimize_calls: int
    """Calls after which a small function is optimized; large ones take more, since compiling them takes longer."""
    optimize_loops: int
    """Rounds of a function's loops after which it is optimized, likewise."""
    opt_level: int
    """What the optimizing tier tries for: from 0, quickly compiled, to 3, quick to run."""
    background: bool
    """Compile for the optimizing tier in a thread of its own, while the program goes on."""
    backend: Backend
    """Who makes optimized machine code: "llvm", "cranelift", or "auto" (the best there is)."""
    passes_off: tuple[str, ...]
    """Names of passes that the optimizing tier leaves out."""
    code_memory_limit: int
    """Bytes of machine code above which nothing more is compiled."""
    unwind_info: bool
    """Register unwind information, so that debuggers walk through compiled frames."""
    perf_map: bool
    """Write entries for Linux perf."""
    count_hits: bool
    """Count inline-cache hits (misses are always counted)."""
    verify: bool
    """Check everything that is compiled: the IR and whose references are after each pass, and what backends get."""
    handover_every: int
    """For tests: hand over to the interpreter at each n-th instruction; 0: never."""
    stress: Stress
    """For tests: "optimize" has everything optimized, in place, as soon as it has been run once;
    "deopt" has such code left besides, at each place where it can be, the first time."""
    sampling_only: bool
    """For tests: all compiled code takes samples for the optimizing tier."""
    deopt_every: int
    """For tests: leave compiled code as optimized code is left, at each n-th instruction; 0: never."""

    def __init__(self, values: dict[str, Any], replaced: dict[str, object]) -> None:
        for name in _SETTINGS:
            setattr(self, name, values[name])
        self._replaced = replaced

    def as_dict(self) -> dict[str, Any]:
        """The settings by name."""
        return {name: getattr(self, name) for name in _SETTINGS}

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{name}={value!r}' for name, value in self.as_dict().items())})"

    def __eq__(self, other: object) -> bool:
        return self.as_dict() == other.as_dict() if isinstance(other, Config) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __enter__(self) -> Config:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _core.set_config(**self._replaced)


_SETTINGS: Final = (
    "tier",
    "baseline_calls",
    "optimize_calls",
    "optimize_loops",
    "opt_level",
    "background",
    "backend",
    "passes_off",
    "code_memory_limit",
    "unwind_info",
    "perf_map",
    "count_hits",
    "verify",
    "handover_every",
    "sampling_only",
    "deopt_every",
    "stress",
)


class _Unset:
    """The default of every parameter of ``config``: leave that setting as it is."""

    def __repr__(self) -> str:
        return "<unchanged>"


_UNSET: Final = cast(Any, _Unset())


def config(
    *,
    tier: Tier = _UNSET,
    baseline_calls: int = _UNSET,
    optimize_calls: int = _UNSET,
    optimize_loops: int = _UNSET,
    opt_level: int = _UNSET,
    background: bool = _UNSET,
    backend: Backend = _UNSET,
    passes_off: Collection[str] = _UNSET,
    code_memory_limit: int = _UNSET,
    unwind_info: bool = _UNSET,
    perf_map: bool = _UNSET,
    count_hits: bool = _UNSET,
    verify: bool = _UNSET,
    handover_every: int = _UNSET,
    sampling_only: bool = _UNSET,
    stress: Stress = _UNSET,
    deopt_every: int = _UNSET,
) -> Config:
    """Set what is given, process-wide, and return all that is set; with nothing given, only return it.

    In a ``with`` statement the former values come back at the end of the block:

    >>> with config(tier="interpreter"):
    ...     main()

    A wrong value raises a TypeError or a ValueError that names the parameter and what it allows, and nothing is set.
    """
    given = {
        "tier": tier,
        "baseline_calls": baseline_calls,
        "optimize_calls": optimize_calls,
        "optimize_loops": optimize_loops,
        "opt_level": opt_level,
        "background": background,
        "backend": backend,
        "passes_off": passes_off,
        "code_memory_limit": code_memory_limit,
        "unwind_info": unwind_info,
        "perf_map": perf_map,
        "count_hits": count_hits,
        "verify": verify,
        "handover_every": handover_every,
        "sampling_only": sampling_only,
        "stress": stress,
        "deopt_every": deopt_every,
    }
    values = {name: check_setting(name, value) for name, value in given.items() if value is not _UNSET}
    before = _core.get_config()
    if values:
        _core.set_config(**values)
        from justjit._log import log

        log("config " + ", ".join(f"{name}={value!r}" for name, value in values.items()))
    return Config(_core.get_config(), {name: before[name] for name in values})
