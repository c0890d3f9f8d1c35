"""Large programs in the default settings, interpreter against justjit: the first turn, the first seconds, the rest.

    python -m benchmarks.applications                                  # all
    python -m benchmarks.applications --programs docutils,html5lib --repeat 3

These are the programs of the pyperformance suite that are applications and libraries: thousands of functions, each of
which runs a little. Compiling has to pay here as well, and soon. So each side runs in a process of its own, and not at
the same time as the other: what threads compile in the background, and what they take from the program, is in the
times. The interpreter takes turns for some seconds; justjit takes the same. What the two compute is compared.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from dataclasses import asdict, dataclass, field

from benchmarks import programs, report
from benchmarks.measure import geomean
from benchmarks.process import Settings, Worker, WorkerError
from benchmarks.programs import program_arguments, program_file

_LEAST_TURN = 0.1
_LEAST_TURNS = 4


@dataclass
class Run:
    """One run of one side."""

    start: float = 0.0
    """Seconds from the start of the process to the beginning of the first turn."""
    first: float = 0.0
    """Seconds of the first turn."""
    total: float = 0.0
    """Seconds of all turns, and of the start."""
    steady: float = 0.0
    """Seconds of the best turn of the second half."""
    cpu: float = 0.0
    """Seconds of processors that all threads of the process took together."""
    peak_bytes: int = 0

    def best(self, other: Run) -> Run:
        """The better of the two in each."""
        mine, others = asdict(self), asdict(other)
        return Run(**{name: min(value, others[name]) for name, value in mine.items()})


@dataclass
class Application:
    """One program on both sides: the best of each over all runs."""

    name: str
    interpreter: Run = field(default_factory=Run)
    justjit: Run = field(default_factory=Run)
    failure: str = ""

    def ratio(self, what: str) -> float:
        """How many times as fast justjit is."""
        times: tuple[float, float] = getattr(self.interpreter, what), getattr(self.justjit, what)
        return times[0] / max(times[1], 1e-9)


# The loops of each turn, for each benchmark of a program.
_Turns = list[list[int]]


def run_side(name: str, side: str, turns: _Turns, seconds: float, settings: Settings) -> tuple[Run, list[str]]:
    """One side; what `turns` does not have yet is chosen here."""
    program = [name, str(program_file(name)), *program_arguments(name)]
    begin = time.perf_counter()
    worker = Worker(side, ["benchmarks.worker", side, *program], settings)
    run = Run()
    try:
        message = worker.read()
        run.start = run.total = time.perf_counter() - begin
        for number in itertools.count():
            if "done" in message:
                break
            if choosing := number == len(turns):
                turns.append([])
            taken = _take_turns(worker, turns[number], seconds if choosing else 0.0)
            each = [time / loops for time, loops in zip(taken, turns[number], strict=True)]
            run.first += taken[0]
            run.total += sum(taken)
            run.steady += min(each[len(each) // 2 :])
            worker.tell(next=True)
            message = worker.read()
        run.cpu, run.peak_bytes = message["done"]["cpu_seconds"], message["done"]["peak_bytes"]
        return run, message["done"]["values"]
    finally:
        worker.close()


def _take_turns(worker: Worker, turns: list[int], seconds: float) -> list[float]:
    """The times of these turns, or of those that take so many seconds, which are added."""
    if turns:
        return [worker.ask(loops=loops)["seconds"] for loops in turns]
    taken: list[float] = []
    while sum(taken) < seconds or len(taken) < _LEAST_TURNS:
        last = taken[-1] / turns[-1] if taken else _LEAST_TURN
        turns.append(max(1, round(_LEAST_TURN / last)))
        taken.append(worker.ask(loops=turns[-1])["seconds"])
    return taken


def run_application(name: str, seconds: float, settings: Settings) -> Application:
    """Runs one program on both sides. A failure is part of the result, so that the other programs still run."""
    result = Application(name)
    turns: _Turns = []
    try:
        for repeat in range(settings.repeat):
            plain, expected = run_side(name, "interpreter", turns, seconds, settings)
            compiled, found = run_side(name, "default", turns, seconds, settings)
            if expected != found:
                result.failure = "the two sides computed different results"
                break
            result.interpreter = result.interpreter.best(plain) if repeat else plain
            result.justjit = result.justjit.best(compiled) if repeat else compiled
    except WorkerError as failure:
        result.failure = str(failure)
    return result


RATIOS = ("first", "total", "cpu", "steady")


def show(results: list[Application], settings: Settings) -> None:
    """The table of programs, the mean, and the worst."""
    report.note(f"Interpreter: {settings.describe()}")
    rows = []
    good = [result for result in results if not result.failure]
    for one in sorted(good, key=lambda result: -result.ratio("steady")):
        more = one.justjit.peak_bytes - one.interpreter.peak_bytes
        rows.append(
            [
                one.name,
                *(report.duration(run.start) for run in (one.interpreter, one.justjit)),
                *(report.duration(run.first) for run in (one.interpreter, one.justjit)),
                *(report.ratio(one.ratio(what)) for what in RATIOS),
                report.duration(one.interpreter.steady),
                f"{more / 2**20:+.0f} MiB",
            ]
        )
    report.table(
        "Applications, in the default settings: interpreter / justjit; the worst last",
        ("program", "start", "justjit", "first turn", "justjit", *RATIOS, "a turn", "memory"),
        rows,
        left=(0,),
    )
    for result in results:
        if result.failure:
            report.note(f"{result.name}: {result.failure}")
    for what in RATIOS if good else ():
        worst, name = min((result.ratio(what), result.name) for result in good)
        mean = geomean(result.ratio(what) for result in good)
        report.note(f"{what}: geomean {report.ratio(mean)}, worst {name} {report.ratio(worst)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.applications",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--programs", help="names separated by commas (default: all)")
    parser.add_argument("--repeat", type=int, default=2, help="runs of each side (default: 2)")
    parser.add_argument("--seconds", type=float, default=5, help="that the interpreter takes turns for (default: 5)")
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter to run both sides (default: this one)"
    )
    parser.add_argument(
        "--timeout", type=float, default=120, help="seconds after which a turn is given up (default: 120)"
    )
    parser.add_argument("--json", help="write the raw results to this file")
    arguments = parser.parse_args()

    names = arguments.programs.split(",") if arguments.programs else list(programs.APPLICATIONS)
    settings = Settings(arguments.python, arguments.repeat, 0.2, arguments.timeout)
    results = [run_application(name, arguments.seconds, settings) for name in report.progress(names, "programs")]
    show(results, settings)
    report.write_json(arguments.json, {result.name: asdict(result) for result in results})
    if any(result.failure for result in results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
