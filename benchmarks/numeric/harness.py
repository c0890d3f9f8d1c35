"""One kernel on all its sides, each in a process of its own, timed in turn; their answers compared."""

from __future__ import annotations

import pickle
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Timing
from benchmarks.numeric import kernel as kernels
from benchmarks.numeric.answers import difference
from benchmarks.process import Settings, Worker, WorkerError
from benchmarks.stats import Counters

# Calls at the tiny size after the first call, and turns at full size before those that count: for justjit's tiers.
_WARM_UP_CALLS = 20
_WARM_UP_TURNS = 2


@dataclass
class SideResult:
    """One side's times, in seconds a call."""

    first: float
    timing: Timing


@dataclass
class KernelResult:
    """All sides of one kernel."""

    name: str
    sides: dict[str, SideResult] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    """Why a side is missing."""
    counters: Counters = field(default_factory=Counters)
    failure: str = ""

    def best(self, side: str) -> float | None:
        """The best time of a side, if it ran."""
        return self.sides[side].timing.best if side in self.sides else None

    def first(self, side: str) -> float | None:
        """The time of its first call, which compiles."""
        return self.sides[side].first if side in self.sides else None

    def more_at_first(self, side: str) -> float | None:
        """How many seconds more its first call takes than its best one; nothing if it takes no more."""
        first, best = self.first(side), self.best(side)
        return first - best if first is not None and best is not None and first > best else None

    def ratio(self, side: str, other: str) -> float | None:
        """The best time of one as a multiple of the best time of the other."""
        a, b = self.best(side), self.best(other)
        return None if a is None or b is None else a / b

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "sides": {
                name: {"first": side.first, "best": side.timing.best, "samples": side.timing.samples}
                for name, side in self.sides.items()
            },
            "unavailable": self.unavailable,
            "counters": vars(self.counters),
            "failure": self.failure,
        }


def run_kernel(
    name: str, module: str, sides: list[str], settings: Settings, size: int | None = None, warm_up: bool = True
) -> KernelResult:
    """Runs a kernel. A failure is part of the result, so that the others still run."""
    result = KernelResult(name)
    kernel = kernels.kernel_in(kernels.module(module), name)
    workers: dict[str, Worker] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for side in sides:
                worker = Worker(side, _command(side, module, name, size or kernel.size, _file(folder, side)), settings)
                workers[side] = worker
            for side in sides:
                if reason := workers[side].read().get("unavailable"):
                    result.unavailable[side] = reason
                    workers.pop(side).close()
            _time(result, workers, settings, warm_up)
            answers = {}
            for side, worker in workers.items():
                done = worker.ask(next=True)["done"]
                if side == "justjit":
                    result.counters = Counters.of(done)
                answers[side] = pickle.loads(_file(folder, side).read_bytes())
            result.failure = compare(answers, kernel.tolerance)
        except WorkerError as failure:
            result.failure = str(failure)
        finally:
            for worker in workers.values():
                worker.close()
    return result


def _file(folder: str, side: str) -> Path:
    return Path(folder, f"{side}.pickle")


def _command(side: str, module: str, name: str, size: int, file: Path) -> list[str]:
    return ["benchmarks.numeric.worker", side, module, name, str(size), str(file)]


def _time(result: KernelResult, workers: dict[str, Worker], settings: Settings, warm_up: bool) -> None:
    first = {side: worker.ask(seconds=0)["best"] for side, worker in workers.items()}
    if warm_up:
        for worker in workers.values():
            worker.ask(warm_up=_WARM_UP_CALLS)
            for _ in range(_WARM_UP_TURNS):
                worker.ask(seconds=0)
    samples: dict[str, list[float]] = {side: [] for side in workers}
    for turn in range(settings.repeat):
        for side in list(workers) if turn % 2 == 0 else reversed(workers):
            samples[side].append(workers[side].ask(seconds=settings.min_time)["best"])
    for side in workers:
        result.sides[side] = SideResult(first[side], Timing(tuple(samples[side])))


def compare(answers: dict[str, list[dict[str, Any]]], tolerance: float) -> str:
    """What is wrong with the answers of the sides' first and last calls; nothing if all is right.

    justjit's are the interpreter's own, types and the last bit of floats included; those of others, within a tolerance.
    """
    expected = answers["interpreter"][0]
    for side, (first, last) in answers.items():
        for which, answer in (("first", first), ("last", last)):
            if side in ("interpreter", "justjit") and answer["exactly"] != expected["exactly"]:
                where = difference(expected["numbers"], answer["numbers"], 0.0) or "types or arguments differ"
                return f"{side}, {which} call: {where}"
            if wrong := difference(expected["numbers"], answer["numbers"], tolerance):
                return f"{side}, {which} call: {wrong}"
    return ""
