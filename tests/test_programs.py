"""Every hand-written case under the interpreter, the baseline tier, its sampling code, and with compiled code left at each
instruction."""

import _opcode
import ast
import dis
import functools
import inspect
from pathlib import Path

import pytest

from tests.harness import (
    BASELINE,
    CRANELIFT,
    DEOPT,
    DEOPT_CRANELIFT,
    DEOPT_EVERYWHERE,
    DEOPT_LLVM,
    HANDOVER,
    HANDOVER_EVERYWHERE,
    INTERPRETER,
    LLVM,
    OPTIMIZING,
    SAMPLING,
    SETTLED,
    TIERING,
    Record,
    code_objects,
    compiled,
    difference,
)
from tests.worker import Worker

MANY = 20
"""Calls after which most exits of a case's optimized code have been taken."""
LEAST_OPTIMIZED = 0.5
"""The part of the cases that must have had an optimized version."""
PROGRAMS = Path(__file__).parent / "programs"


def _cases() -> list[tuple[Path, str]]:
    return [
        (path, node.name)
        for path in sorted(PROGRAMS.glob("*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("case_")
    ]


CASES = _cases()
each_case = pytest.mark.parametrize(("path", "name"), CASES, ids=[f"{path.stem}-{name[5:]}" for path, name in CASES])


BORROWED = "an interpreted caller keeps the arguments of a compiled function until it returns: vectorcall borrows them"
DIFFERENT_AFTER_HANDOVER = {
    ("deletion", "case_argument_freed_in_callee"): BORROWED,
    ("deletion", "case_argument_rebound_in_callee"): BORROWED,
}
"""Cases that differ by nature once their caller runs in the interpreter."""

each_handover_case = pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param(
            path,
            name,
            id=f"{path.stem}-{name[5:]}",
            marks=[pytest.mark.xfail(reason=reason)]
            if (reason := DIFFERENT_AFTER_HANDOVER.get((path.stem, name)))
            else [],
        )
        for path, name in CASES
    ],
)


@functools.cache
def _expected(worker: Worker, path: Path, name: str, warm: int = SETTLED) -> list[Record]:
    records: list[Record] = worker.call("harness.run_case", path.read_text(), str(path), name, INTERPRETER, warm)
    return records


@each_case
def test_interpreter_agrees_with_itself(plain_worker: Worker, path: Path, name: str) -> None:
    again = plain_worker.call("harness.run_case", path.read_text(), str(path), name, INTERPRETER)
    assert not difference(_expected(plain_worker, path, name), again)


@each_case
def test_baseline(plain_worker: Worker, jit_worker: Worker, path: Path, name: str) -> None:
    found = jit_worker.call("harness.run_case", path.read_text(), str(path), name, BASELINE)
    assert not difference(_expected(plain_worker, path, name), found)


@each_case
def test_sampling(plain_worker: Worker, jit_worker: Worker, path: Path, name: str) -> None:
    found = jit_worker.call("harness.run_case", path.read_text(), str(path), name, SAMPLING)
    assert not difference(_expected(plain_worker, path, name), found)


UNCHECKED = {("calls", "case_result_without_or_with_an_exception")}
"""Builtins that break the rules are found out by general calls only: not once a call is specialized, in the interpreter too."""


@each_case
def test_tiering(plain_worker: Worker, jit_worker: Worker, path: Path, name: str) -> None:
    if (path.stem, name) in UNCHECKED:
        pytest.skip("a builtin that returns a result with an exception set")
    found = jit_worker.call("harness.run_case", path.read_text(), str(path), name, TIERING)
    assert not difference(_expected(plain_worker, path, name), found)


@each_handover_case
def test_handover_everywhere(plain_worker: Worker, jit_worker: Worker, path: Path, name: str) -> None:
    found = jit_worker.call("harness.run_case", path.read_text(), str(path), name, HANDOVER_EVERYWHERE)
    assert not difference(_expected(plain_worker, path, name), found)


@each_handover_case
def test_handover_at_each_instruction(plain_worker: Worker, jit_worker: Worker, path: Path, name: str) -> None:
    expected = _expected(plain_worker, path, name, warm=0)
    differences = jit_worker.call("harness.run_case_points", path.read_text(), str(path), name, HANDOVER, expected)
    assert not differences, "\n\n".join(differences[:5])


@each_case
def test_deopt_everywhere(plain_worker: Worker, jit_worker: Worker, path: Path, name: str) -> None:
    found = jit_worker.call("harness.run_case", path.read_text(), str(path), name, DEOPT_EVERYWHERE)
    assert not difference(_expected(plain_worker, path, name), found)


IN_C = "a call of a function in C that is done in machine code does not look for an exception beside a result"
each_deopt_case = pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param(
            path,
            name,
            id=f"{path.stem}-{name[5:]}",
            marks=[pytest.mark.xfail(reason=IN_C)] if name == "case_result_without_or_with_an_exception" else [],
        )
        for path, name in CASES
    ],
)


@each_deopt_case
def test_deopt_at_each_instruction(plain_worker: Worker, jit_worker: Worker, path: Path, name: str) -> None:
    expected = _expected(plain_worker, path, name, warm=0)
    differences = jit_worker.call("harness.run_case_points", path.read_text(), str(path), name, DEOPT, expected)
    assert not differences, "\n\n".join(differences[:5])


_versions: dict[str, dict[str, int]] = {}
"""How many optimized versions each case has made, by mode."""


def _check_optimized(plain_worker: Worker, jit_worker: Worker, path: Path, name: str, mode: str, warm: int) -> None:
    if (path.stem, name) in UNCHECKED:
        pytest.skip("a builtin that returns a result with an exception set")
    expected = _expected(plain_worker, path, name, warm)
    arguments = path.read_text(), str(path), name, mode, warm
    found, versions = jit_worker.call("harness.run_optimized", *arguments)
    _versions.setdefault(mode, {})[f"{path.stem}-{name}"] = versions
    assert not difference(expected, found)


@each_case
def test_llvm(plain_worker: Worker, optimizing_worker: Worker, path: Path, name: str) -> None:
    _check_optimized(plain_worker, optimizing_worker, path, name, LLVM, SETTLED)


@each_case
def test_cranelift(plain_worker: Worker, optimizing_worker: Worker, path: Path, name: str) -> None:
    _check_optimized(plain_worker, optimizing_worker, path, name, CRANELIFT, SETTLED)


@each_case
def test_each_exit_of_llvm(plain_worker: Worker, optimizing_worker: Worker, path: Path, name: str) -> None:
    _check_optimized(plain_worker, optimizing_worker, path, name, DEOPT_LLVM, MANY)


@each_case
def test_each_exit_of_cranelift(plain_worker: Worker, optimizing_worker: Worker, path: Path, name: str) -> None:
    _check_optimized(plain_worker, optimizing_worker, path, name, DEOPT_CRANELIFT, MANY)


@pytest.mark.parametrize("mode", OPTIMIZING)
def test_most_cases_were_optimized(mode: str) -> None:
    """The modes above mean something: behind them in the file, so that they have been run."""
    versions = _versions.get(mode, {})
    if len(versions) < len(CASES) // 8:
        pytest.skip("few cases were run")
    optimized = sum(count > 0 for count in versions.values())
    assert optimized > len(versions) * LEAST_OPTIMIZED, f"{optimized} of {len(versions)}"


@each_case
def test_everything_hooked(plain_worker: Worker, enabled_worker: Worker, path: Path, name: str) -> None:
    found = enabled_worker.call("harness.run_case", path.read_text(), str(path), name, BASELINE)
    assert not difference(_expected(plain_worker, path, name), found)


NOT_IN_FUNCTIONS = {
    *("DELETE_NAME", "LOAD_LOCALS", "LOAD_NAME", "SETUP_ANNOTATIONS", "STORE_NAME"),  # class bodies and modules
    *("CACHE", "ENTER_EXECUTOR", "EXIT_INIT_CHECK", "INTERPRETER_EXIT", "RESERVED"),  # the interpreter's own
}


def test_every_opcode_is_in_a_case() -> None:
    found = set()
    for path in sorted(PROGRAMS.glob("*.py")):
        for code in code_objects(compiled(path.read_text(), str(path))):
            if code.co_flags & inspect.CO_OPTIMIZED:
                found |= {(i.opname, i.argrepr) for i in dis.get_instructions(code)}
    names = {name for name, code in dis.opmap.items() if code < 256 and not name.startswith("INSTRUMENTED_")}
    assert names - NOT_IN_FUNCTIONS <= {name for name, _ in found}
    functions = {"CALL_INTRINSIC_1": _opcode.get_intrinsic1_descs(), "CALL_INTRINSIC_2": _opcode.get_intrinsic2_descs()}
    functions["BINARY_OP"] = [symbol for _, symbol in _opcode.get_nb_ops()]
    elsewhere = {"INTRINSIC_1_INVALID", "INTRINSIC_2_INVALID", "INTRINSIC_PRINT", "INTRINSIC_IMPORT_STAR"}
    for name, kinds in functions.items():
        assert set(kinds) - elsewhere <= {kind for found_name, kind in found if found_name == name}
