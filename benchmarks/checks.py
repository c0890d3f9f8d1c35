"""What a program computed, as a digest that two processes can compare.

Many programs of the suite check themselves, and the value of others is compared as it is returned. For those that
throw their result away, a function here computes one from the program's own functions, compiled as they are by then.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Namespace = dict[str, Any]

# Enough to tell two results apart, and no more work than that on the large ones.
_MAX_DEPTH = 12
_MAX_ITEMS = 200_000


def digest(value: Any) -> str:
    """A digest of a value's contents: equal when the contents are, whatever the addresses and the hash seed."""
    state = hashlib.sha256()
    seen: set[int] = set()
    left = _MAX_ITEMS

    def walk(item: Any, depth: int) -> None:
        nonlocal left
        left -= 1
        kind = type(item)
        state.update(kind.__qualname__.encode() + b"(")
        if item is None or kind in (bool, int, float, complex, str, bytes, bytearray):
            state.update(repr(item).encode("utf-8", "backslashreplace"))
        elif depth < _MAX_DEPTH and left > 0 and id(item) not in seen:
            seen.add(id(item))
            if kind in (list, tuple):
                for part in item:
                    walk(part, depth + 1)
            elif kind is dict:
                for key, part in item.items():
                    walk(key, depth + 1)
                    walk(part, depth + 1)
            elif kind in (set, frozenset):
                state.update(b"".join(sorted(digest(part).encode() for part in item)))
            else:
                for name in _attributes(item):
                    state.update(name.encode())
                    walk(getattr(item, name, None), depth + 1)
            seen.discard(id(item))
        state.update(b")")

    walk(value, 0)
    return state.hexdigest()


def _attributes(item: Any) -> list[str]:
    """The names of an instance's own attributes; of slots too."""
    names = list(getattr(item, "__dict__", ()))
    for kind in type(item).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names.extend([slots] if isinstance(slots, str) else slots)
    return sorted(names)


def _raytrace(program: Namespace) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.ppm"
        program["bench_raytrace"](1, 24, 24, str(picture))
        return picture.read_bytes()


def _scimark(program: Namespace) -> Any:
    grid = program["Array2D"](12, 12)
    for x, y in ((x, y) for x in range(12) for y in range(12)):
        grid[x, y] = x * 1.5 - y
    program["SOR_execute"](1.25, grid, 5, program["Array2D"])
    signal = [float(i % 7) for i in range(64)]
    program["FFT_transform"](64, signal)
    return list(grid.data), signal, program["MonteCarlo"](2000)


def _deepcopy(program: Namespace) -> Any:
    data: dict[str, Any] = {"list": [1, 2, [3]], "t": (1, 2, "x"), "nested": {"a": True, "b": {1, 2}}}
    data["again"] = data["list"]
    copied = program["copy"].deepcopy(data)
    return copied, copied["again"] is copied["list"], copied["list"] is data["list"]


def _protocols(program: Namespace) -> Any:
    protocols = [program[name] for name in ("HasX", "HasManyAttributes", "SupportsInt", "SupportsManyMethods")]
    instances = [
        program[name]()
        for name in ("Empty", "PropertyX", "HasIntMethod", "InstanceVarX", "ManyInstanceVars", "NominalX")
    ]
    return [isinstance(instance, protocol) for instance in instances for protocol in protocols]


def _regexes(program: Namespace) -> Any:
    compiled = [program["re"].compile(*regex) for regex in program["regexes"]]
    return [(regex.pattern, regex.flags, regex.groups, dict(regex.groupindex)) for regex in compiled]


def _finished(coroutine: Any) -> Any:
    """What a coroutine that waits for nothing returns."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


async def _collected(iterable: Any) -> list[Any]:
    return [item async for item in iterable]


def _async_tree(program: Namespace) -> Any:
    import asyncio

    found = []

    async def leaf() -> None:
        found.append(len(found))

    tree = program["NoneAsyncTree"]()
    tree.workload_func = leaf
    asyncio.run(tree.recurse_with_gather(3))
    return found, program["async_tree"].cache


def _tokeniser(program: Namespace) -> Any:
    text = "the quick brown fox jumps over the lazy dog, and the dog over the fox; " * 4
    encoding = program["SimpleBytePairEncoding"].train(text, vocab_size=280, pat_str=r" ?[a-z]+|[^a-z]+")
    tokens = encoding.encode(text)
    return tokens, encoding.decode(tokens) == text, encoding.mergeable_ranks


CHECKS: dict[str, Callable[[Namespace], Any]] = {
    "async_generators": lambda program: _finished(_collected(program["tree"](range(1000)))),
    **dict.fromkeys(
        ("async_tree_none", "async_tree_io", "async_tree_memoization", "async_tree_cpu_io_mixed"), _async_tree
    ),
    "bpe_tokeniser": _tokeniser,
    "comprehensions": lambda program: program["WidgetTray"](1, program["make_some_widgets"]()).sorted_widgets,
    "coroutines": lambda program: [_finished(program["fibonacci"](n)) for n in range(18)],
    "deepcopy": _deepcopy,
    "generators": lambda program: list(program["tree"](range(1000))),
    "nbody": lambda program: (program["report_energy"](), program["SYSTEM"]),
    "raytrace": _raytrace,
    "regex_compile": _regexes,
    "scimark": _scimark,
    "spectral_norm": lambda program: program["eval_AtA_times_u"]([1] * 30),
    "typing_runtime_protocols": _protocols,
}


def program_digest(name: str, program: Namespace) -> str:
    """What a program's state comes to after its benchmarks ran: its check, and the random numbers it drew."""
    check = CHECKS.get(name)
    return digest((random.getstate(), check(program) if check else None))
