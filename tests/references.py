"""Counts references and allocated blocks over many calls of a case."""

import gc
import sys
import types
from typing import Any

from tests import harness, progress

CALLS = 300
WINDOWS = 3
"""Parts of the calls; a leak shows in each, what merely grows now and then (tables, free lists) in one."""


def _constants(code: types.CodeType) -> list[Any]:
    return [constant for constant in code.co_consts if not isinstance(constant, types.CodeType)]


def _quiet(function: Any, rows: list[tuple[Any, ...]], rounds: int) -> None:
    for _ in range(rounds):
        for row in rows:
            try:
                function(*row)
            except BaseException:
                pass


def growth(source: str, filename: str, name: str, mode: str, calls: int = CALLS) -> dict[str, int]:
    """What ``calls`` rounds of the case leave behind: references to arguments, constants and globals, and
    the least number of blocks that any window of calls left allocated."""
    import contextlib
    import io

    progress.note(f"references of {name}, {mode}")
    with harness._tier(mode, None):
        namespace = harness.load(source, filename)
        function = namespace[name]
        rows = [harness._row(row) for row in getattr(function, "__case_rows__", ((),))]
        watched: dict[str, Any] = {f"argument {i}.{j}": v for i, row in enumerate(rows) for j, v in enumerate(row)}
        watched |= {f"constant {i}": v for i, v in enumerate(_constants(function.__code__))}
        watched |= {f"global {k}": v for k, v in namespace.items() if k in function.__code__.co_names}
        watched |= {"None": None, "True": True, "function": function, "globals": namespace, "code": function.__code__}
        with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(output):
            _quiet(function, rows, 30)
            gc.collect()
            output.seek(0), output.truncate()
            before = {key: sys.getrefcount(value) for key, value in watched.items()}
            grown = sys.maxsize
            for _ in range(WINDOWS):
                blocks = sys.getallocatedblocks()
                _quiet(function, rows, calls // WINDOWS)
                gc.collect()
                output.seek(0), output.truncate()
                grown = min(grown, sys.getallocatedblocks() - blocks)
        left = {key: sys.getrefcount(value) - before[key] for key, value in watched.items()}
    return {key: count for key, count in left.items() if abs(count) >= 20} | {"blocks": grown}
