"""Every function of the standard library compiles, or is declined with a reason."""

from collections.abc import Callable
from typing import Any

CODE = r"""
import collections, importlib, inspect, io, json, os, pkgutil, sys, sysconfig, types, warnings
from justjit import _core
warnings.simplefilter("ignore")
SKIPPED = {"antigravity", "this", "idlelib", "turtledemo", "test", "lib2to3", "ensurepip", "__phello__", "site", "sitecustomize"}
library = sysconfig.get_path("stdlib")
reasons, compiled, silent, seen = collections.Counter(), 0, [], set()

def take(code, name):
    global compiled
    if code in seen: return
    seen.add(code)
    if code.co_flags & inspect.CO_OPTIMIZED:
        cells = tuple(types.CellType() for _ in code.co_freevars)
        function = types.FunctionType(code, {"__name__": name}, code.co_name, None, cells)
        done = _core.compile_now(function)
        if done: compiled += 1
        else:
            reason = _core.function_stats(function)["declined"]
            reasons[reason] += 1
            if not reason: silent.append(f"{name}.{code.co_qualname}")
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType): take(constant, name)

for folder, folders, files in os.walk(library):
    folders[:] = sorted(f for f in folders if f not in ("site-packages", "__pycache__", "test", "tests", "lib2to3"))
    for file in sorted(files):
        if not file.endswith(".py"): continue
        path = os.path.join(folder, file)
        try:
            with open(path, "rb") as source: code = compile(source.read(), path, "exec", dont_inherit=True)
        except (SyntaxError, UnicodeDecodeError, ValueError): continue
        print(path, file=sys.stderr, flush=True)
        take(code, file[:-3])
print(json.dumps({"compiled": compiled, "reasons": reasons, "silent": silent, "stats": _core.stats()["compile_ns"]}))
"""


def test_every_function(run_python: Callable[..., Any], capsys: Any) -> None:
    import json

    out = run_python(CODE, "-X", "faulthandler", timeout=900)
    assert out.returncode == 0, (
        f"crashed in {[x for x in out.stderr.splitlines() if x.endswith('.py')][-1:]}\n{out.stderr[-2000:]}"
    )
    found = json.loads(out.stdout)
    compiled, declined = found["compiled"], sum(found["reasons"].values())
    with capsys.disabled():
        print(
            f"\nstandard library: {compiled} of {compiled + declined} functions compiled ({compiled / (compiled + declined):.1%})"
        )
        for reason, count in sorted(found["reasons"].items(), key=lambda item: -item[1]):
            print(f"  {count:>6} declined: {reason}")
    assert found["silent"] == []
    assert compiled > 5000
    assert all(len(reason) > 3 for reason in found["reasons"])
