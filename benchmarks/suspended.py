"""What a suspended generator or coroutine takes in memory, made by the interpreter and by compiled code.

python -m benchmarks.suspended
"""

from __future__ import annotations

import argparse
import gc
import sys
import tracemalloc
import types
from collections.abc import Callable
from typing import Any

import justjit

from benchmarks import report

SOURCE = """
import types

@types.coroutine
def pause():
    yield

def small(i):
    yield i
    yield i

def locals_of_ten(a, b=1, c=2, d=3, e=4):
    f = g = h = i = j = a
    yield f, g, h
    yield i, j, b, c, d, e

def inner(i):
    yield i
    yield i

def delegating(i):
    yield from inner(i)

async def coroutine(i):
    await pause()

async def asynchronous(i):
    yield i
    yield i
"""
KINDS = ("small", "locals_of_ten", "delegating", "coroutine", "asynchronous")


def namespace(compiled: bool) -> dict[str, Any]:
    """The functions anew, with code objects of their own."""
    module = types.ModuleType("suspended")
    exec(compile(SOURCE, "<suspended>", "exec"), module.__dict__)
    if compiled:
        for value in list(vars(module).values()):
            if isinstance(value, types.FunctionType) and value.__code__.co_filename == "<suspended>":
                justjit.jit(value)
    return module.__dict__


def suspend(made: Any) -> Any:
    """Run it to where it first suspends."""
    if isinstance(made, types.AsyncGeneratorType):
        try:
            made.__anext__().send(None)
        except StopIteration:
            return made
    made.send(None)
    return made


def bytes_each(make: Callable[[int], Any], count: int) -> tuple[float, int]:
    """Bytes allocated for one suspended object with all that it brings along, and its `sys.getsizeof`."""
    for _ in range(20):
        suspend(make(0))
    kept: list[Any] = [None] * count
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for i in range(count):
        kept[i] = suspend(make(0))
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / count, sys.getsizeof(kept[0])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suspended", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000, help="how many of each kind (default: 20,000)")
    parser.add_argument("--json", help="write the raw results to this file")
    arguments = parser.parse_args()

    justjit.config(baseline_calls=0)
    plain, compiled = namespace(compiled=False), namespace(compiled=True)
    results = {}
    for kind in KINDS:
        results[kind] = (*bytes_each(plain[kind], arguments.count), *bytes_each(compiled[kind], arguments.count))
    report.note(report.interpreter_name())
    report.table(
        "Bytes of a suspended object, with what it brings along; what sys.getsizeof says of it alone",
        ("kind", "interpreter", "justjit", "more", "getsizeof", "justjit"),
        [
            (kind, f"{one:.0f}", f"{other:.0f}", f"{other / one - 1:+.1%}", str(size), str(other_size))
            for kind, (one, size, other, other_size) in results.items()
        ],
    )
    report.write_json(arguments.json, results)


if __name__ == "__main__":
    main()
