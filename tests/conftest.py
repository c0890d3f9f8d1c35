"""Fixtures shared by all tests."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.worker import ROOT, Worker


@pytest.fixture(scope="session")
def plain_worker() -> Iterator[Worker]:
    """A process in which nothing is compiled."""
    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture(scope="session")
def jit_worker() -> Iterator[Worker]:
    """A process in which the harness hooks what it runs."""
    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture(scope="session")
def optimizing_worker() -> Iterator[Worker]:
    """Another such process, for the optimizing tier."""
    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture(scope="session")
def enabled_worker() -> Iterator[Worker]:
    """A process in which everything is hooked."""
    worker = Worker(enabled=True)
    yield worker
    worker.close()


@pytest.fixture
def run_interpreter() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command line of the interpreter in a new process."""

    def run(
        *arguments: str, env: dict[str, str] | None = None, timeout: float = 120, input: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JUSTJIT_")}
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            env=kept | (env or {}),
            timeout=timeout,
            cwd=ROOT,
            input=input,
            check=False,
        )

    return run


@pytest.fixture
def run_python(run_interpreter: Callable[..., Any]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs code in a new process."""

    def run(code: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        result: subprocess.CompletedProcess[str] = run_interpreter(*arguments, "-c", code, **options)
        return result

    return run
