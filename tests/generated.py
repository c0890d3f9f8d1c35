"""Compares generated programs between the interpreter and each tier, and shrinks what differs."""

import time
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.harness import (
    BASELINE,
    CRANELIFT,
    DEOPT_CRANELIFT,
    HANDOVER_EVERYWHERE,
    INTERPRETER,
    LLVM,
    SAMPLED,
    SAMPLING,
    difference,
)
from tests.numeric_strategy import numeric_programs
from tests.object_strategy import object_programs
from tests.strategy import programs
from tests.worker import Worker, WorkerCrashed

MODES = (BASELINE, SAMPLING, HANDOVER_EVERYWHERE, CRANELIFT)
NUMERIC_MODES = (CRANELIFT, DEOPT_CRANELIFT, LLVM)
OBJECT_MODES = (SAMPLED, CRANELIFT, DEOPT_CRANELIFT, LLVM)
GENERAL, NUMERIC, OBJECTS = "general", "numeric", "objects"
STRATEGIES = {
    GENERAL: (programs, MODES),
    NUMERIC: (numeric_programs, NUMERIC_MODES),
    OBJECTS: (object_programs, OBJECT_MODES),
}
"""What can be generated, and how it is run."""
SHRINK_SECONDS = 60
"""How long to look for a smaller program that differs."""
FILENAME = "<generated program>"


class Difference(AssertionError):
    """A program that does not do the same when compiled."""

    def __init__(self, source: str, mode: str, what: str) -> None:
        super().__init__(f"{mode}\n{what}\n\n{source}")
        self.source, self.mode, self.what = source, mode, what


def compare(source: str, plain: Worker, jit: Worker, modes: tuple[str, ...] = MODES) -> None:
    """Raise a Difference if ``source`` behaves differently in any mode."""
    plain.begin("harness.run_case", source, FILENAME, "run", INTERPRETER, 0)  # while the other one compiles
    found: dict[str, Any] = {}
    crash = None
    for mode in modes:
        try:
            found[mode] = jit.call("harness.run_case", source, FILENAME, "run", mode, 0, timeout=30)
        except (WorkerCrashed, AssertionError) as error:
            crash = Difference(source, mode, str(error))
            break
    try:
        expected = plain.finish(timeout=30)
    except WorkerCrashed:
        return  # nothing to compare with: the interpreter itself crashed, or the program takes too long
    if crash is not None:
        raise crash
    for mode, records in found.items():
        if what := difference(expected, records):
            raise Difference(source, mode, what)


def check(
    count: int, number: int, plain: Worker, jit: Worker, progress: Any = None, kind: str = GENERAL
) -> Difference | None:
    """Run at most ``count`` programs grown from the seed ``number``, each once; the smallest one that differs, if any does.

    Hypothesis makes some of its examples more than once, and goes on after the last one where it has discarded any.
    """

    strategy, modes = STRATEGIES[kind]
    compared: set[int] = set()
    differing: dict[str, Difference] = {}
    until = float("inf")

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(strategy())
    def run(source: str) -> None:
        nonlocal until
        if source in differing:
            raise differing[source]
        if hash(source) in compared or time.monotonic() > until:
            return
        if len(compared) >= count and not differing:
            return
        if progress is not None and not differing:
            progress()
        try:
            compare(source, plain, jit, modes)
        except Difference as difference:
            if not differing:
                until = time.monotonic() + SHRINK_SECONDS
            differing[source] = difference
            raise
        compared.add(hash(source))

    try:
        run()
    except Difference as difference:
        return difference
    return None
