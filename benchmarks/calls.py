"""What a call of `def f(a, b): return a + b` costs, hooked and plain, from an interpreted loop and from compiled code.

python -m benchmarks.calls
"""

from __future__ import annotations

import argparse
import types
from collections.abc import Callable
from typing import Any

import justjit

from benchmarks import report
from benchmarks.measure import Timing, calibrate, interleave

SOURCE = """
def f(a, b):
    return a + b

def loop(n):
    for i in range(n):
        f(i, 1)

def empty_loop(n):
    for i in range(n):
        i
"""


def namespace() -> dict[str, Any]:
    """The functions anew, with code objects that nothing has run yet."""
    module = types.ModuleType("calls")
    exec(compile(SOURCE, "<calls>", "exec"), module.__dict__)
    return module.__dict__


def side(hook_callee: bool, hook_caller: bool) -> tuple[Callable[[int], Any], Callable[[int], Any]]:
    """The loop with the call and the one without, each hooked or not."""
    functions = namespace()
    if hook_callee:
        justjit.jit(functions["f"])
    if hook_caller:
        justjit.jit(functions["loop"])
        justjit.jit(functions["empty_loop"])
    functions["loop"](1000)
    functions["empty_loop"](1000)
    return functions["loop"], functions["empty_loop"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=21, help="turns that each side takes (default: 21)")
    parser.add_argument("--time", type=float, default=0.02, help="seconds a turn takes (default: 0.02)")
    parser.add_argument("--json", help="write the raw results to this file")
    arguments = parser.parse_args()

    justjit.config(baseline_calls=0)
    sides = {
        "interpreted → plain": side(False, False),
        "interpreted → compiled": side(True, False),
        "compiled → not asked for": side(False, True),
        "compiled → compiled": side(True, True),
    }
    loops = [function for pair in sides.values() for function in pair]
    rounds = calibrate(loops[0], arguments.time)
    timings = interleave(loops, rounds, arguments.repeat)
    results = {name: (timings[2 * index], timings[2 * index + 1]) for index, name in enumerate(sides)}
    plain = cost(*results["interpreted → plain"])

    report.note(report.interpreter_name())
    report.table(
        "One call of def f(a, b): return a + b; ratio = plain call from an interpreted loop / this one",
        ("call", "loop with it", "loop without", "the call", "ratio"),
        [
            (
                name,
                report.duration(with_call.best),
                report.duration(without.best),
                report.duration(cost(with_call, without)),
                report.ratio(plain / cost(with_call, without)),
            )
            for name, (with_call, without) in results.items()
        ],
    )
    report.write_json(
        arguments.json, {name: {"loop": a.samples, "empty loop": b.samples} for name, (a, b) in results.items()}
    )


def cost(with_call: Timing, without: Timing) -> float:
    """What the call adds to a loop, in seconds; at least a tenth of a nanosecond, so that ratios stay finite."""
    return max(with_call.best - without.best, 1e-10)


if __name__ == "__main__":
    main()
