"""Kernels of ``benchmarks.numeric`` at their tiny size, run in a worker: what one computes by itself, compiled, and in C."""

import importlib.util
import types
from pathlib import Path
from typing import Any

import justjit

from benchmarks.numeric import kernel as kernels
from benchmarks.numeric.answers import difference, numbers, plain
from benchmarks.numeric.native import CompilerMissingError, Library

CALLS = 4
"""Enough for the version that collects feedback, and for the one that uses it."""


def anew(file: str) -> types.ModuleType:
    """The file's module with code objects of its own, under the same name each time."""
    path = Path(kernels.__file__).parent / "kernels" / f"{file}.py"
    spec = importlib.util.spec_from_file_location(f"kernels_{file}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _call(module: types.ModuleType, kernel: kernels.Kernel) -> tuple[Any, tuple[Any, ...]]:
    """What the kernel returns, and its arguments as they are afterwards."""
    arguments = kernel.arguments(kernel.tiny)
    return getattr(module, kernel.entry)(*arguments), arguments


def interpreted(file: str, name: str) -> Any:
    """What the interpreter makes of it."""
    module = anew(file)
    return plain(_call(module, kernels.kernel_in(module, name)))


def compiled(file: str, name: str) -> tuple[list[Any], dict[str, str | None], str]:
    """What each of several calls makes of it, compiled; which functions were declined, and who runs the first one."""
    module = anew(file)
    kernel = kernels.kernel_in(module, name)
    for function in kernel.functions:
        justjit.jit(function)
    with justjit.config(baseline_calls=0):
        answers = [plain(_call(module, kernel)) for _ in range(CALLS)]
    functions = [function for function in kernel.functions if isinstance(function, types.FunctionType)]
    declined = {function.__name__: justjit.stats(function).declined for function in functions}
    return answers, declined, justjit.stats(functions[0]).tier


def in_c(file: str, name: str) -> str | None:
    """Where C's answer differs from the interpreter's; None where there is no compiler."""
    module = anew(file)
    kernel = kernels.kernel_in(module, name)
    try:
        library = Library(kernel.c.file)
    except CompilerMissingError:
        return None
    call = kernel.call_c(library, kernel.arguments(kernel.tiny))
    found = call.answer(call.function(*call.arguments))
    return difference(numbers(kernel.answer(*_call(module, kernel))), numbers(found), kernel.tolerance)
