"""One program in two processes, an interpreter and a justjit one, timed in turn."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.measure import Timing, geomean
from benchmarks.programs import package_folder, program_arguments, program_file
from benchmarks.stats import Counters

ROOT = Path(__file__).resolve().parent.parent

# Turns of about the length that counts, which each side takes before it does; long ones are warm sooner.
_WARMUP_TURNS = 2
_LONG_TURN = 1.0


@dataclass(frozen=True)
class Settings:
    """How programs are run."""

    python: str
    repeat: int
    min_time: float
    timeout: float

    def describe(self) -> str:
        """The name of the interpreter that runs both sides."""
        if self.python == sys.executable:
            return report.interpreter_name()
        code = "from benchmarks import report; print(report.interpreter_name())"
        run = subprocess.run(
            [self.python, "-c", code], cwd=ROOT, env=self.environment(), capture_output=True, text=True
        )
        return run.stdout.strip() or f"{self.python}: {run.stderr.strip().splitlines()[-1:]}"

    def environment(self) -> dict[str, str]:
        """The workers' environment: one hash seed, and, for another interpreter, the packages of this one."""
        path = [str(ROOT)]
        if self.python != sys.executable:
            path += [str(package_folder(name).parent) for name in ("justjit", "pyperformance")]
        if os.environ.get("PYTHONPATH"):
            path.append(os.environ["PYTHONPATH"])
        return {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(path)}


@dataclass
class BenchmarkResult:
    """One benchmark of a program: a program may register several."""

    name: str
    loops: int
    interpreter: Timing
    justjit: Timing
    interpreter_first: float
    justjit_first: float

    @property
    def ratio(self) -> float:
        return self.interpreter.best / self.justjit.best


@dataclass
class ProgramResult:
    """All of a program's benchmarks, and what justjit counted over its run."""

    name: str
    benchmarks: list[BenchmarkResult] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    import_seconds: float = 0.0
    failure: str = ""

    @property
    def ratio(self) -> float:
        """Of the best times, the geometric mean over the program's benchmarks; 0 for a program that failed."""
        return geomean(bench.ratio for bench in self.benchmarks) if self.benchmarks and not self.failure else 0.0

    @property
    def median_ratio(self) -> float:
        """The same of the median times."""
        return geomean(bench.interpreter.median / bench.justjit.median for bench in self.benchmarks)


class WorkerError(Exception):
    """A worker ended, or took too long; the text says which and how."""


class Worker:
    """One side's process."""

    def __init__(self, side: str, name: str, settings: Settings) -> None:
        self.side = side
        self._timeout = settings.timeout
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close())
        self._timed_out = False
        program = [name, str(program_file(name)), *program_arguments(name)]
        self._process = subprocess.Popen(
            [settings.python, "-X", "faulthandler", "-m", "benchmarks.worker", side, *program],
            cwd=ROOT,
            env=settings.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def read(self) -> dict[str, Any]:
        """The worker's next message."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(self._timeout, self._give_up)
        watchdog.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            raise WorkerError(self._how_it_ended())
        message: dict[str, Any] = json.loads(line)
        return message

    def tell(self, **message: Any) -> None:
        """Sends the worker a message."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(self._how_it_ended()) from None

    def turn(self, loops: int) -> float:
        """Lets the worker take a turn; seconds for all of its loops."""
        self.tell(loops=loops)
        seconds: float = self.read()["seconds"]
        return seconds

    def close(self) -> None:
        """Ends the process, if it has not ended yet."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._errors.close()

    def _give_up(self) -> None:
        self._timed_out = True
        self._process.kill()

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        if self._timed_out:
            return f"the {self.side} side took more than {self._timeout:g} s for a turn"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f"the {self.side} side ended with status {code}\n    " + "\n    ".join(lines[-12:])


def run_program(name: str, settings: Settings) -> ProgramResult:
    """Runs one program on both sides. A failure is part of the result, so that the other programs still run."""
    result = ProgramResult(name)
    workers: list[Worker] = []
    try:
        for side in ("interpreter", "justjit"):
            workers.append(Worker(side, name, settings))
        plain, compiled = workers
        while True:
            messages = [plain.read(), compiled.read()]
            if "done" in messages[0] or "done" in messages[1]:
                break
            result.benchmarks.append(_time(messages[0]["benchmark"], plain, compiled, settings))
        ends = [message["done"] for message in messages]
        result.counters = Counters.of(ends[1]["after"]) - Counters.of(ends[1]["before"])
        result.import_seconds = ends[1]["import_seconds"]
        if ends[0]["values"] != ends[1]["values"]:
            result.failure = "the two sides computed different results"
    except WorkerError as failure:
        result.failure = str(failure)
    finally:
        for worker in workers:
            worker.close()
    return result


def _time(name: str, plain: Worker, compiled: Worker, settings: Settings) -> BenchmarkResult:
    # Both take the same turns throughout: some programs keep state from loop to loop.
    plain_first, compiled_first = plain.turn(1), compiled.turn(1)
    loops = 1
    while (taken := plain.turn(loops)) < settings.min_time / 4:
        compiled.turn(loops)
        loops *= 4
    compiled.turn(loops)
    loops = max(1, round(loops * settings.min_time / taken))
    for _ in range(_WARMUP_TURNS if taken < _LONG_TURN else 0):
        plain.turn(loops)
        compiled.turn(loops)
    samples: dict[Worker, list[float]] = {plain: [], compiled: []}
    for turn in range(settings.repeat):
        for worker in (plain, compiled) if turn % 2 == 0 else (compiled, plain):
            samples[worker].append(worker.turn(loops) / loops)
    for worker in (plain, compiled):
        worker.tell(next=True)
    return BenchmarkResult(
        name, loops, Timing(tuple(samples[plain])), Timing(tuple(samples[compiled])), plain_first, compiled_first
    )
