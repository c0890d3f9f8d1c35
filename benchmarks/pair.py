"""One program in two processes, an interpreter and a justjit one, timed in turn."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.measure import Timing, geomean
from benchmarks.process import Settings, Worker, WorkerError
from benchmarks.programs import program_arguments, program_file
from benchmarks.stats import Counters

# How many times as long as justjit's side the interpreter's may take to warm the two up, where they do the same work.
_LONGER = 5


@dataclass
class BenchmarkResult:
    """One benchmark of a program: a program may register several."""

    name: str
    loops: int
    interpreter: Timing
    justjit: Timing
    interpreter_first: float
    justjit_first: float
    steady_seconds: float
    """How long justjit's side had run before a turn came within a tenth of its best."""

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
    more_bytes: int = 0
    """Peak memory of justjit's process over that of the interpreter's."""
    failure: str = ""

    @property
    def ratio(self) -> float:
        """Of the best times, the geometric mean over the program's benchmarks; 0 for a program that failed."""
        return geomean(bench.ratio for bench in self.benchmarks) if self.benchmarks and not self.failure else 0.0

    @property
    def median_ratio(self) -> float:
        """The same of the median times."""
        return geomean(bench.interpreter.median / bench.justjit.median for bench in self.benchmarks)


def run_program(name: str, settings: Settings) -> ProgramResult:
    """Runs one program on both sides. A failure is part of the result, so that the other programs still run."""
    result = ProgramResult(name)
    workers: list[Worker] = []
    program = [name, str(program_file(name)), *program_arguments(name)]
    try:
        for side in ("interpreter", "justjit"):
            workers.append(Worker(side, ["benchmarks.worker", side, *program], settings))
        plain, compiled = workers
        while True:
            messages = [plain.read(), compiled.read()]
            if "done" in messages[0] or "done" in messages[1]:
                break
            result.benchmarks.append(_time(messages[0]["benchmark"], plain, compiled, settings))
        ends = [message["done"] for message in messages]
        result.counters = Counters.of(ends[1]["after"]) - Counters.of(ends[1]["before"])
        result.import_seconds = ends[1]["import_seconds"]
        result.more_bytes = ends[1]["peak_bytes"] - ends[0]["peak_bytes"]
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
    turns: list[tuple[int, float]] = []

    def take_compiled_turn(loops: int) -> float:
        taken = _turn(compiled, loops)
        turns.append((loops, taken))
        return taken

    plain_first, compiled_first = _turn(plain, 1), take_compiled_turn(1)
    loops = 1
    while (taken := _turn(plain, loops)) < settings.min_time / 4:
        take_compiled_turn(loops)
        loops *= 4
    take_compiled_turn(loops)
    loops = max(1, round(loops * settings.min_time / taken))
    ran = 0.0
    while sum(taken for _, taken in turns) < settings.warm_up and ran < settings.warm_up * _LONGER:
        ran += _turn(plain, loops)
        take_compiled_turn(loops)
    samples: dict[Worker, list[float]] = {plain: [], compiled: []}
    for turn in range(settings.repeat):
        for worker in (plain, compiled) if turn % 2 == 0 else (compiled, plain):
            taken = _turn(plain, loops) if worker is plain else take_compiled_turn(loops)
            samples[worker].append(taken / loops)
    for worker in (plain, compiled):
        worker.tell(next=True)
    return BenchmarkResult(
        name,
        loops,
        Timing(tuple(samples[plain])),
        Timing(tuple(samples[compiled])),
        plain_first,
        compiled_first,
        _steady_after(turns),
    )


def _steady_after(turns: list[tuple[int, float]]) -> float:
    """Seconds that were run before the first turn that came within a tenth of the best."""
    best = min(taken / loops for loops, taken in turns)
    before = 0.0
    for loops, taken in turns:
        if taken / loops <= best * 1.1:
            break
        before += taken
    return before


def _turn(worker: Worker, loops: int) -> float:
    """Lets a worker take a turn; seconds for all of its loops."""
    seconds: float = worker.ask(loops=loops)["seconds"]
    return seconds
