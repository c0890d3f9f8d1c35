"""The share of the standard library's functions that compile, and the reasons for which the others are declined.

python -m benchmarks.stdlib              # without its test suite
python -m benchmarks.stdlib --tests      # with it
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict

import justjit

from benchmarks import report
from benchmarks.compiling import compile_function
from benchmarks.corpus import files, functions


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stdlib", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tests", action="store_true", help="the test suite's functions too")
    parser.add_argument("--json", help="write the raw results to this file")
    arguments = parser.parse_args()

    # The share has to be that of what the compiler can do, not of what memory holds.
    justjit.config(baseline_calls=0, code_memory_limit=2**40)
    compiled = 0
    declined: Counter[str] = Counter()
    examples: defaultdict[str, list[str]] = defaultdict(list)
    for path in report.progress(files(arguments.tests), "standard library", lambda path: path.name):
        for item in functions(path):
            reason = compile_function(item.function).declined
            if reason is None:
                compiled += 1
            else:
                declined[reason] += 1
                examples[reason].append(item.name)
    total = compiled + declined.total()
    report.note(report.interpreter_name())
    report.table(
        "Functions of the standard library",
        ("what became of them", "functions", "share", "such as"),
        [
            ("compiled", f"{compiled:,}", f"{compiled / total:.2%}", ""),
            *(
                (f"declined: {reason}", f"{count:,}", f"{count / total:.2%}", ", ".join(examples[reason][:2]))
                for reason, count in declined.most_common()
            ),
            ("all", f"{total:,}", "", ""),
        ],
        left=(0, 3),
    )
    report.write_json(arguments.json, {"compiled": compiled, "declined": declined, "total": total})


if __name__ == "__main__":
    main()
