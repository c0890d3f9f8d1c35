"""``profile()``: where a program's time goes, by function and by loop, and what keeps each from a better tier."""

from __future__ import annotations

import dataclasses
import functools
import gc
import json
import linecache
import os
import sys
import types
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from justjit import _core
from justjit._stats import LEFT_TO_INTERPRETER, DeoptSite, FunctionStats, _Record, _time, function_stats

if TYPE_CHECKING:
    from types import TracebackType

_TIERS = ("interpreter", "baseline", "optimizing")
_OWN_FOLDER = os.path.dirname(__file__) + os.sep


@dataclasses.dataclass(frozen=True)
class LoopProfile(_Record):
    """One loop, with the time of the loops in it."""

    function: str
    """The qualified name of its function."""
    file: str
    first_line: int | None
    last_line: int | None
    source: str
    """Its first line."""
    depth: int
    """1: in no other loop."""
    seconds: float
    own_seconds: float
    """Without the loops in it."""
    share: float
    """Of all Python time of the profile, from 0 to 1."""
    tier: str
    """The tier that it ran in for most of the time: "interpreter", "baseline" or "optimizing"."""
    tiers: dict[str, float]
    """Seconds in each tier."""
    notes: list[str]
    """What keeps it from a better tier: why it was declined, what it is waiting for, where optimized code was left."""


@dataclasses.dataclass(frozen=True)
class FunctionProfile(_Record):
    """One function, without what it called."""

    name: str
    file: str
    first_line: int
    seconds: float
    share: float
    """Of all Python time of the profile, from 0 to 1."""
    samples: int
    tier: str
    """The tier that it ran in for most of the time."""
    tiers: dict[str, float]
    """Seconds in each tier."""
    lines: dict[int, float]
    """Seconds by source line; in machine code, where a line was the last that had to be told."""
    loops: list[LoopProfile]
    """Its loops in which time was spent, the outer ones before those in them."""
    notes: list[str]
    stats: FunctionStats | None
    """Its counters; None if the function does not exist any more, or is not hooked."""


class Profile:
    """Where the time of a ``with profile():`` block went.

    ``functions`` and ``loops`` have the hottest first; the object prints as a table. They are there once the block has
    been left.
    """

    functions: list[FunctionProfile]
    loops: list[LoopProfile]
    seconds: float
    """How long the block took."""
    python_seconds: float
    """Of that, how long some thread ran Python code or, without giving up the GIL, C code called by it."""
    idle_seconds: float
    """How long no thread had the GIL: all of them slept, waited, or were in C code that gives it up."""
    samples: int
    interval: float

    def __init__(self, interval: float = 0.002) -> None:
        if isinstance(interval, bool) or not isinstance(interval, int | float):
            raise TypeError(f"interval must be a number of seconds, not {interval!r} ({type(interval).__name__})")
        if not 0.0001 <= interval <= 10:
            raise ValueError(f"interval must be from 0.0001 to 10 seconds, not {interval!r}")
        self.interval = float(interval)
        self.functions, self.loops = [], []
        self.seconds = self.python_seconds = self.idle_seconds = 0.0
        self.samples = 0

    def __enter__(self) -> Profile:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to sample. Only one profile can be made at a time, and none of a child that is forked meanwhile."""
        _mind_forks()
        _core.start_profile(self.interval, list(_existing_code()))

    def stop(self) -> None:
        """Stop, and work out the results. Does nothing in a child process that was forked meanwhile."""
        found = _core.stop_profile()
        if found is not None:
            _Analysis(self, found).run()

    def as_dict(self) -> dict[str, Any]:
        """All of it, as dictionaries, lists, strings and numbers."""
        return {
            "seconds": self.seconds,
            "python_seconds": self.python_seconds,
            "idle_seconds": self.idle_seconds,
            "samples": self.samples,
            "interval": self.interval,
            "functions": [one.as_dict() for one in self.functions],
            "loops": [one.as_dict() for one in self.loops],
        }

    def as_json(self, indent: int | None = 2) -> str:
        """The same as JSON."""
        return json.dumps(self.as_dict(), indent=indent)

    def table(self, limit: int = 15) -> str:
        """The hottest loops and functions, and what keeps them from a better tier."""
        return _table(self, limit)

    def __repr__(self) -> str:
        return self.table()


def profile(*, interval: float = 0.002) -> Profile:
    """Sample where time goes, each ``interval`` seconds: by function and loop, with the tier, and why not a better one.

    >>> with profile() as result:
    ...     main()
    >>> print(result)

    How it works, and what follows for what it says: a thread of its own, which never takes the GIL, looks which thread
    has the GIL and where its Python frame stands. The program is not held up, and optimized code is not left for it;
    the thread itself takes two to three percent of a processor.

    - Time in C code counts for the Python line that called it; time without the GIL (sleeping, waiting, much of NumPy)
      is ``idle_seconds`` as long as no other thread runs.
    - Each sample counts for the time since the one before. What takes less than some samples is chance: a function with
      100 samples is known to about 10 %.
    - Machine code tells which line it is at only where somebody might look: before calls, before what may raise, and on
      entering a loop. So functions are right, and loops as long as they call anything or are entered; but a line's time
      may be that of lines behind it, and an inner loop's that of what follows it in the loop around. An inlined callee
      counts as its caller.
    - A frame does not say who runs it. The tier of a sample is that of the best code that there was for this function
      or loop at that time: calls and back edges enter it at once, but a frame that was handed over to the interpreter,
      or a generator that interpreted code resumes, counts as compiled all the same.
    - Code objects that are made meanwhile are kept until the end.
    """
    return Profile(interval)


@functools.cache
def _mind_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_core.pause_profile,
            after_in_parent=_core.resume_profile,
            after_in_child=_core.forget_profile,
        )


def _main_tier(tiers: dict[str, float]) -> str:
    return max(tiers, key=lambda tier: tiers[tier], default="interpreter")


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    waiting = [code]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(constant for constant in one.co_consts if isinstance(constant, types.CodeType))


def _running_code() -> list[types.CodeType]:
    """The code of all frames that run or wait for a call."""
    found = []
    frame: types.FrameType | None
    for frame in sys._current_frames().values():
        while frame is not None:
            found.append(frame.f_code)
            frame = frame.f_back
    frame = None  # not a reference to this very frame
    return found


def _existing_code() -> Iterator[types.CodeType]:
    """The code objects that there are: those of functions, of suspended and of running frames, and those in them."""
    found: list[types.CodeType] = []
    for value in gc.get_objects():
        # Types are compared, since isinstance could run code of a proxy's.
        kind = type(value)
        if kind is types.FunctionType:
            found.append(value.__code__)
        elif kind is types.GeneratorType:
            found.append(value.gi_code)
        elif kind is types.CoroutineType:
            found.append(value.cr_code)
        elif kind is types.AsyncGeneratorType:
            found.append(value.ag_code)
    found.extend(_running_code())
    seen: set[int] = set()
    for outer in found:
        if id(outer) not in seen:
            for code in _nested(outer):
                seen.add(id(code))
                yield code


@dataclasses.dataclass
class _Loop:
    """A loop of a code object while samples are counted."""

    first_line: int | None
    last_line: int | None
    parent: int | None
    entries: set[int]
    ranges: list[tuple[int, int]]
    depth: int = 1
    own: float = 0.0
    tiers: dict[str, float] = dataclasses.field(default_factory=lambda: dict.fromkeys(_TIERS, 0.0))

    def has_line(self, line: int | None) -> bool:
        if line is None or self.first_line is None or self.last_line is None:
            return False
        return self.first_line <= line <= self.last_line


def _loops(code: types.CodeType) -> list[_Loop]:
    """The loops of a code object as its source has them: a `continue` can have made two of one."""
    loops: list[_Loop] = []
    numbers: list[int] = []
    for values in _core.loops(code):
        parent = None if values["parent"] is None else numbers[values["parent"]]
        lines = (values["first_line"], values["last_line"])
        entries = set() if values["entry"] is None else {values["entry"]}
        if parent is not None and (loops[parent].first_line, loops[parent].last_line) == lines:
            loops[parent].entries |= entries
            numbers.append(parent)
            continue
        numbers.append(len(loops))
        depth = 1 if parent is None else loops[parent].depth + 1
        loops.append(_Loop(*lines, parent, entries, values["ranges"], depth))
    return loops


class _Code:
    """What the samples say of one code object."""

    def __init__(self, code: types.CodeType) -> None:
        self.code = code
        self.seconds = 0.0
        self.samples = 0
        self.tiers = dict.fromkeys(_TIERS, 0.0)
        self.lines: dict[int, float] = defaultdict(float)
        self.loops = _loops(code)
        self.line_at = {
            offset: line for start, end, line in code.co_lines() if line is not None for offset in range(start, end, 2)
        }

    def _innermost(self, offset: int | None, tier: str) -> int | None:
        if offset is not None:
            inside = [
                number
                for number, loop in enumerate(self.loops)
                if any(start <= offset < end for start, end in loop.ranges)
            ]
            if inside:
                return max(inside, key=lambda number: self.loops[number].depth)
        outermost = [number for number, loop in enumerate(self.loops) if loop.parent is None]
        line = None if offset is None else self.line_at.get(offset)
        if tier != "interpreter" and len(outermost) == 1 and line in (None, self.code.co_firstlineno):
            return outermost[0]
        return None

    def add(self, offset: int | None, start: str, optimized_loops: int, samples: int, seconds: float) -> None:
        tier = start
        number = self._innermost(offset, start)
        chain = []
        while number is not None:
            chain.append(self.loops[number])
            number = self.loops[number].parent
        if any(optimized_loops >> (entry & 63) & 1 for loop in chain for entry in loop.entries):
            tier = "optimizing"
        self.seconds += seconds
        self.samples += samples
        self.tiers[tier] += seconds
        line = None if offset is None else self.line_at.get(offset)
        if line is not None:
            self.lines[line] += seconds
        for loop in chain:
            loop.tiers[tier] += seconds
        if chain:
            chain[0].own += seconds


def _functions(codes: set[types.CodeType]) -> dict[types.CodeType, types.FunctionType]:
    """A function for each code object that has one: the one that was hooked, if any was."""
    found: dict[types.CodeType, types.FunctionType] = {}
    for value in gc.get_objects():
        if type(value) is types.FunctionType and value.__code__ in codes:
            known = found.get(value.__code__)
            if known is None or (_core.is_hooked(value) and not _core.is_hooked(known)):
                found[value.__code__] = value
    return found


class _Analysis:
    """From samples to a profile."""

    def __init__(self, profile: Profile, found: dict[str, Any]) -> None:
        self.profile = profile
        self.found = found
        self.codes: dict[int, _Code] = {}

    def run(self) -> None:
        for code, offset, start, loops, samples, seconds in self.found["places"]:
            known = self.codes.get(id(code))
            if known is None:
                known = self.codes[id(code)] = _Code(code)
            known.add(offset, start, loops, samples, seconds)
        profile, (unknown, unknown_seconds) = self.profile, self.found["unknown"]
        codes = sorted(self.codes.values(), key=lambda one: -one.seconds)
        profile.seconds = self.found["seconds"]
        profile.idle_seconds = self.found["idle"][1]
        profile.python_seconds = sum(one.seconds for one in codes) + unknown_seconds
        profile.samples = sum(one.samples for one in codes) + unknown
        functions = _functions({one.code for one in codes})
        profile.functions = [
            self._function(one, functions.get(one.code))
            for one in codes
            if not one.code.co_filename.startswith(_OWN_FOLDER)
        ]
        loops = [loop for function in profile.functions for loop in function.loops]
        profile.loops = sorted(loops, key=lambda loop: (-loop.seconds, loop.depth))

    def _share(self, seconds: float) -> float:
        return seconds / self.profile.python_seconds if self.profile.python_seconds else 0.0

    def _function(self, one: _Code, function: types.FunctionType | None) -> FunctionProfile:
        code = one.code
        stats = function_stats(function) if function is not None and _core.is_hooked(function) else None
        loops = [
            LoopProfile(
                function=code.co_qualname,
                file=code.co_filename,
                first_line=loop.first_line,
                last_line=loop.last_line,
                source=_source(code, loop.first_line),
                depth=loop.depth,
                seconds=sum(loop.tiers.values()),
                own_seconds=loop.own,
                share=self._share(sum(loop.tiers.values())),
                tier=_main_tier(loop.tiers),
                tiers=_used(loop.tiers),
                notes=_notes(function, stats, loop, [inner for inner in one.loops if inner.parent == number]),
            )
            for number, loop in enumerate(one.loops)
            if sum(loop.tiers.values()) > 0
        ]
        return FunctionProfile(
            name=code.co_qualname,
            file=code.co_filename,
            first_line=code.co_firstlineno,
            seconds=one.seconds,
            share=self._share(one.seconds),
            samples=one.samples,
            tier=_main_tier(one.tiers),
            tiers=_used(one.tiers),
            lines=dict(sorted(one.lines.items())),
            loops=loops,
            notes=_notes(function, stats, None, []),
            stats=stats,
        )


def _used(tiers: dict[str, float]) -> dict[str, float]:
    return {tier: seconds for tier, seconds in tiers.items() if seconds}


def _source(code: types.CodeType, line: int | None) -> str:
    return "" if line is None else linecache.getline(code.co_filename, line).strip()


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _left(site: DeoptSite) -> str:
    return f"optimized code was left {_times(site.count)}: {site}"


def _notes(
    function: types.FunctionType | None, stats: FunctionStats | None, loop: _Loop | None, inner: list[_Loop]
) -> list[str]:
    """What keeps a function, or one loop of it without the ``inner`` ones, from a better tier."""
    if stats is None:
        if function is None:
            return []
        return ["not hooked: decorate it with @jit, or call justjit.enable()"]
    if stats.declined is not None:
        return [f"not compiled: {stats.declined}"]
    if stats.left_to_interpreter:
        return [f"left to the interpreter: {LEFT_TO_INTERPRETER}"]
    notes = []
    if not stats.versions:
        notes.append("not compiled yet")
    if stats.optimize_stage == "sampling":
        notes.append("takes samples for the optimizing tier")
    elif stats.optimize_stage == "compiling":
        notes.append("is being compiled by the optimizing tier")
    elif stats.optimize_resting is not None:
        notes.append(f"not optimized any more: {stats.optimize_resting}")
    for entry, reason in stats.optimize_declined:
        line = None if loop is None else loop.first_line
        if loop is None or entry in ("call", f"loop at line {line}"):
            notes.append(f"not optimized at the {entry}: {reason}")

    def inside(site: DeoptSite) -> bool:
        if loop is None:
            return True
        if site.inlined is not None or not loop.has_line(site.line):
            return False
        return not any(one.has_line(site.line) for one in inner)

    sites = sorted(filter(inside, stats.deopt_sites), key=lambda site: -site.count)
    notes.extend(map(_left, sites))
    if loop is None:
        notes.extend(f"handed over {_times(count)}: {reason}" for reason, count in stats.handovers.items())
    return notes


# ---- the table -----------------------------------------------------------------------------------------------------


def _seconds(seconds: float) -> str:
    return _time(round(seconds * 1e9))


def _place(file: str, first: int | None, last: int | None = None) -> str:
    name = os.path.basename(file)
    if first is None:
        return name
    return f"{name}:{first}" if last in (None, first) else f"{name}:{first}-{last}"


def _tiers(tiers: dict[str, float]) -> str:
    total = sum(tiers.values())
    ordered = sorted(tiers.items(), key=lambda item: -item[1])
    if not total or len(ordered) == 1 or ordered[0][1] >= 0.995 * total:
        return _main_tier(tiers)
    return ", ".join(f"{tier} {seconds / total:.0%}" for tier, seconds in ordered if seconds >= 0.005 * total)


def _columns(head: tuple[str, ...], rows: list[tuple[tuple[str, ...], list[str]]]) -> list[str]:
    """Rows in columns, the first two of them flush right; below each row its notes."""
    widths = [max(map(len, column)) for column in zip(head, *(row for row, _ in rows), strict=True)]

    def line(row: tuple[str, ...]) -> str:
        padded = [
            cell.rjust(width) if at < 2 else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"  {'  '.join(padded)}".rstrip()

    lines = [line(head)]
    indent = " " * (6 + widths[0] + widths[1])
    for row, notes in rows:
        lines.append(line(row))
        lines.extend(f"{indent}  - {note}" for note in notes)
    return lines


def _table(profile: Profile, limit: int) -> str:
    lines = [
        f"{_seconds(profile.seconds)}: {_seconds(profile.python_seconds)} of Python in {profile.samples:,} samples, "
        f"{_seconds(profile.idle_seconds)} idle"
    ]
    if not profile.functions:
        return "\n".join([*lines, "nothing was sampled"])
    loops = [loop for loop in profile.loops if loop.share >= 0.005][:limit]
    if loops:
        lines += ["", "Loops, with those in them"]
        lines += _columns(
            ("time", "share", "where", "tier", "function", "source"),
            [
                (
                    (
                        _seconds(loop.seconds),
                        f"{loop.share:.1%}",
                        _place(loop.file, loop.first_line, loop.last_line),
                        _tiers(loop.tiers),
                        loop.function,
                        "  " * (loop.depth - 1) + loop.source,
                    ),
                    loop.notes,
                )
                for loop in loops
            ],
        )
    functions = [one for one in profile.functions if one.share >= 0.005][:limit] or profile.functions[:1]
    lines += ["", "Functions, without what they call"]
    lines += _columns(
        ("time", "share", "where", "tier", "function"),
        [
            (
                (
                    _seconds(one.seconds),
                    f"{one.share:.1%}",
                    _place(one.file, one.first_line),
                    _tiers(one.tiers),
                    one.name,
                ),
                # What a loop says need not be said again.
                [note for note in one.notes if not any(note in loop.notes for loop in loops)] + _hot_lines(one),
            )
            for one in functions
        ],
    )
    return "\n".join(lines)


def _hot_lines(one: FunctionProfile) -> list[str]:
    """The lines that a good part of a function's time belongs to."""
    hot = sorted(
        ((line, time) for line, time in one.lines.items() if time >= 0.1 * one.seconds), key=lambda item: -item[1]
    )
    return [
        f"line {line}, {seconds / one.seconds:.0%}: {linecache.getline(one.file, line).strip()}"
        for line, seconds in hot[:3]
    ]
