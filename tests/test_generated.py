"""Whole generated programs; JUSTJIT_PROGRAMS and JUSTJIT_NUMERIC_PROGRAMS say how many."""

import os

from tests.generated import check
from tests.worker import Worker

NUMERIC = int(os.environ.get("JUSTJIT_NUMERIC_PROGRAMS", "150"))
COUNT = int(os.environ.get("JUSTJIT_PROGRAMS", "500"))
CHUNK = 250


def test_generated_programs(plain_worker: Worker, jit_worker: Worker) -> None:
    for number, first in enumerate(range(0, COUNT, CHUNK)):
        found = check(min(CHUNK, COUNT - first), number, plain_worker, jit_worker)
        assert found is None, f"seed {number}: {found}"


def test_numeric_programs(plain_worker: Worker, optimizing_worker: Worker) -> None:
    """Loops over numbers, for the optimizing tier."""
    for number, first in enumerate(range(0, NUMERIC, CHUNK)):
        found = check(min(CHUNK, NUMERIC - first), number, plain_worker, optimizing_worker, numeric=True)
        assert found is None, f"seed {number}: {found}"
