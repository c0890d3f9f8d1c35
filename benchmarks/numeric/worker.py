"""One side of one kernel, in this process.

Started by the harness as `python -m benchmarks.numeric.worker SIDE MODULE KERNEL SIZE FILE`. The protocol is a line of
JSON each way. It tells `{"ready": true}` or `{"unavailable": reason}`, and then answers:

- `{"seconds": s}`: calls the kernel until that time is over, once at least, and tells the best time and how many calls;
- `{"warm_up": n}`: calls it n times at its tiny size;
- `{"next": true}`: pickles the answers of the first and the last call into the file, and tells `{"done": counters}`.
"""

from __future__ import annotations

import functools
import gc
import pickle
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.channel import Channel
from benchmarks.numeric import kernel as kernels
from benchmarks.numeric.answers import numbers, plain
from benchmarks.numeric.kernel import Kernel
from benchmarks.numeric.native import Call, CompilerMissingError, Library


class UnavailableError(Exception):
    """This side cannot run the kernel; the text says why."""


def prepare_python(module: types.ModuleType, kernel: Kernel) -> Callable[[int], Call]:
    """The kernel as it is."""
    function = getattr(module, kernel.entry)

    def prepare(size: int) -> Call:
        arguments = kernel.arguments(size)
        return Call(function, arguments, lambda result: kernel.answer(result, arguments))

    return prepare


def prepare_justjit(module: types.ModuleType, kernel: Kernel) -> Callable[[int], Call]:
    """The kernel's functions hooked, settings as they are by default."""
    import justjit

    for function in kernel.functions:
        justjit.jit(function)
    return prepare_python(module, kernel)


def prepare_numba(module: types.ModuleType, kernel: Kernel) -> Callable[[int], Call]:
    """The kernel's functions, each replaced in its module by what Numba makes of it."""
    form = kernel.numba
    if isinstance(form, str):
        raise UnavailableError(form)
    try:
        import numba
        from numba.experimental import jitclass
    except ImportError:
        raise UnavailableError("Numba is not installed") from None
    for name, attributes in form.classes.items():
        setattr(module, name, jitclass(dict.fromkeys(attributes, numba.float64))(getattr(module, name)))
    for function in kernel.functions:
        if isinstance(function, types.FunctionType):
            name = function.__name__
            setattr(module, name, numba.njit(form.replacements.get(name, function)))
    function = getattr(module, kernel.entry)

    def prepare(size: int) -> Call:
        arguments = kernel.arguments(size)
        if form.arguments is not None:
            arguments = form.arguments(*arguments)
        return Call(function, arguments, lambda result: kernel.answer(result, arguments))

    return prepare


def prepare_c(module: types.ModuleType, kernel: Kernel) -> Callable[[int], Call]:  # noqa: ARG001 (as the others)
    """The C function."""
    try:
        library = Library(kernel.c.file)
    except CompilerMissingError as error:
        raise UnavailableError(str(error)) from None
    return lambda size: kernel.call_c(library, kernel.arguments(size))


SIDES = {"interpreter": prepare_python, "justjit": prepare_justjit, "numba": prepare_numba, "c": prepare_c}


def called(call: Call) -> tuple[float, Any]:
    """Seconds of one call, and what it returned."""
    function, arguments = call.function, call.arguments
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def answer_of(side: str, call: Call, result: Any) -> dict[str, Any]:
    """What is compared: the numbers with every side's, and all of it between the interpreter and justjit."""
    exactly = plain((result, call.arguments)) if side in ("interpreter", "justjit") else None
    return {"numbers": numbers(call.answer(result)), "exactly": exactly}


def main() -> None:
    side, module_name, name, size, file = sys.argv[1:]
    channel = Channel()
    module = kernels.module(module_name)
    kernel = kernels.kernel_in(module, name)
    try:
        prepare = SIDES[side](module, kernel)
        if not kernel.changes_arguments:
            prepare = functools.cache(prepare)
    except UnavailableError as reason:
        channel.tell(unavailable=str(reason))
        return
    channel.tell(ready=True)
    first: dict[str, Any] | None = None
    last: tuple[Call, Any] | None = None
    while "next" not in (message := channel.listen()):
        if "warm_up" in message:
            for _ in range(message["warm_up"]):
                called(prepare(kernel.tiny))
            channel.tell(warm=True)
            continue
        gc.collect()
        times: list[float] = []
        while not times or sum(times) < message["seconds"]:
            call = prepare(int(size))
            seconds, result = called(call)
            times.append(seconds)
            last = call, result
            if first is None:
                first = answer_of(side, call, result)
        channel.tell(best=min(times), calls=len(times))
    assert last is not None
    Path(file).write_bytes(pickle.dumps([first, answer_of(side, *last)]))
    stats = {}
    if side == "justjit":
        import justjit

        stats = justjit.stats().as_dict()
    channel.tell(done=stats)


if __name__ == "__main__":
    main()
