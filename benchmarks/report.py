"""Tables and progress for people, JSON for programs.

Tables go through rich where it is installed. They are printed plainly where it is not, so that a benchmark also runs
under a second interpreter that has nothing installed.
"""

from __future__ import annotations

import json
import platform
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

try:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Table
    from rich.text import Text
except ImportError:
    Console = None  # type: ignore[assignment, misc]

# Wide enough for every table where there is no terminal to ask (a log file, a pipe).
_PIPE_WIDTH = 170


def _console(stderr: bool = False) -> Any:
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _PIPE_WIDTH, highlight=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], left: Iterable[int] = (0,)) -> None:
    """Prints a table: the columns whose index is in `left` are aligned left, the others are numbers."""
    rows = [list(row) for row in rows]
    left = set(left)
    if Console is not None:
        drawn = Table(title=title, title_justify="left")
        for index, column in enumerate(columns):
            drawn.add_column(column, justify="left" if index in left else "right", overflow="fold")
        for row in rows:
            drawn.add_row(*(Text(cell, style=_style(cell)) for cell in row))
        _console().print(drawn)
        return
    widths = [max([len(column), *(len(row[index]) for row in rows)]) for index, column in enumerate(columns)]
    print(title)
    for row in [list(columns), ["-" * width for width in widths], *rows]:
        cells = (c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        print("  ".join(cells).rstrip())


def _style(cell: str) -> str:
    """Ratios are coloured: red below one, green above."""
    if cell.endswith("×"):
        ratio = float(cell[:-1])
        return "red" if ratio < 1.0 else "green" if ratio >= 1.1 else ""
    return ""


def note(text: str) -> None:
    """Prints a line below or between tables."""
    print(text)


def progress[T](items: Sequence[T], label: str, describe: Any = str) -> Iterator[T]:
    """Goes through `items` with a bar on a terminal, or with a line for each item elsewhere."""
    if Console is None or not sys.stderr.isatty():
        for index, item in enumerate(items, 1):
            print(f"[{index}/{len(items)}] {label}: {describe(item)}", file=sys.stderr, flush=True)
            yield item
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=len(items))
        for item in items:
            bar.update(task, description=f"{label}: {describe(item)}")
            yield item
            bar.advance(task)


def ratio(value: float) -> str:
    """`1.63×`."""
    return f"{value:.2f}×"


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e9:.1f} ns"


def counts(reasons: Mapping[str, int], limit: int = 3) -> str:
    """The most frequent reasons with their counts, in one cell."""
    ordered = sorted(reasons.items(), key=lambda item: -item[1])
    shown = [f"{reason} {count:,}" for reason, count in ordered[:limit]]
    if len(ordered) > limit:
        shown.append(f"+{len(ordered) - limit} more")
    return ", ".join(shown)


def interpreter_name() -> str:
    """Which interpreter this is, and how it was built, which decides how fast it is to begin with."""
    arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
    found = [name for option, name in (("--enable-optimizations", "PGO"), ("--with-lto", "LTO")) if option in arguments]
    if found:
        built = "built with " + " and ".join(found)
    elif sys.platform == "win32":
        built = "python.org's build"
    elif "'--prefix=/usr'" in arguments:
        # Distributions optimize their builds by rules of their own, which these arguments do not show.
        built = "the distribution's optimized build"
    else:
        built = "built without PGO/LTO"
    return f"{platform.python_implementation()} {platform.python_version()} ({built}), {platform.machine()}"


def write_json(path: str | None, data: Any) -> None:
    """Writes the raw results, when a path was asked for."""
    if path is not None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
