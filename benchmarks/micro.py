"""Micro kernels, interpreter against justjit in one process: where is the compiled code slow?

python -m benchmarks.micro                    # all kernels, the worst ratio at the bottom
python -m benchmarks.micro call_ float        # those whose name or group contains one of the words
"""

from __future__ import annotations

import argparse
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import justjit

from benchmarks import kernels, report
from benchmarks.measure import Timing, calibrate, geomean, interleave
from benchmarks.stats import Counters

FILES = sorted(Path(kernels.__file__).parent.glob("[a-z]*.py"))


def load_side(name: str, compiled: bool) -> dict[str, tuple[str, Callable[[int], Any]]]:
    """Executes the kernels' source anew, and gives its kernels by name with their groups."""
    found = []
    for path in FILES:
        module = types.ModuleType(f"kernels_{path.stem}_{name}")
        # A dataclass looks its module up there.
        sys.modules[module.__name__] = module
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
        for value in list(vars(module).values()):
            if isinstance(value, types.FunctionType | type) and value.__module__ == module.__name__:
                if compiled:
                    justjit.jit(value)
                if group := getattr(value, "group", None):
                    found.append((group, value))
    found.sort(key=lambda member: kernels.GROUPS.index(member[0]))
    return {kernel.__name__: (group, kernel) for group, kernel in found}


def measure(plain: Callable[[int], Any], compiled: Callable[[int], Any], target: float, repeat: int) -> list[Timing]:
    """Checks that both sides agree, warms them up, and times them in turn."""
    for rounds in (100, 300):
        expected, got = plain(rounds), compiled(rounds)
        if expected != got or type(expected) is not type(got):
            raise SystemExit(f"{plain.__name__}({rounds}): the interpreter gives {expected!r}, compiled code {got!r}")
    rounds = calibrate(plain, target)
    interleave([plain, compiled], rounds, 2)
    return interleave([plain, compiled], rounds, repeat)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro", description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only kernels whose name or group contains one of these")
    parser.add_argument("--repeat", type=int, default=7, help="turns that each side takes (default: 7)")
    parser.add_argument(
        "--time", type=float, default=0.01, help="seconds a turn of the interpreter takes (default: 0.01)"
    )
    parser.add_argument("--json", help="write the raw results to this file")
    arguments = parser.parse_args()

    justjit.config(baseline_calls=0)
    plain = load_side("interpreter", compiled=False)
    compiled = load_side("justjit", compiled=True)
    names = [
        name
        for name, (group, _) in plain.items()
        if not arguments.words or any(word in name or word == group for word in arguments.words)
    ]
    results = []
    for name in report.progress(names, "micro"):
        before = Counters.now()
        sides = measure(plain[name][1], compiled[name][1], arguments.time, arguments.repeat)
        results.append((name, plain[name][0], *sides, Counters.now() - before))

    results.sort(key=lambda row: row[2].best / row[3].best, reverse=True)
    report.note(report.interpreter_name())
    report.table(
        "Micro kernels: time of one round (best), ratio = interpreter / justjit (best, median); the worst last",
        ("kernel", "group", "interpreter", "justjit", "ratio", "median", "declined, handed over"),
        [
            (
                name,
                group,
                report.duration(a.best),
                report.duration(b.best),
                report.ratio(a.best / b.best),
                report.ratio(a.median / b.median),
                counters.trouble(),
            )
            for name, group, a, b, counters in results
        ],
        left=(0, 1, 6),
    )
    ratios = {name: a.best / b.best for name, _, a, b, _ in results}
    if ratios:
        worst = min(ratios, key=ratios.__getitem__)
        mean = report.ratio(geomean(ratios.values()))
        report.note(f"geomean {mean} over {len(ratios)}, worst {worst} {report.ratio(ratios[worst])}")
    report.write_json(
        arguments.json,
        {name: {"interpreter": a.samples, "justjit": b.samples, **vars(c)} for name, _, a, b, c in results},
    )


if __name__ == "__main__":
    main()
