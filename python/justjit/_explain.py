"""``explain`` and ``dump``: what the compiler says of a function, beside its source lines."""

from __future__ import annotations

import inspect
import linecache
import os
import re
import types
from collections import Counter
from typing import NamedTuple

from justjit import _core
from justjit._stats import LEFT_TO_INTERPRETER, FunctionStats, _size, _time, function_stats

COMPILED = "compiled"
_SUSPENDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_MARKER = re.compile(r"^(\s*)@L(\d+)[ \t]*(?!\S* = )")
_COMMENT = re.compile(r"; line (\d+)(?: of (\S+) in (.+))?$")
_STATUSES = {
    COMPILED: "compiled to machine code",
    "runtime call": "compiled to a call of justjit's runtime",
    "hand-over": "handed over to the interpreter",
    "declined": "not compiled",
}


class Instruction(NamedTuple):
    """What became of one bytecode instruction."""

    offset: int
    line: int | None
    opname: str
    status: str
    detail: str


class Explanation(str):
    """The text, which the interactive prompt shows as it is, and the instructions that it was made from."""

    instructions: tuple[Instruction, ...]
    stats: FunctionStats

    def __repr__(self) -> str:
        return str(self)


def _source_line(function: types.FunctionType, line: int) -> str:
    return linecache.getline(function.__code__.co_filename, line, function.__globals__).rstrip()


def _place(function: types.FunctionType) -> str:
    return f"{os.path.basename(function.__code__.co_filename)}:{function.__code__.co_firstlineno}"


def _headline(function: types.FunctionType, record: FunctionStats) -> list[str]:
    head = f"{function.__qualname__} ({_place(function)}): "
    if record.declined is not None:
        return [f"{head}not compiled: {record.declined}"]
    if record.left_to_interpreter:
        return [f"{head}compiled, and left to the interpreter: {LEFT_TO_INTERPRETER}"]
    if record.versions:
        return [
            f"{head}compiled by the {record.tier} tier: {record.bytecode_instructions} bytecode instructions to "
            f"{_size(record.code_bytes)} of machine code in {_time(record.compile_ns)}; {record.calls:,} calls so far"
            + (f", {record.resumes:,} resumes" if record.resumes else "")
        ]
    if _core.is_hooked(function):
        return [f"{head}hooked, not compiled yet: it is called in the interpreter until it is"]
    return [f"{head}not hooked: decorate it with @jit, or call justjit.enable()"]


def _optimizing(record: FunctionStats) -> list[str]:
    """What there is to say of the optimizing tier."""
    lines: list[str] = []
    optimized = [form for form in record.forms if form.tier == "optimizing"]
    lines.extend(f"Optimized: {form}" for form in optimized if form.dropped is None)
    if record.optimize_stage == "sampling":
        lines.append("Takes samples for the optimizing tier.")
    elif record.optimize_stage == "compiling":
        lines.append("Is being compiled by the optimizing tier.")
    elif record.optimize_resting is not None:
        again = "no more" if any(form.dropped is None for form in optimized) else "not"
        lines.append(f"Is {again} optimized: {record.optimize_resting}.")
    lines.extend(
        f"Not optimized at the {entry}: {reason}." for entry, reason in record.optimize_declined if entry != "call"
    )
    lines.extend(f"An optimized version was dropped: {form.dropped}." for form in optimized if form.dropped is not None)
    lines.extend(f"Optimized code was left {site.count:,} times: {site}." for site in record.deopt_sites)
    return lines


def _line_note(instructions: list[Instruction]) -> list[str]:
    """What to say of one source line: a word where all is well, else what each other instruction does."""
    notes = []
    for status, detail, opname in dict.fromkeys((i.status, i.detail, i.opname) for i in instructions):
        if status != COMPILED:
            words = _STATUSES.get(status, status)
            notes.append(f"{opname}: {words}{f' ({detail})' if detail else ''}")
    return notes


def _by_line(instructions: list[Instruction]) -> list[tuple[int | None, list[Instruction]]]:
    """The instructions of each source line, in the order of the lines; first those that belong to none."""
    lines: dict[int | None, list[Instruction]] = {}
    for instruction in instructions:
        lines.setdefault(instruction.line, []).append(instruction)
    return sorted(lines.items(), key=lambda item: item[0] or 0)


def explain(function: types.FunctionType) -> Explanation:
    """The explanation of one function."""
    instructions = [Instruction(*entry) for entry in _core.explain(function)]
    record = function_stats(function)
    lines = _headline(function, record)
    for number, found in _by_line(instructions):
        if number is not None:
            lines.append(f"{number:>6} | {_source_line(function, number)}")
        lines.extend(f"{'':>6} |     -> {note}" for note in _line_note(found))
    counts = Counter(instruction.status for instruction in instructions)
    if instructions:
        parts = [f"{counts[status]} {words}" for status, words in _STATUSES.items() if counts[status]]
        parts += [f"{count} {status}" for status, count in counts.items() if status not in _STATUSES]
        lines.append(f"Of {len(instructions)} instructions: {', '.join(parts)}.")
    lines.extend(_optimizing(record))
    if record.calls and not record.resumes and function.__code__.co_flags & _SUSPENDS and record.versions:
        lines.append(
            "Never resumed by compiled code so far: an interpreted `for` or `await` resumes it in the interpreter. "
            "Compile what loops over it or awaits it as well."
        )
    lines.extend(
        f"Handed over {count:,} times at run time: {reason}"
        for reason, count in sorted(record.handovers.items(), key=lambda item: -item[1])
    )
    lines.extend(
        f"Left {count:,} times at run time: {reason}"
        for reason, count in sorted(record.deopts.items(), key=lambda item: -item[1])
    )
    text = Explanation("\n".join(lines))
    text.instructions = tuple(instructions)
    text.stats = record
    return text


def _beside(function: types.FunctionType, text: str) -> str:
    """The source line that a comment in the optimizing tier's code names, put behind it."""
    named = _COMMENT.search(text)
    if named is None:
        return text
    number, callee, file = int(named[1]), named[2], named[3]
    line = _source_line(function, number) if callee is None else linecache.getline(file, number)
    where = f"line {number}" if callee is None else f"line {number} of {callee}"
    return f"{text[: named.start()]}; {where}: {line.strip()}".rstrip()


def dump(function: types.FunctionType, what: str) -> str:
    """The dump, with each line marker replaced by the source line that it stands for."""
    woven = []
    for text in _core.dump(function, what).splitlines():
        marker = _MARKER.match(text)
        if marker is None:
            woven.append(_beside(function, text))
            continue
        number = int(marker[2])
        woven.append(f"{marker[1]}; line {number}: {_source_line(function, number).strip()}".rstrip())
        if rest := text[marker.end() :]:
            woven.append(marker[1] + rest)
    return "\n".join(woven)
