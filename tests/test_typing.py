"""The package's types: checked strictly, and the stub of the compiled half against the compiled half."""

import subprocess
import sys

from tests.worker import ROOT


def _check(*arguments: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT / "python", capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_package_is_strictly_typed() -> None:
    _check("mypy", "--strict", "justjit")


def test_stub_agrees_with_the_compiled_half() -> None:
    _check("mypy.stubtest", "justjit._core")
