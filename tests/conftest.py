"""Fixtures shared by all tests."""

import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.worker import ROOT, Worker

SHARES = {
    "test_interpreter_agrees_with_itself": 8,
    "test_sampling": 4,
    "test_tiering": 4,
    "test_handover_everywhere": 3,
    "test_handover_at_each_instruction": 6,
    "test_deopt_everywhere": 4,
    "test_deopt_at_each_instruction": 10,
    "test_cranelift": 3,
    "test_each_exit_of_llvm": 3,
    "test_each_exit_of_cranelift": 4,
    "test_everything_hooked": 3,
    "test_nothing_leaks": 4,
    "test_two_ints": 4,
    "test_two_floats": 3,
    "test_math": 3,
    "test_constants": 12,
    "test_int_with_float": 4,
    "test_other_types": 4,
    "test_comparisons": 4,
    "test_one_operand": 6,
    "test_builtins_of_two": 4,
    "test_python_numbers": 4,
    "test_many_numbers": 3,
    "test_extremes": 3,
}
"""Of tests that run every case in yet another way, one case in so many is run: other cases in each. --thorough runs all, and
so does naming tests or giving -k."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --thorough."""
    parser.addoption("--thorough", action="store_true", help="run every case in every way: about two hours")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out most of what only repeats cases."""
    if config.getoption("--thorough") or config.option.keyword or any("::" in arg for arg in config.args):
        return

    def is_left_out(item: pytest.Item) -> bool:
        name = item.originalname if isinstance(item, pytest.Function) else item.name
        return zlib.crc32(item.nodeid.encode()) % SHARES.get(name or item.name, 1) != 0

    left_out = [item for item in items if is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not is_left_out(item)]


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
        *arguments: str, env: dict[str, str] | None = None, timeout: float = 300, input: str | None = None
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
