"""Makes `crates/extension/functions-in-use.txt` anew: the functions of LLVM that compiling takes.

    .venv/bin/python scripts/functions_in_use.py

What is in use of LLVM is a third of its code, in small pieces, and the system maps the pages around each one as well.
The linker lays these functions side by side: fifteen megabytes less memory in each process that compiles. Compiles the
numeric benchmark's kernels under valgrind's callgrind, which takes about two minutes; needs valgrind and binutils. A
function that is missing in the list, or one that another LLVM does not have, does no harm.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "crates/extension/functions-in-use.txt"
LIBRARY = "_core.so"
# Names that rustc has mangled, with a hash that another compiler makes another way.
OF_RUST = re.compile(r"17h[0-9a-f]{16}E|^_R")
# The compiler gets the same code where a kernel has little to do: its size is divided by this.
SMALLER = 400
CALLS = 10


def compile_kernels() -> None:
    """Has LLVM compile each kernel that needs no NumPy, which does much of its own under valgrind."""
    import justjit

    from benchmarks.numeric.kernel import MODULES

    justjit.config(background=False, backend="llvm", baseline_calls=1, optimize_calls=4, optimize_loops=300)
    for name in MODULES:
        if name.endswith("_numpy"):
            continue
        module = importlib.import_module(f"benchmarks.numeric.kernels.{name}")
        for kernel in module.KERNELS:
            for function in kernel.functions:
                justjit.jit(function)
            for _ in range(CALLS):
                kernel.functions[0](*kernel.arguments(max(4, kernel.size // SMALLER)))


def called(profile: Path) -> set[str]:
    """The functions of the library that a profile of callgrind's has costs of."""
    names: dict[str, str] = {}
    objects: dict[str, str] = {}
    found = set()
    inside = False
    for line in profile.read_text().splitlines():
        # A number stands for a name, which comes along the first time.
        if not (match := re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?$", line)):
            continue
        callee, kind, number, name = match.groups()
        known = objects if kind == "ob" else names
        if name is not None:
            known[number] = name.strip()
        if callee:
            continue
        if kind == "ob":
            inside = objects[number].endswith(LIBRARY)
        elif inside:
            # Recursion is told apart by a quote and the depth.
            found.add(names[number].partition("'")[0])
    return found


def defined(library: Path) -> set[str]:
    lines = subprocess.run(["nm", library], capture_output=True, text=True, check=True).stdout.splitlines()
    return {fields[2] for line in lines if len(fields := line.split()) == 3 and fields[1] in "tTwW"}


def main() -> None:
    if "--compile-kernels" in sys.argv:
        compile_kernels()
        return
    subprocess.run([ROOT / "scripts/cargo.sh", "build", "--release", "--package", "justjit-extension"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "justjit"
        shutil.copytree(ROOT / "python/justjit", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        library = package / LIBRARY
        # valgrind does not read the debug information of every compiler.
        built = ROOT / "target/release/lib_core.so"
        subprocess.run(["objcopy", "--strip-debug", built, library], check=True)
        profile = Path(folder) / "profile"
        subprocess.run(
            [
                *("valgrind", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={profile}"),
                *(sys.executable, __file__, "--compile-kernels"),
            ],
            check=True,
            env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT}"},
        )
        names = {name for name in called(profile) & defined(library) if not OF_RUST.search(name)}
    LIST.write_text("".join(f"{name}\n" for name in sorted(names)))
    print(f"{len(names):,} functions in {LIST.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
