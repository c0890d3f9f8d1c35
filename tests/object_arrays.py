"""Arrays of objects, what their elements do when they end, and how code for them is compared."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Any

import justjit

from tests.array_programs import copy_of, np, outcome
from tests.numpy_numbers import calls, compare_compiled, optimized

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS = {"rebox_int", "rebox_float", "write_over_int", "write_over_float", "all_end_quietly"}

GENERIC = {"subscr", "store_subscr", "iter_next", "for_iter", "get_iter"}
"""What does to any objects what is to be done in place."""


def objects(*values: Any) -> Any:
    """An array of just these, whatever they are."""
    made = np.empty(len(values), dtype=object)
    for at, value in enumerate(values):
        made[at] = value
    return made


def is_generic(function: Callable) -> bool:
    return any(name in GENERIC or name.startswith("subscr") for name in calls(function))


def in_place(
    function: Callable, make: Callable[[], tuple], *others: Callable[[], tuple], quiet: set[str] | None = None
) -> None:
    """Compares with the interpreter; the code that was made must ask the runtime for no item, and nothing but `quiet`."""
    compiled = optimized(function, make)
    assert not is_generic(compiled), calls(compiled)
    if quiet is not None:
        assert calls(compiled) <= quiet, calls(compiled)
    compare_compiled(compiled, function, make, *others)
    with justjit.config(stress="deopt"):
        compiled = copy_of(function)
        justjit.jit(compiled)
        compare_compiled(compiled, function, *[make] * 12)


def null(data: Any, *indices: int) -> Any:
    """Makes elements NULL, as arrays may have them that C has filled in."""
    for index in indices:
        data[index] = None
        place = data.__array_interface__["data"][0] + index * data.strides[0]
        ctypes.memset(place, 0, 8)
    return data


# ---- what ends -----------------------------------------------------------------------------------------------------

LOG: list = []


def seen_from(frame: Any) -> tuple:
    """Where a frame is, and what is in it."""
    return frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, sorted(frame.f_locals)


class Part:
    """Says when it ends. What it is part of has no reference any more by then, and is still in the array where NumPy writes
    over it: nobody may look."""

    def __init__(self, name: Any) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __del__(self) -> None:
        LOG.append((self.name, *seen_from(sys._getframe(1))))


class Loud:
    """Looks, when it ends, at the array that it was in."""

    def __init__(self, data: Any, name: Any, act: Callable | None = None) -> None:
        self.data = data
        self.name = name
        self.act = act

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def __del__(self) -> None:
        seen = [repr(item) for item in self.data] if self.data.ndim == 1 else self.data.shape
        LOG.append((self.name, seen, *seen_from(sys._getframe(1))))
        if self.act is not None:
            self.act(self.data)


def logged(function: Callable, make: Callable[[], tuple]) -> Any:
    LOG.clear()
    arguments = make()
    result = outcome(function, arguments)
    del arguments
    return result, list(LOG)


def check_logged(function: Callable, make: Callable[[], tuple], *others: Callable[[], tuple]) -> None:
    """What the interpreter does, what code does that has seen this, and such as has seen others before."""
    every = (*others, make)
    wanted = [logged(copy_of(function), one) for one in every]
    for first in every:
        for stress in ("off", "deopt"):
            with justjit.config(stress=stress):  # type: ignore[arg-type]
                compiled = copy_of(function)
                justjit.jit(compiled)
                for _ in range(30 if first is make else 12):
                    assert logged(compiled, first) == wanted[every.index(first)]
                if first is make and stress == "off":
                    assert justjit.stats(compiled).tier == "optimizing", justjit.explain(compiled)
                assert [logged(compiled, one) for one in every] == wanted


def loud_array(count: int, *places: int, act: Callable | None = None) -> Any:
    data = np.empty(count, dtype=object)
    for place in places:
        data[place] = Loud(data, place, act)
    return data


def lock(data: Any) -> None:
    data.flags.writeable = False


def reshape(data: Any) -> None:
    if data.ndim == 1:
        data.shape = (2, len(data) // 2)


def shrink(data: Any) -> None:
    data.resize(len(data) // 2, refcheck=False)


def grow(data: Any) -> None:
    data.resize(len(data) + 1000, refcheck=False)


def overwrite(data: Any) -> None:
    data[:] = "gone"


ACTS = [lock, reshape, shrink, grow, overwrite]
