"""``python -m tests.generate --count N --seed S``: compares as many generated programs as one likes."""

import argparse
import sys
import time

from tests.generated import GENERAL, NUMERIC, OBJECTS, check
from tests.worker import Worker

CHUNK = 500
"""Programs from one seed; Hypothesis remembers all that it made, so that one seed for millions would fill the memory."""


def main() -> int:
    """Exit status 1 and the minimised source if a program differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.generate", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="how many programs (default: 2000)")
    parser.add_argument(
        "--seed", type=int, default=0, help="where to start (default: 0); the same seed makes the same programs"
    )
    kinds = parser.add_mutually_exclusive_group()
    for kind, of in ((NUMERIC, "numbers"), (OBJECTS, "objects of all kinds")):
        text = f"loops over {of}, for the optimizing tier"
        kinds.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, default=GENERAL, help=text)
    parser.add_argument("--print", action="store_true", help="only print the programs")
    options = parser.parse_args()
    if options.print:
        return _print(options.count, options.seed, options.kind)
    plain, jit = Worker(), Worker()
    started, done = time.monotonic(), 0

    def progress() -> None:
        nonlocal done
        done += 1
        if done % 100 == 0:
            rate = done / (time.monotonic() - started)
            print(f"\r{done} programs, {rate:.0f} a second", end="", file=sys.stderr, flush=True)

    try:
        number = options.seed - 1
        while done < options.count:
            number += 1
            found = check(min(CHUNK, options.count - done), number, plain, jit, progress, options.kind)
            if found is not None:
                print(f"\nseed {number}: differs in the mode {found.mode!r}\n{found.what}\n\n{found.source}")
                return 1
    finally:
        plain.close()
        jit.close()
    print(f"\n{done} programs, no difference", file=sys.stderr)
    return 0


def _print(count: int, number: int, kind: str) -> int:
    from hypothesis import HealthCheck, Phase, given, seed, settings

    from tests import numeric_strategy, object_strategy, strategy
    from tests.generated import STRATEGIES

    module = {GENERAL: strategy, NUMERIC: numeric_strategy, OBJECTS: object_strategy}[kind]
    programs, _ = STRATEGIES[kind]

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def show(source: str) -> None:
        print(source.removeprefix(module.HEADER).removesuffix(module.FOOTER), end="\n\n# " + "-" * 60 + "\n")

    show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
