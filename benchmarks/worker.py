"""One side of one program: runs it in this process, and times a turn whenever the harness says so.

Started by `benchmarks.run` as `python -m benchmarks.worker interpreter|justjit PROGRAM FILE ARGUMENTS…`, and with the
side `default`, which is justjit in its default settings, by `benchmarks.applications`. It needs nothing but the
standard library (and justjit, for that side), so that any CPython 3.13 can run it. The protocol is a
line of JSON each way: the worker tells `{"benchmark": name}`, and gets any number of `{"loops": n}`, each answered with
`{"seconds": s}`, then `{"next": true}`; at the end it tells `{"done": …}`.
"""

from __future__ import annotations

import dataclasses  # noqa: F401 (justjit or a warning would import these on one side only, amid what a program records)
import gc
import linecache  # noqa: F401
import os
import random
import sys
import time
import tokenize  # noqa: F401
import types
from typing import Any

from benchmarks import pyperf_shim
from benchmarks.channel import Channel
from benchmarks.checks import digest, program_digest


def peak_bytes() -> int:
    """The most memory that this process has had at once; 0 where nobody says."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    side, name, path, *arguments = sys.argv[1:]
    channel = Channel()
    values: list[str] = []
    started = stats = None
    if side in ("justjit", "default"):
        begin = time.perf_counter()
        import justjit

        imported = time.perf_counter() - begin
        if side == "justjit":
            # Every function at its first call; the program's own and those of the standard library that it uses.
            justjit.config(baseline_calls=0)
        justjit.enable()
        stats = justjit.stats
        started = stats().as_dict()

    def serve(benchmark: str, turn: pyperf_shim.Turn) -> None:
        channel.tell(benchmark=benchmark)
        value = None
        while "loops" in (message := channel.listen()):
            gc.collect()
            seconds, value = turn(message["loops"])
            channel.tell(seconds=seconds)
        values.append(digest(value))

    # A program that draws random numbers without a seed of its own has to draw the same on both sides.
    random.seed(1)
    module = types.ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module
    sys.modules["pyperf"] = pyperf_shim.make(serve, arguments)
    sys.path.insert(0, os.path.dirname(path))
    sys.argv = [path]
    with open(path, "rb") as source:
        code = compile(source.read(), path, "exec")
    exec(code, module.__dict__)

    done: dict[str, Any] = {"values": values, "version": sys.version}
    if stats is not None:
        done["before"] = started
        done["after"] = stats().as_dict()
        done["import_seconds"] = imported
    done["peak_bytes"] = peak_bytes()
    done["cpu_seconds"] = time.process_time()
    values.append(program_digest(name, module.__dict__))
    channel.tell(done=done)


if __name__ == "__main__":
    main()
