"""Numeric kernels: the interpreter, justjit, Numba and C, side by side.

    python -m benchmarks.numeric                                  # all kernels
    python -m benchmarks.numeric --programs lu,sor --repeat 9
    python -m benchmarks.numeric --no-numba --no-c                # interpreter and justjit alone
    python -m benchmarks.numeric --python /path/to/another/python3.13

Each side of each kernel has a process of its own, and the four take turns. justjit compiles what `justjit.jit` has
hooked, with the settings that it has by default. Numba gets the same functions, or ones adapted as little as it needs;
the adaptations are listed below the table. C is the same loop, compiled by gcc -O3 -march=native and called through
ctypes. A time is the best of all turns; the first call, which may compile, is shown on its own. The answers are
compared: justjit's must be the interpreter's to the last bit, those of Numba and C within a tolerance.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from benchmarks import report
from benchmarks.measure import geomean
from benchmarks.numeric import kernel as kernels
from benchmarks.numeric.harness import KernelResult, run_kernel
from benchmarks.process import Settings

COLUMNS = (
    "kernel",
    "interpreter",
    "justjit",
    "× interp.",
    "Numba",
    "ours/Numba",
    "C",
    "ours/C",
    "first call ours",
    "first call Numba",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.numeric", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--programs", help="kernels, separated by commas (default: all)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to run all sides (default: this one)")
    parser.add_argument("--repeat", type=int, default=5, help="turns that each side takes (default: 5)")
    parser.add_argument(
        "--min-time", type=float, default=0.05, help="least seconds of a turn, of as many calls as fit (default: 0.05)"
    )
    parser.add_argument(
        "--timeout", type=float, default=120, help="seconds after which a turn is given up (default: 120)"
    )
    parser.add_argument("--no-numba", action="store_true", help="leave Numba out")
    parser.add_argument("--no-c", action="store_true", help="leave C out")
    parser.add_argument("--json", help="write the raw results to this file")
    arguments = parser.parse_args()

    sides = ["interpreter", "justjit"]
    sides += [] if arguments.no_numba else ["numba"]
    sides += [] if arguments.no_c else ["c"]
    without_numpy: list[str] = []
    known = kernels.all_kernels(without_numpy)
    names = arguments.programs.split(",") if arguments.programs else list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no kernel is called {', '.join(unknown)}; there are {', '.join(known)}")
    packages = ("justjit", *(() if without_numpy else ("numpy",)))
    settings = Settings(arguments.python, arguments.repeat, arguments.min_time, arguments.timeout, packages)
    results = [run_kernel(name, known[name], sides, settings) for name in report.progress(names, "kernels")]
    show(results, known, settings)
    if without_numpy:
        report.note(f"left out, as NumPy is not installed: {', '.join(without_numpy)}")
    report.write_json(arguments.json, {result.name: result.as_dict() for result in results})
    if any(result.failure for result in results):
        raise SystemExit(1)


def show(results: list[KernelResult], known: dict[str, str], settings: Settings) -> None:
    """The table, what Numba got instead of the same source, what was not compiled, and the means."""
    report.note(f"Interpreter: {settings.describe()}")
    report.table(
        "Numeric kernels: best of the turns; × interp. = interpreter / justjit, more is better; "
        "ours/… = justjit's time as a multiple of the other's, less is better",
        COLUMNS,
        [row(result) for result in results],
        left=(0,),
    )
    for result in results:
        form = kernels.kernel_in(kernels.module(known[result.name]), result.name).numba
        if "numba" in result.unavailable:
            report.note(f"{result.name}: no Numba form: {result.unavailable['numba']}")
        elif "numba" in result.sides and not isinstance(form, str) and form.note:
            report.note(f"{result.name}: for Numba, {form.note}")
        if "c" in result.unavailable:
            report.note(f"{result.name}: no C: {result.unavailable['c']}")
        if trouble := result.counters.trouble():
            report.note(f"{result.name}: {trouble}")
    for result in results:
        if result.failure:
            report.note(f"{result.name} FAILED: {result.failure}")
    means([result for result in results if not result.failure], len(results))


def row(result: KernelResult) -> list[str]:
    """A kernel's row."""
    if result.failure:
        return [result.name, "failed", *[""] * (len(COLUMNS) - 2)]
    gain = result.ratio("interpreter", "justjit")
    return [
        result.name,
        _time(result.best("interpreter")),
        _time(result.best("justjit")),
        report.ratio(gain) if gain is not None else "",
        _time(result.best("numba")),
        _multiple(result.ratio("justjit", "numba")),
        _time(result.best("c")),
        _multiple(result.ratio("justjit", "c")),
        _time(result.first("justjit")),
        _time(result.first("numba")),
    ]


def _time(seconds: float | None) -> str:
    return "" if seconds is None else report.duration(seconds)


def _multiple(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def means(good: list[KernelResult], of: int) -> None:
    """The geometric means over the kernels that have both sides, and the worst kernel of each."""
    if not good:
        return
    report.note(f"answers compared: right in {len(good)} of {of} kernels")
    gains = _present((result.name, result.ratio("interpreter", "justjit")) for result in good)
    worst = min(gains, key=gains.__getitem__)
    report.note(
        f"interpreter/justjit: geomean {report.ratio(geomean(gains.values()))} over {len(gains)}, "
        f"worst {worst} {report.ratio(gains[worst])}"
    )
    for label, other in (("Numba", "numba"), ("C", "c")):
        times = _present((result.name, result.ratio("justjit", other)) for result in good)
        if times:
            worst = max(times, key=times.__getitem__)
            report.note(
                f"ours/{label}: geomean {geomean(times.values()):.2f} over {len(times)}, worst {worst} "
                f"{times[worst]:.2f}; ours is no slower in {sum(value <= 1 for value in times.values())}"
            )
    firsts = [(ours, theirs) for r in good if (ours := r.first("justjit")) and (theirs := r.first("numba")) is not None]
    if firsts:
        mean = geomean(ours / theirs for ours, theirs in firsts)
        report.note(
            f"first call, ours/Numba: geomean {mean:.2f} over {len(firsts)}; "
            f"ours is no slower in {sum(ours <= theirs for ours, theirs in firsts)}"
        )
    # What a first call takes more than the best one: compiling, and running as long as nothing better is there.
    more = [
        (ours, theirs) for r in good if (ours := r.more_at_first("justjit")) and (theirs := r.more_at_first("numba"))
    ]
    if more:
        mean = geomean(ours / theirs for ours, theirs in more)
        report.note(
            f"what the first call takes more than the best one, ours/Numba: geomean {mean:.2f} over {len(more)}"
        )


def _present(pairs: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    return {name: value for name, value in pairs if value is not None}


if __name__ == "__main__":
    main()
