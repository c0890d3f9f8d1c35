"""The bytecode decoder against ``dis``, on every code object of the standard library."""

from __future__ import annotations

import dis
import opcode
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests import decoder_dump

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [
    pytest.mark.skipif(shutil.which("cargo") is None, reason="needs cargo"),
    pytest.mark.skipif(sys.version_info[:2] != (3, 13), reason="needs CPython 3.13"),
]


@pytest.fixture(scope="module")
def check() -> Path:
    """The program that compares."""
    build = ["cargo", "build", "--release", "--quiet", "-p", "justjit-bytecode", "--example", "check"]
    subprocess.run(build, cwd=ROOT, check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version=1"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found = re.search(r'"target_directory":"([^"]+)"', metadata.stdout)
    assert found
    return Path(found[1]) / "release" / "examples" / "check"


def run(check: Path, chunks: Iterable[bytes]) -> tuple[int, str]:
    """Has the program compare a dump: its exit status, and what it prints."""
    with subprocess.Popen([check], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        for chunk in chunks:
            process.stdin.write(chunk)
        process.stdin.close()
        output = process.stdout.read().decode()
    return process.returncode, output


def test_standard_library(check: Path) -> None:
    paths = decoder_dump.standard_library()
    status, output = run(check, decoder_dump.chunks(paths))
    print(output)
    assert status == 0, output
    codes, instructions = map(int, re.findall(r"(\d+) (?:code objects|instructions)", output)[:2])
    assert codes > len(paths) and instructions > 100 * len(paths)
    assert ", 0 differences" in output


def sample(count: int) -> int:
    """Something to compile."""
    total = 0
    for number in range(count):
        try:
            total += number
        except ValueError:
            total -= 1
    return total


def test_differences_are_found(check: Path) -> None:
    code = sample.__code__
    fields = decoder_dump.fields("sample", code) + b"\1"
    expected = bytearray(decoder_dump.expected(code))
    for at in range(4, 4 + 3 * decoder_dump.INSTRUCTION.size):
        # Any number that dis gives: one more or less must show.
        changed = bytearray(expected)
        changed[at] ^= 1
        status, output = run(check, [decoder_dump.header(), fields, bytes(changed)])
        assert status != 0, f"changing byte {at} goes unnoticed"
    status, output = run(check, [decoder_dump.header(), fields, bytes(expected)])
    assert status == 0, output
    entry = len(expected) - decoder_dump.ENTRY.size
    for field in range(5):
        changed = bytearray(expected)
        changed[entry + 4 * field] ^= 1
        status, output = run(check, [decoder_dump.header(), fields, bytes(changed)])
        assert status != 0 and "exception table" in output


def test_long_jumps_and_arguments(check: Path) -> None:
    body = "\n".join(f"    x.a{number} = y.b{number}(x, {number}.5)" for number in range(70_000 // 40))
    source = f"def f(x, y):\n  for i in x:\n{body}\n    if i: continue\n"
    code = compile(source, "long.py", "exec")
    records = [decoder_dump.record(name, found) for name, found in decoder_dump.code_objects(code, "long")]
    status, output = run(check, [decoder_dump.header(), *records])
    assert status == 0, output


@pytest.fixture(scope="module")
def table(check: Path) -> list[list[str]]:
    output = subprocess.run([check, "--table"], check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in output.splitlines()]


def test_table_has_every_opcode(table: list[list[str]]) -> None:
    """Numbers and names, as the interpreter's own tables give them."""
    found = {name: int(byte) for byte, name, *_ in table}
    specialized = {name for names in opcode._specializations.values() for name in names}
    known = {name: number for name, number in dis.opmap.items() if number < 256}
    known |= {name: number for name, number in opcode._specialized_opmap.items()}
    left_out = {name for name in known if name.startswith("INSTRUMENTED_")}
    left_out |= {"CACHE", "EXTENDED_ARG", "RESERVED", "ENTER_EXECUTOR"}
    assert found == {name: number for name, number in known.items() if name not in left_out}
    assert {name for _, name, *rest in table if len(rest) == 1} == specialized


def test_table_agrees_with_the_interpreter(table: list[list[str]]) -> None:
    """Inline caches, kinds of operands and stack effects."""
    kinds = {
        "Const": dis.hasconst,
        "Name": dis.hasname,
        "Local": dis.haslocal,
        "LocalPair": dis.haslocal,
        "Free": dis.hasfree,
        "JumpForward": dis.hasjump,
        "JumpBackward": dis.hasjump,
    }
    for byte, name, caches, *rest in table:
        if not rest:
            continue
        number = int(byte)
        operand, effects = rest
        assert int(caches) == opcode._inline_cache_entries.get(name, 0), name
        assert (operand != "None") == (number in dis.hasarg), name
        kind = operand.partition("(")[0]
        for which in kinds.values():
            assert (number in which) == (kinds.get(kind) is which), name
        for argument, effect in enumerate(map(int, effects.split())):
            if name == "BUILD_SLICE" and argument not in (2, 3):
                continue
            if name == "RETURN_VALUE" or name == "INTERPRETER_EXIT":
                assert effect == -1
            wanted = dis.stack_effect(number, argument if number in dis.hasarg else None, jump=False)
            assert effect == wanted, f"{name} {argument}"


def test_malformed_code_is_reported(check: Path) -> None:
    code = sample.__code__
    name = decoder_dump.byte_string(b"broken")
    fields = decoder_dump.fields("broken", code)
    broken = bytearray(fields)
    first_opcode = len(name) + 4
    broken[first_opcode] = 254
    status, output = run(check, [decoder_dump.header(), bytes(broken), b"\0"])
    assert status != 0
    assert "bytecode at offset 0: instrumented opcode 254" in output
    assert struct.unpack_from("<I", fields, len(name))[0] == len(code.co_code)
