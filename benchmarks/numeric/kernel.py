"""What a kernel is: the functions, their arguments, and what Numba and C make of the same loop."""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.numeric.native import Call, Library

# The files in kernels/, in the order of the table. A file whose name ends in _numpy needs NumPy.
MODULES = (
    "nbody",
    "spectral_norm",
    "fannkuch",
    "mandelbrot",
    "monte_carlo",
    "lu",
    "sor",
    "fft",
    "sparse",
    "matmul",
    "matmul_numpy",
    "stencil",
    "stencil_numpy",
    "sieve",
    "collatz",
    "sorting",
    "strings",
    "knapsack",
    "recursion",
    "black_scholes",
    "nqueens",
    "vectors",
    "sums",
    "integers",
    "statistics_numpy",
)


def _returned(result: Any, arguments: tuple[Any, ...]) -> Any:  # noqa: ARG001 (others look at the arguments)
    return result


@dataclass(frozen=True)
class Numba:
    """How Numba compiles a kernel: `njit` on its functions, each put in the place of the original."""

    arguments: Callable[..., tuple[Any, ...]] | None = None
    """Makes the arguments that Numba gets from the others' arguments."""
    replacements: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """Functions adapted for Numba, by the name of the one that each replaces."""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Classes to be made jitclasses, with their attributes, which are all floats."""
    note: str = ""
    """What was adapted, and why."""


@dataclass(frozen=True)
class C:
    """The same loop in C."""

    file: str
    """Its name in c/, without the extension."""
    prepare: Callable[..., Call]
    """Makes a call out of a `Library` and the kernel's arguments."""


@dataclass(frozen=True)
class Kernel:
    """One kernel. Its arguments are made outside the time that counts."""

    name: str
    functions: tuple[Any, ...]
    """The functions and classes that a user would decorate; the first function is the one that is called."""
    arguments: Callable[[int], tuple[Any, ...]]
    size: int
    """Makes the interpreter take between 0.2 and 1 s."""
    tiny: int
    """For tests and for warming up."""
    c: C
    numba: Numba | str = field(default_factory=Numba)
    """Or the reason for which Numba cannot compile it."""
    changes_arguments: bool = False
    """Whether each call needs arguments of its own."""
    answer: Callable[[Any, tuple[Any, ...]], Any] = _returned
    """From the returned value and the arguments as they are afterwards, what Numba and C must agree with."""
    tolerance: float = 1e-9
    """By how much their floats may differ, relative to the interpreter's: compilers fuse operations."""

    @property
    def entry(self) -> str:
        """The name of the function that is called."""
        name: str = self.functions[0].__name__
        return name

    def call_c(self, library: Library, arguments: tuple[Any, ...]) -> Call:
        """The call of the C function with these arguments."""
        call: Call = self.c.prepare(library, *arguments)
        return call


def module(name: str) -> types.ModuleType:
    """The module of a file of kernels."""
    return importlib.import_module(f"benchmarks.numeric.kernels.{name}")


def kernel_in(loaded: types.ModuleType, name: str) -> Kernel:
    """One of a module's kernels."""
    for kernel in loaded.KERNELS:
        if kernel.name == name:
            found: Kernel = kernel
            return found
    raise LookupError(f"{loaded.__name__} has no kernel {name!r}")


def all_kernels(without_numpy: list[str] | None = None) -> dict[str, str]:
    """The file of each kernel, by the kernel's name. Files that need NumPy where there is none go into the list."""
    found = {}
    for name in MODULES:
        try:
            loaded = module(name)
        except ModuleNotFoundError as error:
            if error.name != "numpy" or without_numpy is None:
                raise
            without_numpy.append(name)
            continue
        found |= {kernel.name: name for kernel in loaded.KERNELS}
    return found
