"""Programs on asyncio, anyio, trio and aiohttp, every function compiled, print what they print in the interpreter."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.worker import ROOT

Run = Callable[..., Any]

PROGRAMS = sorted((ROOT / "tests" / "async_programs").glob("*.py"))
MODES = {
    "plain": ([], {}),
    # Tasks remember where they were made, coroutines too, and slow callbacks are told of.
    "debug": (["-X", "dev", "-W", "ignore"], {"PYTHONASYNCIODEBUG": "1"}),
}
NO_DEBUG_MODE = {"with_trio", "with_aiohttp"}
"""trio has none, and ten thousand requests would take minutes."""


@pytest.fixture
def printed(run_interpreter: Run) -> Callable[..., list[str]]:
    """The lines that a program prints, compiled or not."""

    def run(program: Path, mode: str, *, compiled: bool) -> list[str]:
        options, environment = MODES[mode]
        through = ["-m", "justjit"] if compiled else []
        found = run_interpreter(
            *options,
            "-X",
            "faulthandler",
            *through,
            str(program),
            env=environment | {"JUSTJIT_BASELINE_CALLS": "0", "PYTHONHASHSEED": "0"},
            timeout=300,
        )
        # Of a step that takes long the debug mode tells; how long they take is not compared.
        errors = [line for line in found.stderr.splitlines() if not line.startswith("Executing <")]
        assert (found.returncode, errors) == (0, []), found.stderr[-3000:]
        return list(found.stdout.splitlines())

    return run


CASES = [(path, mode) for path in PROGRAMS for mode in MODES if mode == "plain" or path.stem not in NO_DEBUG_MODE]


@pytest.mark.parametrize(("program", "mode"), CASES, ids=[f"{path.stem}-{mode}" for path, mode in CASES])
def test_prints_the_same(printed: Callable[..., list[str]], program: Path, mode: str) -> None:
    expected = printed(program, mode, compiled=False)
    assert expected
    assert printed(program, mode, compiled=True) == expected
