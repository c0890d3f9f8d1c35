"""How fast the bytecode decoder is: every code object of the standard library, decoded several times.

python -m benchmarks.decode [--rounds N] [--dump FILE]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests import decoder_dump

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the bytecode decoder on the standard library.")
    parser.add_argument("--rounds", type=int, default=11, help="how often everything is decoded (default: 11)")
    parser.add_argument("--dump", type=Path, help="keep the dumped code objects in this file, or use it if it is there")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    with ExitStack() as stack:
        path: Path | None = arguments.dump
        if path is None:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "stdlib.dump"
        if not path.exists():
            begin = time.perf_counter()
            print("compiling the standard library … ", end="", flush=True)
            with path.open("wb") as file:
                for chunk in decoder_dump.chunks(decoder_dump.standard_library(), fields_only=True):
                    file.write(chunk)
            print(f"{time.perf_counter() - begin:.1f} s")
        command = ["cargo", "run", "--release", "--quiet", "-p", "justjit-bytecode", "--example", "check", "--"]
        with path.open("rb") as file:
            subprocess.run([*command, "--repeat", str(arguments.rounds)], cwd=ROOT, stdin=file, check=True)


if __name__ == "__main__":
    main()
