"""No reference leaks: thousands of calls of every case leave no more behind than they do in the interpreter."""

from pathlib import Path

import pytest

from tests.harness import (
    BASELINE,
    CRANELIFT,
    DEOPT_CRANELIFT,
    DEOPT_EVERYWHERE,
    HANDOVER_EVERYWHERE,
    INTERPRETER,
    SAMPLED,
)
from tests.references import CALLS, WINDOWS
from tests.test_programs import each_case
from tests.worker import ROOT, Worker

SLOW = {"case_recursion_error_caught", "case_overflow_errors", "case_ackermann", "case_recursive_fibonacci"}

MODES = (BASELINE, HANDOVER_EVERYWHERE, DEOPT_EVERYWHERE, CRANELIFT, DEOPT_CRANELIFT)


def _leaked(blocks: int, expected: int, calls: int) -> bool:
    return blocks - max(0, expected) >= calls // WINDOWS // 3


@each_case
def test_nothing_leaks(plain_worker: Worker, jit_worker: Worker, path: Path, name: str) -> None:
    arguments = path.read_text(), str(path), name
    expected = plain_worker.call("references.growth", *arguments, INTERPRETER)
    for mode in (BASELINE, CRANELIFT) if name in SLOW else MODES:
        found = jit_worker.call("references.growth", *arguments, mode)
        if _leaked(found.pop("blocks"), expected["blocks"], CALLS):  # look longer: what leaks goes on growing
            many = 20 * CALLS
            found = jit_worker.call("references.growth", *arguments, mode, many, timeout=300)
            expected = plain_worker.call("references.growth", *arguments, INTERPRETER, many, timeout=300)
            blocks = found.pop("blocks")
            assert not _leaked(blocks, expected["blocks"], many), f"{mode}: {blocks} blocks in {many // WINDOWS} rounds"
        assert found == {key: count for key, count in expected.items() if key != "blocks"}, mode


@pytest.mark.parametrize("name", ["attributes.case_store_and_load", "objects.case_swapped"])
def test_instances_that_are_made_late(jit_worker: Worker, name: str) -> None:
    """After many samples: the copy of an instance that has not been made, as ``p.x += 1`` has it, makes it."""
    module, name = name.split(".")
    path = Path(ROOT, "tests", "programs", f"{module}.py")
    found = jit_worker.call("references.growth", path.read_text(), str(path), name, SAMPLED)
    assert not _leaked(found.pop("blocks"), 0, CALLS)
    assert not found
