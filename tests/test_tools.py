"""What other tools see of compiled code: perf by its map, gdb by its interface for just-in-time compilers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.optimized_programs import has_llvm

PROGRAM = """
import os, signal, sys
import justjit

justjit.config({settings}, background=False, baseline_calls=0)

class Stop:
    def now(self):
        os.kill(os.getpid(), signal.SIGTRAP)

@justjit.jit
def inner_one(stop, n):
    total = 0
    for i in range(n):
        total += i
    stop.now()
    return total

@justjit.jit
def outer_one(stop, n):
    return [inner_one(stop, n)][0] + 1

class Go:
    def now(self):
        pass

for _ in range({warm}):
    outer_one(Go(), 50)
"""

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="perf and its maps are Linux's")


def _can_debug() -> bool:
    """Whether there is a gdb that may run programs; containers often forbid it."""
    if sys.platform != "linux" or os.uname().machine != "x86_64" or shutil.which("gdb") is None:
        return False
    command = ["gdb", "-q", "-batch", "-nx", "-ex", "run", "--args", "/bin/true"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "exited normally" in found.stdout


@LINUX
@pytest.mark.parametrize("tier", ["baseline", "optimizing"])
def test_perf_map(run_python: Callable[..., Any], tier: str) -> None:
    out = run_python(
        PROGRAM.format(settings=f"tier={tier!r}", warm=20)
        + "print(os.getpid())\nprint(justjit.stats(inner_one).tier)\n"
        + "sys.stdout.write(open(f'/tmp/perf-{os.getpid()}.map').read())",
        env={"JUSTJIT_PERF": "1"},
    )
    assert out.stderr == ""
    pid, best, *lines = out.stdout.splitlines()
    Path(f"/tmp/perf-{pid}.map").unlink()
    assert best == tier
    ours = [line.split(maxsplit=2) for line in lines if "[justjit " in line]
    for name in ("inner_one", "outer_one"):
        found = [entry for entry in ours if entry[2] == f"py::{name}:<string> [justjit {tier}]"]
        assert found, name
        assert all(int(start, 16) > 0 and int(size, 16) > 0 for start, size, _ in found)


@LINUX
@pytest.mark.parametrize("backend", ["cranelift", *(["llvm"] if has_llvm() else [])])
def test_perf_map_tells_typed_bodies_apart(run_python: Callable[..., Any], backend: str) -> None:
    program = """
import os, sys
import justjit

justjit.config(background=False, backend={backend!r})

@justjit.jit
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

for _ in range(40):
    fib(15)
print(os.getpid())
sys.stdout.write(open(f"/tmp/perf-{{os.getpid()}}.map").read())
"""
    out = run_python(program.format(backend=backend), env={"JUSTJIT_PERF": "1"})
    assert out.stderr == ""
    pid, *lines = out.stdout.splitlines()
    Path(f"/tmp/perf-{pid}.map").unlink()
    found = [line.split(maxsplit=2) for line in lines if line.endswith(":<string> [justjit optimizing]")]
    ranges = sorted((int(start, 16), int(size, 16), name.split(":")[2]) for start, size, name in found)
    assert {name for *_, name in ranges} == {"fib", "fib (typed)"}
    # No code has two names.
    assert all(start + size <= next_one for (start, size, _), (next_one, *_) in zip(ranges, ranges[1:]))


@pytest.mark.skipif(not _can_debug(), reason="needs gdb, and leave to use it")
@pytest.mark.parametrize("tier", ["baseline", "optimizing"])
def test_gdb_walks_through_compiled_frames(tmp_path: Path, tier: str) -> None:
    script = tmp_path / "program.py"
    text = PROGRAM.format(settings=f"tier={tier!r}, unwind_info=True", warm=20)
    script.write_text(text + "signal.signal(signal.SIGTRAP, signal.SIG_DFL)\nouter_one(Stop(), 50)\n")
    commands = ["set debuginfod enabled off", "handle SIGTRAP stop print nopass", "run", "backtrace", "kill"]
    arguments = [part for command in commands for part in ("-ex", command)]
    command = ["gdb", "-q", "-batch", "-nx", *arguments, "--args", sys.executable, str(script)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JUSTJIT_")}
    found = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, env=kept)
    frames = [line.split("in ", 1)[-1].split(" (")[0] for line in found.stdout.splitlines() if line.startswith("#")]
    assert "outer_one" in frames, found.stdout + found.stderr
    # From the innermost function to where the program began.
    assert frames.index("outer_one") > 3
    assert any(name in ("Py_BytesMain", "_start", "main", "__libc_start_main") for name in frames[-3:]), frames
    if tier == "baseline":
        assert "inner_one" in frames[: frames.index("outer_one")]
