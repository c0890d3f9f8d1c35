"""Runs parts of the harness in a process of its own, so that a crash of compiled code is a failed test and no more."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from tests import progress

ROOT = Path(__file__).parent.parent


class WorkerCrashed(Exception):
    """The worker died, or did not answer in time."""


class Worker:
    """A process that answers calls of functions by name; started when needed, and again after a crash."""

    def __init__(self, *, enabled: bool = False) -> None:
        self._enabled = enabled
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Any = None
        self._directory = tempfile.TemporaryDirectory()
        self._errors = Path(self._directory.name, "stderr")
        self._progress = Path(self._directory.name, "progress")

    def _start(self) -> None:
        self._connection, theirs = Pipe()
        environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-X", "faulthandler", "-m", "tests.worker", str(theirs.fileno())]
        command += [str(self._progress), "enabled" if self._enabled else "plain"]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command, cwd=ROOT, pass_fds=[theirs.fileno()], stderr=errors, stdin=subprocess.DEVNULL, env=environment
            )
        theirs.close()

    def call(self, function: str, *arguments: Any, timeout: float = 400) -> Any:
        """``tests.<module>.<name>(*arguments)`` in the worker; ``function`` is "module.name"."""
        self.begin(function, *arguments)
        return self.finish(timeout)

    def begin(self, function: str, *arguments: Any) -> None:
        """Start a call, whose answer ``finish`` gives."""
        if self._process is None:
            self._start()
        try:
            self._connection.send((function, arguments))
        except OSError:
            raise self._crash("it had died") from None

    def finish(self, timeout: float = 400) -> Any:
        """The answer to the call that was begun."""
        try:
            if not self._connection.poll(timeout):
                raise self._crash(f"no answer in {timeout} s")
            ok, answer = self._connection.recv()
        except (EOFError, OSError):
            raise self._crash("it died") from None
        if not ok:
            raise AssertionError(answer)
        return answer

    def _crash(self, what: str) -> WorkerCrashed:
        assert self._process is not None
        if self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGABRT)  # faulthandler tells where it was
        status = self._process.wait(10)
        doing = self._progress.read_text().strip() if self._progress.exists() else "?"
        tail = self._errors.read_text(errors="replace")[-3000:]
        self._stop()
        return WorkerCrashed(f"{what} (status {status}) in {doing}\n{tail}")

    def close(self) -> None:
        """End the process for good."""
        self._stop()
        self._directory.cleanup()

    def _stop(self) -> None:
        if self._process is not None:
            self._connection.close()
            if self._process.poll() is None:
                try:
                    self._process.wait(5)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            self._process = None


def _serve(connection: Any) -> None:
    import importlib
    import traceback

    while True:
        try:
            function, arguments = connection.recv()
        except EOFError:
            return
        module, name = function.rsplit(".", 1)
        try:
            answer = True, getattr(importlib.import_module(f"tests.{module}"), name)(*arguments)
        except BaseException:
            answer = False, traceback.format_exc()
        connection.send(answer)


if __name__ == "__main__":
    progress.open_file(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.argv[3] == "enabled":
        import justjit

        justjit.config(baseline_calls=0)
        justjit.enable()
    _serve(Connection(int(sys.argv[1])))
    sys.stdout.flush()
    os._exit(0)
