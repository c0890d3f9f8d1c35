"""No reference leaks: thousands of calls of every case leave no more behind than they do in the interpreter."""

from pathlib import Path

from tests.harness import BASELINE, HANDOVER_EVERYWHERE, INTERPRETER
from tests.references import CALLS, WINDOWS
from tests.test_programs import each_case
from tests.worker import Worker

SLOW = {"case_recursion_error_caught", "case_overflow_errors", "case_ackermann", "case_recursive_fibonacci"}


@each_case
def test_nothing_leaks(plain_worker: Worker, jit_worker: Worker, path: Path, name: str) -> None:
    arguments = path.read_text(), str(path), name
    expected = plain_worker.call("references.growth", *arguments, INTERPRETER)
    for mode in (BASELINE,) if name in SLOW else (BASELINE, HANDOVER_EVERYWHERE):
        found = jit_worker.call("references.growth", *arguments, mode)
        blocks = found.pop("blocks") - expected.get("blocks", 0)
        assert blocks < CALLS // WINDOWS // 3, f"{mode}: {blocks} blocks leaked in {CALLS // WINDOWS} rounds"
        assert found == {key: count for key, count in expected.items() if key != "blocks"}, mode
