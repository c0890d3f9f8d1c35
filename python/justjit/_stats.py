"""The counters as typed records that print readably."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Final

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


def _phases(phases: Mapping[str, int]) -> str:
    return ", ".join(f"{phase} {_time(nanoseconds)}" for phase, nanoseconds in phases.items())


@dataclasses.dataclass(frozen=True)
class Form(_Record):
    """One compiled form of a function."""

    tier: str
    """"profiling", "baseline", "sampling" (for the optimizing tier) or "optimizing"."""
    entry: str
    """Where it is entered: "call", or a loop and its line."""
    why: str
    """Why it was made, if it is optimized."""
    dropped: str | None
    """Why it is not run any more; None if it is."""
    typed_calls: list[str]
    """The functions that it calls with numbers in registers."""
    calls: int
    back_edges: int
    loop_entries: int
    """Times that a running loop went on in it (on-stack replacement)."""
    deopts: int
    """Times that it was left because a bet failed."""
    code_bytes: int
    compile_ns: int
    phases: dict[str, int]
    """Nanoseconds in each phase of compiling it."""

    def __str__(self) -> str:
        parts = [f"{self.tier}, entered at {self.entry if self.entry != 'call' else 'the call'}"]
        if self.why:
            parts.append(f"after {self.why}" if self.why[0].isdigit() else self.why)
        counts = [f"{self.calls:,} calls"] if self.calls or not self.loop_entries else []
        counts += [f"{self.loop_entries:,} loop entries"] if self.loop_entries else []
        counts += [f"{self.deopts:,} deopts"] if self.deopts else []
        parts.append(", ".join(counts))
        parts.append(f"{_size(self.code_bytes)} in {_time(self.compile_ns)}")
        if self.phases:
            parts[-1] += f" ({_phases(self.phases)})"
        if self.typed_calls:
            parts.append(f"calls {', '.join(self.typed_calls)} with numbers in registers")
        if self.dropped is not None:
            parts.append(f"dropped: {self.dropped}")
        return "; ".join(parts)


@dataclasses.dataclass(frozen=True)
class DeoptSite(_Record):
    """A place where optimized code was left."""

    line: int | None
    opname: str
    reason: str
    count: int
    expected: str | None
    """The type that was bet on, where it was one."""
    met: dict[str, int]
    """The types that were met instead, and how often."""
    inlined: str | None
    """The name of the inlined callee that the line is in; None: it is the function's own."""

    def __str__(self) -> str:
        text = f"line {self.line}" if self.line is not None else "no line"
        if self.inlined is not None:
            text += f" of {self.inlined}"
        text += f", {self.opname}: {self.reason}"
        if self.expected is not None:
            text += f": expected {self.expected}"
        if self.met:
            text += f", met {', '.join(f'{name} ({count:,})' for name, count in self.met.items())}"
        return text


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
    optimize_requests: int
    """Optimized versions that were asked for, for functions or single loops."""
    optimize_pending: int
    """Of these, how many are being compiled."""
    optimized_versions: int
    """Of these, how many were made."""
    dropped_versions: int
    """Of these, how many were dropped again because their bets failed."""
    optimize_phases: dict[str, int]
    """Nanoseconds in each phase of compiling them."""
    optimize_declined: dict[str, int]
    """Requests that came to nothing, by reason."""
    limit_reached: bool
    """Whether something was not compiled because ``code_memory_limit``, since it was set, was reached."""

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
        if self.optimize_requests:
            asked = f"{self.optimized_versions:,} of {self.optimize_requests:,} asked for"
            asked += f", {self.optimize_pending:,} under way" if self.optimize_pending else ""
            asked += f", {self.dropped_versions:,} dropped" if self.dropped_versions else ""
            rows += [("optimized versions", asked)]
            rows += [(f"  {phase}", _time(nanoseconds)) for phase, nanoseconds in self.optimize_phases.items()]
            rows += [("not optimized", f"{sum(self.optimize_declined.values()):,}"), *_reasons(self.optimize_declined)]
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
    left_to_interpreter: bool
    """It is compiled, but so small that calls from interpreted code, which are all there are, cost less without."""
    forms: list[Form]
    """Its compiled forms, the oldest first."""
    deopt_sites: list[DeoptSite]
    """Where its optimized code was left."""
    optimize_stage: str
    """What is done for the optimizing tier: "counting", "sampling", "compiling", "resting", or "" (nothing yet)."""
    optimize_resting: str | None
    """Why no more optimized code is made; None if it may be."""
    optimize_declined: list[tuple[str, str]]
    """Entries for which there is no optimized code, and why."""
    widened: list[tuple[int, str]]
    """Bytecode offsets at which a bet failed too often to be made again, and what happened."""

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
            sites = sorted(self.deopt_sites, key=lambda site: -site.count)
            rows += [(f"  {site}", f"{site.count:,}") for site in sites]
        if self.optimize_stage in _STAGES:
            rows.insert(1, ("optimizing tier", _STAGES[self.optimize_stage]))
        elif self.optimize_resting is not None:
            rows.insert(1, ("optimizing tier", f"nothing more: {self.optimize_resting}"))
        optimized = [form for form in self.forms if form.tier == "optimizing"]
        rows += [(f"optimized version {number}", str(form)) for number, form in enumerate(optimized, 1)]
        if self.resumes:
            rows.insert(2, ("resumes", f"{self.resumes:,}"))
        if self.declined is not None:
            rows.insert(1, ("declined", self.declined))
        if self.left_to_interpreter:
            rows.insert(1, ("left to the interpreter", LEFT_TO_INTERPRETER))
        return _table(self.name, rows)


LEFT_TO_INTERPRETER: Final = "only interpreted code calls it, and entering compiled code takes longer than running it"
_STAGES = {"sampling": "takes samples", "compiling": "is being compiled"}


def total_stats() -> Stats:
    """The process-wide totals now."""
    return Stats(**_core.stats())


def function_stats(function: types.FunctionType) -> FunctionStats:
    """The counters of one function now; all zero if it was never hooked."""
    values = _core.function_stats(function)
    if values is None:
        values = {field.name: 0 for field in dataclasses.fields(FunctionStats)}
        values |= {"name": function.__qualname__, "tier": "interpreter", "handovers": {}, "deopts": {}}
        values |= {
            "declined": None,
            "left_to_interpreter": False,
            "forms": [],
            "deopt_sites": [],
            "optimize_stage": "",
            "optimize_resting": None,
        }
        values |= {"optimize_declined": [], "widened": []}
    values["forms"] = [Form(**form) for form in values["forms"]]
    values["deopt_sites"] = [DeoptSite(**site) for site in values["deopt_sites"]]
    return FunctionStats(**values)
