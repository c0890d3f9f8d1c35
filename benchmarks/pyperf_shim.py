"""A stand-in for pyperf: the programs of the pyperformance suite are timed in this process, a turn at a time.

The real `pyperf.Runner` starts a process for each handful of values, which makes two sides run minutes apart. This
one hands every benchmark that a program registers to a callback, which times it whenever it is asked to.
"""

from __future__ import annotations

import argparse
import time
import types
from collections.abc import Callable, Sequence
from typing import Any

# Called with a benchmark's name and a function that runs it: loops → (seconds, the last value where there is one).
Turn = Callable[[int], tuple[float, Any]]
Serve = Callable[[str, Turn], None]


def make(serve: Serve, arguments: Sequence[str] = ()) -> types.ModuleType:
    """A module to be put in `sys.modules` as `pyperf`; `arguments` are what a program finds on its command line."""
    module = types.ModuleType("pyperf")

    class Runner:
        """What the suite's programs use of `pyperf.Runner`. Times are those of a whole loop, not of an inner one."""

        def __init__(self, *_args: Any, **_kwargs: Any) -> None:
            self.metadata: dict[str, Any] = {}
            self.argparser = argparse.ArgumentParser()
            self.args: argparse.Namespace | None = None

        def parse_args(self, args: list[str] | None = None) -> argparse.Namespace:
            self.args = self.argparser.parse_args(list(arguments) if args is None else args)
            return self.args

        def bench_func(self, name: str, function: Callable[..., Any], *args: Any, **_kwargs: Any) -> None:
            def turn(loops: int) -> tuple[float, Any]:
                value = None
                start = time.perf_counter()
                for _ in range(loops):
                    value = function(*args)
                return time.perf_counter() - start, value

            serve(name, turn)

        def bench_time_func(self, name: str, function: Callable[..., float], *args: Any, **_kwargs: Any) -> None:
            serve(name, lambda loops: (function(loops, *args), None))

        def bench_async_func(self, name: str, function: Callable[..., Any], *args: Any, **_kwargs: Any) -> None:
            import asyncio

            async def run(loops: int) -> tuple[float, Any]:
                value = None
                start = time.perf_counter()
                for _ in range(loops):
                    value = await function(*args)
                return time.perf_counter() - start, value

            serve(name, lambda loops: asyncio.run(run(loops)))

        def bench_command(self, name: str, command: Any) -> None:
            raise SystemExit(f"{name} measures a command ({command}), which says nothing about compiled functions here")

    module.Runner = Runner  # type: ignore[attr-defined]
    module.perf_counter = time.perf_counter  # type: ignore[attr-defined]
    module.python_implementation = lambda: "cpython"  # type: ignore[attr-defined]
    module.python_has_jit = lambda: False  # type: ignore[attr-defined]
    return module
