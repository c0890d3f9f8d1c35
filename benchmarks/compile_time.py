"""Compile time an instruction over all functions of the standard library, and the time that `import justjit` takes.

python -m benchmarks.compile_time
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

import justjit

from benchmarks import report
from benchmarks.compiling import Compiled, compile_function
from benchmarks.corpus import files, functions

_IMPORT = "import time; start = time.perf_counter(); import justjit; print(time.perf_counter() - start)"

# Up to this many bytecode instructions, a function counts as an ordinary one: nine in ten have fewer.
ORDINARY = 200


def import_seconds(repeat: int) -> list[float]:
    """What the import takes in new processes; the first one, which may write the .pyc files, left out."""
    runs = [subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True) for _ in range(repeat + 1)]
    for run in runs:
        if run.returncode:
            raise SystemExit(run.stderr)
    return [float(run.stdout) for run in runs[1:]]


def row(label: str, sample: list[tuple[str, Compiled]]) -> tuple[str, ...]:
    """Medians and worst of a group of functions."""
    per_instruction = sorted(item.compile_ns / max(item.instructions, 1) for _, item in sample)
    times = sorted(item.compile_ns for _, item in sample)
    return (
        label,
        f"{len(sample):,}",
        report.duration(statistics.median(per_instruction) / 1e9),
        report.duration(per_instruction[len(per_instruction) * 95 // 100] / 1e9),
        report.duration(statistics.median(times) / 1e9),
        report.duration(times[len(times) * 95 // 100] / 1e9),
        report.duration(times[-1] / 1e9),
        f"{sum(time < 1_000_000 for time in times) / len(times):.1%}",
        f"{sum(item.code_bytes for _, item in sample) / sum(max(item.instructions, 1) for _, item in sample):.0f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compile_time", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--every", type=int, default=1, help="take only every Nth file (default: 1, all)")
    parser.add_argument("--imports", type=int, default=15, help="processes that time the import (default: 15)")
    parser.add_argument("--json", help="write the raw results to this file")
    arguments = parser.parse_args()

    imports = import_seconds(arguments.imports)
    justjit.config(baseline_calls=0, code_memory_limit=2**40)
    measured: list[tuple[str, Compiled]] = []
    for path in report.progress(files()[:: arguments.every], "standard library", lambda path: path.name):
        for item in functions(path):
            result = compile_function(item.function)
            if result.declined is None:
                measured.append((item.name, result))
    if not measured:
        raise SystemExit("no function was compiled")

    report.note(report.interpreter_name())
    report.table(
        "Compile time over the standard library's functions",
        (
            "functions",
            "count",
            "an instruction (median)",
            "(95th %)",
            "a function (median)",
            "(95th %)",
            "(worst)",
            "under 1 ms",
            "bytes an instr.",
        ),
        [
            row(label, chosen)
            for label, chosen in (
                (f"ordinary: up to {ORDINARY} instructions", [m for m in measured if m[1].instructions <= ORDINARY]),
                ("larger", [m for m in measured if m[1].instructions > ORDINARY]),
                ("all", measured),
            )
            if chosen
        ],
    )
    slowest = max(measured, key=lambda item: item[1].compile_ns)
    total = sum(item.compile_ns for _, item in measured)
    report.note(
        f"slowest: {slowest[0]}, {slowest[1].instructions:,} instructions; all together {report.duration(total / 1e9)}"
    )
    report.note(
        f"import justjit: median {report.duration(statistics.median(imports))}, best {report.duration(min(imports))}, "
        f"worst {report.duration(max(imports))} of {len(imports)}"
    )
    report.write_json(
        arguments.json,
        {
            "import_seconds": imports,
            "functions": {name: [item.compile_ns, item.instructions, item.code_bytes] for name, item in measured},
        },
    )


if __name__ == "__main__":
    main()
