"""Whole generated programs; JUSTJIT_PROGRAMS says how many."""

import os

from tests.generated import check
from tests.worker import Worker

COUNT = int(os.environ.get("JUSTJIT_PROGRAMS", "2000"))
CHUNK = 250


def test_generated_programs(plain_worker: Worker, jit_worker: Worker) -> None:
    for number, first in enumerate(range(0, COUNT, CHUNK)):
        found = check(min(CHUNK, COUNT - first), number, plain_worker, jit_worker)
        assert found is None, f"seed {number}: {found}"
