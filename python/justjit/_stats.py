"""The counters as typed records that print readably."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any

from justjit import _core


def _time(nanoseconds: int) -> str:
    for unit, size in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.2f} {unit}"
    return f"{nanoseconds} ns"


def _size(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    width = max(len(label) for label, _ in rows)
    return "\n".join([title, *(f"  {label:<{width}}  {value}" for label, value in rows)])


def _reasons(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(f"  {reason}", f"{count:,}") for reason, count in ordered]


class _Record:
    def as_dict(self) -> dict[str, Any]:
        """The counters by name."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclasses.dataclass(frozen=True, repr=False)
class Stats(_Record):
    """The process-wide totals."""

    functions_hooked: int
    """Functions that are compiled, or will be once they have been called often enough."""
    functions_compiled: int
    functions_declined: int
    versions: int
    """Compiled forms made, recompiled ones counted again."""
    calls: int
    """Calls of compiled code."""
    resumes: int
    """Times that compiled code went on with a suspended generator or coroutine."""
    back_edges: int
    """Loop rounds in compiled code."""
    compile_ns: int
    """Nanoseconds spent in compiling."""
    code_bytes: int
    """Bytes of machine code now held."""
    code_memory_limit: int
    declined: dict[str, int]
    """Functions that are not compiled, by reason."""
    handovers: dict[str, int]
    """Times that compiled code gave a frame to the interpreter, by reason."""
    deopts: dict[str, int]
    """Times that code was left because a bet had failed, by reason."""
    cache_misses: int
    cache_hits: int
    """Inline-cache hits; counted only with ``config(count_hits=True)``."""
    limit_reached: bool
    """Whether something was not compiled because ``code_memory_limit`` was reached."""

    def __repr__(self) -> str:
        rows = [
            ("functions hooked", f"{self.functions_hooked:,}"),
            ("functions compiled", f"{self.functions_compiled:,} ({self.versions:,} versions)"),
            ("compile time", _time(self.compile_ns)),
            (
                "machine code",
                f"{_size(self.code_bytes)} of {_size(self.code_memory_limit)}"
                + (" (limit reached: nothing more is compiled)" if self.limit_reached else ""),
            ),
            ("calls", f"{self.calls:,}"),
            ("resumes", f"{self.resumes:,}"),
            ("back edges", f"{self.back_edges:,}"),
            ("inline caches", f"{self.cache_hits:,} hits, {self.cache_misses:,} misses"),
            ("functions declined", f"{self.functions_declined:,}"),
            *_reasons(self.declined),
            ("hand-overs", f"{sum(self.handovers.values()):,}"),
            *_reasons(self.handovers),
            ("deopts", f"{sum(self.deopts.values()):,}"),
            *_reasons(self.deopts),
        ]
        return _table("justjit", rows)


@dataclasses.dataclass(frozen=True, repr=False)
class FunctionStats(_Record):
    """The counters of one function."""

    name: str
    tier: str
    """Who runs it now: "interpreter", "baseline" or "optimizing"."""
    calls: int
    resumes: int
    """Times that its compiled code went on with a suspended frame: of a generator, coroutine or async generator."""
    back_edges: int
    compile_ns: int
    code_bytes: int
    versions: int
    bytecode_instructions: int
    handovers: dict[str, int]
    """Times that its compiled code gave a frame to the interpreter, by reason."""
    deopts: dict[str, int]
    """Times that its code was left because a bet had failed, by reason."""
    cache_hits: int
    cache_misses: int
    declined: str | None
    """Why it is not compiled; None if nothing speaks against it."""

    def __repr__(self) -> str:
        rows = [
            ("tier", self.tier),
            ("calls", f"{self.calls:,}"),
            ("back edges", f"{self.back_edges:,}"),
            ("versions", f"{self.versions:,}"),
            ("compile time", _time(self.compile_ns)),
            ("machine code", f"{_size(self.code_bytes)} for {self.bytecode_instructions:,} bytecode instructions"),
            ("inline caches", f"{self.cache_hits:,} hits, {self.cache_misses:,} misses"),
            ("hand-overs", f"{sum(self.handovers.values()):,}"),
            *_reasons(self.handovers),
        ]
        if self.deopts:
            rows += [("deopts", f"{sum(self.deopts.values()):,}"), *_reasons(self.deopts)]
        if self.resumes:
            rows.insert(2, ("resumes", f"{self.resumes:,}"))
        if self.declined is not None:
            rows.insert(1, ("declined", self.declined))
        return _table(self.name, rows)


def total_stats() -> Stats:
    """The process-wide totals now."""
    return Stats(**_core.stats())


def function_stats(function: types.FunctionType) -> FunctionStats:
    """The counters of one function now; all zero if it was never hooked."""
    values = _core.function_stats(function)
    if values is None:
        values = {field.name: 0 for field in dataclasses.fields(FunctionStats)}
        values |= {"name": function.__qualname__, "tier": "interpreter", "handovers": {}, "deopts": {}}
        values["declined"] = None
    return FunctionStats(**values)
