"""The log that ``JUSTJIT_LOG`` asks for: what was set and hooked, and at exit what became of each function."""

from __future__ import annotations

import sys
from typing import TextIO

_destination: TextIO | None = None


def open_log(path: str) -> None:
    """Log to the file ``path`` (appending), or to the standard error if it is "stderr"; OSError if that fails."""
    global _destination
    first = _destination is None
    _destination = sys.stderr if path == "stderr" else open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115
    if first:
        import atexit

        atexit.register(_log_summary)


def is_logging() -> bool:
    """Whether anything is written at all."""
    return _destination is not None


def log(message: str) -> None:
    """Write one line, with the process's id."""
    global _destination
    if _destination is None:
        return
    import os

    try:
        _destination.write(f"justjit[{os.getpid()}] {message}\n")
    except (OSError, ValueError):  # a closed or full log must not disturb the program
        _destination = None


def _log_summary() -> None:
    import gc
    import types

    from justjit import _core
    from justjit._stats import function_stats, total_stats

    for found in gc.get_objects():
        if type(found) is types.FunctionType and _core.is_hooked(found):
            record = function_stats(found)
            if record.declined is not None:
                log(f"declined {record.name}: {record.declined}")
            elif record.versions:
                log(
                    f"compiled {record.name}: {record.bytecode_instructions} instructions to {record.code_bytes} bytes "
                    f"in {record.compile_ns / 1e6:.2f} ms, {record.calls} calls"
                )
    for line in repr(total_stats()).splitlines():
        log(line)
