"""Whole generated programs; JUSTJIT_PROGRAMS, JUSTJIT_NUMERIC_PROGRAMS and JUSTJIT_OBJECT_PROGRAMS say how many."""

import os

from tests.generated import NUMERIC, OBJECTS, check
from tests.worker import Worker

NUMERIC_COUNT = int(os.environ.get("JUSTJIT_NUMERIC_PROGRAMS", "200"))
OBJECT_COUNT = int(os.environ.get("JUSTJIT_OBJECT_PROGRAMS", "60"))
COUNT = int(os.environ.get("JUSTJIT_PROGRAMS", "2000"))
CHUNK = 250


def test_generated_programs(plain_worker: Worker, jit_worker: Worker) -> None:
    for number, first in enumerate(range(0, COUNT, CHUNK)):
        found = check(min(CHUNK, COUNT - first), number, plain_worker, jit_worker)
        assert found is None, f"seed {number}: {found}"


def test_numeric_programs(plain_worker: Worker, optimizing_worker: Worker) -> None:
    """Loops over numbers, for the optimizing tier."""
    for number, first in enumerate(range(0, NUMERIC_COUNT, CHUNK)):
        found = check(min(CHUNK, NUMERIC_COUNT - first), number, plain_worker, optimizing_worker, kind=NUMERIC)
        assert found is None, f"seed {number}: {found}"


def test_object_programs(plain_worker: Worker, optimizing_worker: Worker) -> None:
    """Loops over objects of all kinds, for the optimizing tier."""
    for number, first in enumerate(range(0, OBJECT_COUNT, CHUNK)):
        found = check(min(CHUNK, OBJECT_COUNT - first), number, plain_worker, optimizing_worker, kind=OBJECTS)
        assert found is None, f"seed {number}: {found}"
