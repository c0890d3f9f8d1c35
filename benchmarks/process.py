"""The processes that a benchmark's sides run in, and the line of JSON each way that they are spoken to with."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.programs import package_folder

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """How programs are run."""

    python: str
    repeat: int
    min_time: float
    timeout: float
    packages: tuple[str, ...] = ("justjit", "pyperformance")
    """What another interpreter gets of this one's packages."""
    warm_up: float = 0.0
    """Seconds that justjit's side of a pair runs before turns count."""

    def describe(self) -> str:
        """The name of the interpreter that runs all sides."""
        if self.python == sys.executable:
            return report.interpreter_name()
        code = "from benchmarks import report; print(report.interpreter_name())"
        run = subprocess.run(
            [self.python, "-c", code], cwd=ROOT, env=self.environment(), capture_output=True, text=True
        )
        return run.stdout.strip() or f"{self.python}: {run.stderr.strip().splitlines()[-1:]}"

    def environment(self) -> dict[str, str]:
        """The workers' environment: one hash seed, and, for another interpreter, the packages of this one."""
        path = [str(ROOT)]
        if self.python != sys.executable:
            path += [str(package_folder(name).parent) for name in self.packages]
        if os.environ.get("PYTHONPATH"):
            path.append(os.environ["PYTHONPATH"])
        return {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(path)}


class WorkerError(Exception):
    """A worker ended, or took too long; the text says which and how."""


class Worker:
    """One side's process."""

    def __init__(self, side: str, module: list[str], settings: Settings) -> None:
        """Starts `python -m` with these arguments; `side` is what failures call it."""
        self.side = side
        self._timeout = settings.timeout
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close())
        self._timed_out = False
        self._process = subprocess.Popen(
            [settings.python, "-X", "faulthandler", "-m", *module],
            cwd=ROOT,
            env=settings.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def read(self) -> dict[str, Any]:
        """The worker's next message."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(self._timeout, self._give_up)
        watchdog.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            raise WorkerError(self._how_it_ended())
        message: dict[str, Any] = json.loads(line)
        return message

    def tell(self, **message: Any) -> None:
        """Sends the worker a message."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(self._how_it_ended()) from None

    def ask(self, **message: Any) -> dict[str, Any]:
        """Sends the worker a message; its answer."""
        self.tell(**message)
        return self.read()

    def close(self) -> None:
        """Ends the process, if it has not ended yet."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._errors.close()

    def _give_up(self) -> None:
        self._timed_out = True
        self._process.kill()

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        if self._timed_out:
            return f"the {self.side} side took more than {self._timeout:g} s for a turn"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f"the {self.side} side ended with status {code}\n    " + "\n    ".join(lines[-12:])
