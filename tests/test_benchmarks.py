"""The numeric benchmark: each kernel computes the same compiled, and in C, as in the interpreter; and it would be noticed."""

import sys
from array import array
from typing import Any

import pytest

from benchmarks.applications import run_application, run_side
from benchmarks.numeric import kernel as kernels
from benchmarks.numeric.answers import difference, numbers, plain
from benchmarks.numeric.harness import compare, run_kernel
from benchmarks.process import Settings
from tests.worker import Worker

WITHOUT_NUMPY: list[str] = []
KERNELS = kernels.all_kernels(WITHOUT_NUMPY)

each_kernel = pytest.mark.parametrize(
    ("file", "name"),
    [
        *(pytest.param(file, name, id=name) for name, file in KERNELS.items()),
        *(
            pytest.param(file, "", id=file, marks=pytest.mark.skip(reason="NumPy is not installed"))
            for file in WITHOUT_NUMPY
        ),
    ],
)


@each_kernel
def test_compiled_kernel_computes_what_the_interpreter_does(
    plain_worker: Worker, jit_worker: Worker, file: str, name: str
) -> None:
    expected = plain_worker.call("numeric_kernels.interpreted", file, name)
    answers, declined, tier = jit_worker.call("numeric_kernels.compiled", file, name)
    for answer in answers:
        assert answer == expected
    assert not any(declined.values()), declined
    assert tier != "interpreter"


@each_kernel
def test_kernel_in_c_computes_what_the_interpreter_does(plain_worker: Worker, file: str, name: str) -> None:
    wrong = plain_worker.call("numeric_kernels.in_c", file, name)
    if wrong is None:
        pytest.skip("there is no C compiler")
    assert not wrong


def test_kernels_have_names_of_their_own() -> None:
    names = [kernel.name for file in set(KERNELS.values()) for kernel in kernels.module(file).KERNELS]
    assert sorted(names) == sorted(KERNELS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        (0.1, 0.1 + 2**-56),
        (1j, complex(-0.0, 1)),
        ([1], (1,)),
        (b"a", bytearray(b"a")),
        (array("q", [1]), array("l", [1])),
        (memoryview(b"\1"), memoryview(b"\2")),
        ([[1.0]], [[2.0]]),
    ],
)
def test_plain_tells_apart(one: Any, other: Any) -> None:
    assert plain(one) == plain(one)
    assert plain(one) != plain(other)


def test_plain_tells_arrays_and_scalars_of_numpy_apart() -> None:
    numpy = pytest.importorskip("numpy")
    values = [1.0, numpy.float64(1), numpy.float32(1), numpy.array([1.0]), numpy.array([[1.0]]), numpy.array([1])]
    assert len(set(map(plain, values))) == len(values)


def test_plain_looks_into_objects() -> None:
    class Point:
        def __init__(self, x: float) -> None:
            self.x = x

    assert plain(Point(1.0)) == plain(Point(1.0))
    assert plain(Point(1.0)) != plain(Point(1))


def test_numbers_of_any_container() -> None:
    assert numbers((1, [2.5, (True,)], 1j, "ab", bytearray(b"\3"), array("d", [4.0]), memoryview(b"\5"))) == [
        1, 2.5, 1, 0.0, 1.0, "ab", 3, 4.0, 5,
    ]  # fmt: skip


def test_difference_within_a_tolerance() -> None:
    assert not difference([1, 1.0], [1, 1.0 + 1e-12], 1e-9)
    assert difference([1, 1.0], [1, 1.0 + 1e-6], 1e-9)
    assert difference([10**12], [10**12 + 1], 1e-9)
    assert difference([1], [1, 2], 1e-9)


def _answers(**sides: float) -> dict[str, list[dict[str, Any]]]:
    given = {side: {"numbers": [value], "exactly": plain(value)} for side, value in sides.items()}
    return {side: [answer, answer] for side, answer in given.items()}


def test_sides_that_differ_are_reported() -> None:
    nearly = 1.0 + 2**-52
    assert not compare(_answers(interpreter=1.0, justjit=1.0, numba=nearly, c=nearly), 1e-9)
    assert compare(_answers(interpreter=1.0, justjit=nearly), 1e-9).startswith("justjit, first call")
    assert compare(_answers(interpreter=1.0, justjit=1.0, c=2.0), 1e-9).startswith("c, first call")
    later = _answers(interpreter=1.0, justjit=1.0)
    later["justjit"][1] = _answers(justjit=2.0)["justjit"][0]
    assert compare(later, 1e-9).startswith("justjit, last call")


@pytest.mark.parametrize("name", ["nbody_objects", "sieve_bytearray"])
def test_harness_runs_a_kernel_on_both_sides(name: str) -> None:
    file = KERNELS[name]
    tiny = kernels.kernel_in(kernels.module(file), name).tiny
    settings = Settings(sys.executable, 2, 0.0, 60)
    result = run_kernel(name, file, ["interpreter", "justjit"], settings, size=tiny)
    assert not result.failure
    assert list(result.sides) == ["interpreter", "justjit"]
    assert all(len(side.timing.samples) == 2 for side in result.sides.values())
    assert result.counters.functions_compiled > 0


def test_harness_runs_an_application_on_both_sides() -> None:
    result = run_application("json_loads", 0.0, Settings(sys.executable, 2, 0.0, 60))
    assert not result.failure
    for run in (result.interpreter, result.justjit):
        assert 0 < run.steady <= run.total
        assert 0 < run.first < run.total
        assert run.start < run.total


def test_harness_takes_the_same_turns_on_both_sides() -> None:
    turns: list[list[int]] = []
    settings = Settings(sys.executable, 1, 0.0, 60)
    for side in ("interpreter", "default"):
        run_side("comprehensions", side, turns, 0.0, settings)
        assert [len(one) for one in turns] == [4]
    assert turns[0][0] == 1


def test_harness_reports_a_worker_that_dies() -> None:
    settings = Settings(sys.executable, 1, 0.0, 60)
    failure = run_kernel("ackermann", "recursion", ["interpreter"], settings, size=-1).failure  # never ends
    assert failure.startswith("the interpreter side ended with status 1")
    assert "RecursionError" in failure
