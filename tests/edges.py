"""Calls with the usual until a function is optimized, then with what is not: compared with the interpreter's."""

import textwrap

import pytest

from tests.harness import CRANELIFT, DEOPT_CRANELIFT, INTERPRETER, LLVM, difference
from tests.worker import Worker

MODES = (CRANELIFT, LLVM, DEOPT_CRANELIFT)


class Check:
    """Compares a function's calls between the interpreter and optimized code, in processes of their own."""

    def __init__(self, plain: Worker, optimizing: Worker, mode: str) -> None:
        self.plain, self.optimizing, self.mode = plain, optimizing, mode

    def __call__(self, source: str, usual: str, *edges: str, name: str = "f", optimized: bool = True) -> None:
        """``usual`` and ``edges`` are argument lists. Fails, too, if nothing was optimized (but where it is not to be)."""
        arguments = textwrap.dedent(source), name, f"{usual},", [f"{edge}," for edge in edges]
        expected, _ = self.plain.call("harness.run_edges", *arguments, INTERPRETER)
        found, versions = self.optimizing.call("harness.run_edges", *arguments, self.mode)
        assert not difference(expected, found)
        assert versions or not optimized


@pytest.fixture(params=MODES)
def check(request: pytest.FixtureRequest, plain_worker: Worker, optimizing_worker: Worker) -> Check:
    return Check(plain_worker, optimizing_worker, request.param)
