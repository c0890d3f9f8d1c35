"""Other copies of LLVM in the process, loaded before or after ours: each compiles and runs its own code, and neither sees the other's."""

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from tests.optimized_programs import has_llvm

Run = Callable[..., Any]

OURS = """
import justjit

justjit.config(tier="optimizing", background=False, backend="llvm")


@justjit.jit
def ours(n):
    total = 0.0
    for i in range(n):
        total += i * 0.5
    return total


def run_ours():
    for _ in range(12):
        assert ours(1000) == 249750.0
    assert any("LLVM" in form.phases for form in justjit.stats(ours).forms), justjit.explain(ours)
"""

LLVMLITE = """
import ctypes
import llvmlite.binding as llvm


def run_theirs():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    module = llvm.parse_assembly("define i64 @theirs(i64 %a, i64 %b) { %c = mul i64 %a, %b ret i64 %c }")
    module.verify()
    with llvm.create_mcjit_compiler(module, machine) as engine:
        engine.finalize_object()
        theirs = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(engine.get_function_address("theirs"))
        assert theirs(6, 7) == 42
"""

NUMBA = """
import numba


@numba.njit
def theirs(n):
    total = 0.0
    for i in range(n):
        total += i * 0.5
    return total


def run_theirs():
    assert theirs(1000) == 249750.0
"""

TORCH = """
import torch


def run_theirs():
    @torch.jit.script
    def theirs(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a * b + a

    for _ in range(3):
        assert theirs(torch.ones(8), torch.full((8,), 2.0)).sum().item() == 24.0
"""

THEIRS = {"llvmlite": LLVMLITE, "numba": NUMBA, "torch": TORCH}


@pytest.mark.skipif(not has_llvm(), reason="this build has no LLVM")
@pytest.mark.parametrize("first", ["ours", "theirs"])
@pytest.mark.parametrize("package", THEIRS)
def test_both_compile(run_python: Run, package: str, first: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    parts = [OURS, THEIRS[package]]
    runs = ["run_ours()", "run_theirs()"]
    if first == "theirs":
        parts.reverse()
        runs.reverse()
    # Loaded and used in turn; then both loaded before either is used.
    in_turn = "\n".join([parts[0], runs[0], parts[1], runs[1], runs[0]])
    before = "\n".join([*parts, *runs, *runs])
    for code in (in_turn, before):
        found = run_python(code, "-X", "faulthandler", timeout=300)
        assert found.returncode == 0, found.stderr[-3000:]
