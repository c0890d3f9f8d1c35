"""Programs of the pyperformance suite, interpreter against justjit with every function compiled, side by side.

    python -m benchmarks.run                                       # all programs
    python -m benchmarks.run --suite generators                    # those of generators and coroutines
    python -m benchmarks.run --programs richards,nbody --repeat 9
    python -m benchmarks.run --python /path/to/another/python3.13  # the same build under another CPython 3.13

Each program runs in two processes, which take turns (A B A B …), so that a slow moment of the machine falls on both
alike. Turns before the first that counts warm both up; the first call, which compiles, is shown on its own, and how
long it took until turns were as fast as they get. What the two compute is compared.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from benchmarks import programs, report
from benchmarks.measure import geomean
from benchmarks.pair import ProgramResult, Settings, run_program
from benchmarks.stats import Counters


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--suite", choices=programs.SUITES, default="programs", help="which list in programs.py (default: programs)"
    )
    parser.add_argument("--programs", help="names separated by commas (default: all of the suite)")
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter to run both sides (default: this one)"
    )
    parser.add_argument("--repeat", type=int, default=5, help="turns that each side takes (default: 5)")
    parser.add_argument(
        "--min-time", type=float, default=0.2, help="least seconds of a turn of the interpreter (default: 0.2)"
    )
    parser.add_argument(
        "--warm-up", type=float, default=2, help="seconds that justjit runs a program before turns count (default: 2)"
    )
    parser.add_argument(
        "--timeout", type=float, default=120, help="seconds after which a turn is given up (default: 120)"
    )
    parser.add_argument("--detail", action="store_true", help="a row for each benchmark of a program that has several")
    parser.add_argument("--json", help="write the raw results to this file")
    arguments = parser.parse_args()

    names = arguments.programs.split(",") if arguments.programs else list(programs.SUITES[arguments.suite])
    settings = Settings(
        arguments.python, arguments.repeat, arguments.min_time, arguments.timeout, warm_up=arguments.warm_up
    )
    results = [run_program(name, settings) for name in report.progress(names, "programs")]
    show(results, settings, arguments.detail)
    report.write_json(arguments.json, {result.name: {**asdict(result), "ratio": result.ratio} for result in results})
    if any(result.failure for result in results):
        raise SystemExit(1)


def show(results: list[ProgramResult], settings: Settings, detail: bool) -> None:
    """The table of programs, what was not compiled, and the sum of it."""
    report.note(f"Interpreter: {settings.describe()}")
    report.table(
        "Programs of pyperformance: best of the turns; ratio = interpreter / justjit; the worst last",
        (
            "program",
            "interpreter",
            "justjit",
            "ratio",
            "median",
            "first call",
            "interp. first",
            "steady after",
            "memory",
            "compile time",
            "compiled",
            "declined",
            "handed over",
        ),
        [row for result in sorted(results, key=lambda r: -r.ratio) for row in rows(result, detail)],
        left=(0,),
    )
    fallbacks(results)
    for result in results:
        if result.failure:
            report.note(f"{result.name}: {result.failure}")
    good = [result for result in results if not result.failure]
    if good:
        worst = min(good, key=lambda result: result.ratio)
        report.note(
            f"geomean {report.ratio(geomean(result.ratio for result in good))} over {len(good)} of {len(results)} "
            f"programs, worst {worst.name} {report.ratio(worst.ratio)}; results compared: equal in {len(good)}"
        )


def rows(result: ProgramResult, detail: bool) -> list[list[str]]:
    """A program's row, and where asked for one for each of its benchmarks."""
    if result.failure:
        return [[result.name, "failed", *[""] * 11]]
    counters = result.counters
    lines = [
        [
            result.name,
            report.duration(sum(b.interpreter.best for b in result.benchmarks)),
            report.duration(sum(b.justjit.best for b in result.benchmarks)),
            report.ratio(result.ratio),
            report.ratio(result.median_ratio),
            report.duration(sum(b.justjit_first for b in result.benchmarks)),
            report.duration(sum(b.interpreter_first for b in result.benchmarks)),
            report.duration(sum(b.steady_seconds for b in result.benchmarks)),
            f"{result.more_bytes / 2**20:+.0f} MiB",
            report.duration(counters.compile_ns / 1e9),
            f"{counters.functions_compiled:,}",
            f"{counters.functions_declined:,}",
            f"{sum(counters.handovers.values()):,}",
        ]
    ]
    if detail and len(result.benchmarks) > 1:
        for bench in result.benchmarks:
            lines.append(
                [
                    f"  {bench.name}",
                    report.duration(bench.interpreter.best),
                    report.duration(bench.justjit.best),
                    report.ratio(bench.ratio),
                    report.ratio(bench.interpreter.median / bench.justjit.median),
                    report.duration(bench.justjit_first),
                    report.duration(bench.interpreter_first),
                    report.duration(bench.steady_seconds),
                    *[""] * 4,
                ]
            )
    return lines


def fallbacks(results: list[ProgramResult]) -> None:
    """What went back to the interpreter and why, over all programs."""
    seen: dict[tuple[str, str], dict[str, int]] = {}
    for result in results:
        counters: Counters = result.counters
        for kind, reasons in (("function declined", counters.declined), ("handed over", counters.handovers)):
            for reason, count in reasons.items():
                seen.setdefault((kind, reason), {})[result.name] = count
    if not seen:
        report.note("Nothing fell back to the interpreter.")
        return
    report.table(
        "What fell back to the interpreter, and why",
        ("what", "reason", "times", "programs", "most in"),
        [
            (kind, reason, f"{sum(by.values()):,}", str(len(by)), report.counts(by))
            for (kind, reason), by in sorted(seen.items(), key=lambda item: (item[0][0], -sum(item[1].values())))
        ],
        left=(0, 1, 4),
    )


if __name__ == "__main__":
    main()
