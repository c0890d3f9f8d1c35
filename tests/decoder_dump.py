"""Writes code objects, and what ``dis`` says of them, for the decoder's ``check`` and ``bench`` examples to read.

    python tests/decoder_dump.py [--fields-only] [MODULE.py ...] > dump

Without names it takes every module of the standard library. The format (little-endian; a byte string is its length as u32, then
its bytes; -1 stands for "none")::

    file        b"JJCODE2\\n" code*
    code        name:bytes code:bytes exception_table:bytes line_table:bytes
                first_line:i32 flags:u32 stack_size:u32 nlocals_plus:u32 n_locals:u32 n_consts:u32 n_names:u32
                checked:u8 [instructions exceptions]     (the brackets only where checked is 1)
    instructions count:u32 (offset:u32 start:u32 opcode:u8 arg:i64 target:i64 line:i32 end_line:i32 column:i32 end_column:i32)*
    exceptions  count:u32 (start:u32 end:u32 target:u32 depth:u32 lasti:u32)*

An opcode is an index into the list of names that follows the first eight bytes: count:u32 name:bytes*.
"""

from __future__ import annotations

import argparse
import dis
import struct
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path
from types import CodeType

MAGIC = b"JJCODE2\n"
NAMES = sorted(dis.opmap)
INDEX = {name: index for index, name in enumerate(NAMES)}
INSTRUCTION = struct.Struct("<IIBqqiiii")
ENTRY = struct.Struct("<IIIII")
FIELDS = struct.Struct("<iIIIIII")
COUNT = struct.Struct("<I")


def standard_library() -> list[Path]:
    """The source files of the standard library, its tests included, site-packages left out."""
    root = Path(sysconfig.get_path("stdlib"))
    return sorted(path for path in root.rglob("*.py") if "site-packages" not in path.parts)


def code_objects(code: CodeType, name: str) -> Iterator[tuple[str, CodeType]]:
    """A code object and those nested in it, with a name for messages."""
    stack = [(f"{name}:{code.co_qualname}:{code.co_firstlineno}", code)]
    while stack:
        label, code = stack.pop()
        yield label, code
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                stack.append((f"{name}:{constant.co_qualname}:{constant.co_firstlineno}", constant))


def compiled(path: Path) -> Iterator[tuple[str, CodeType]]:
    """The code objects of a source file; none if it is not meant to compile."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError):
            return
    yield from code_objects(code, path.name)


def localsplus(code: CodeType) -> int:
    """How many variables the frame has: an argument that is also a cell has one slot."""
    cells = sum(name not in code.co_varnames for name in code.co_cellvars)
    return len(code.co_varnames) + cells + len(code.co_freevars)


def byte_string(data: bytes) -> bytes:
    return COUNT.pack(len(data)) + data


def fields(name: str, code: CodeType) -> bytes:
    """A code object's fields."""
    numbers = FIELDS.pack(
        code.co_firstlineno,
        code.co_flags,
        code.co_stacksize,
        localsplus(code),
        code.co_nlocals,
        len(code.co_consts),
        len(code.co_names),
    )
    strings = (name.encode("utf-8", "backslashreplace"), code.co_code, code.co_exceptiontable, code.co_linetable)
    return b"".join(map(byte_string, strings)) + numbers


def or_none(number: int | None) -> int:
    return -1 if number is None else number


def expected(code: CodeType) -> bytes:
    """What ``dis`` says of a code object."""
    instructions = []
    for found in dis.get_instructions(code):
        if found.opname == "EXTENDED_ARG":
            continue
        position = found.positions or dis.Positions()
        instructions.append(
            INSTRUCTION.pack(
                found.offset,
                found.start_offset,
                INDEX[found.opname],
                or_none(found.arg),
                or_none(found.jump_target),
                or_none(position.lineno),
                or_none(position.end_lineno),
                or_none(position.col_offset),
                or_none(position.end_col_offset),
            )
        )
    entries = [
        ENTRY.pack(entry.start, entry.end, entry.target, entry.depth, entry.lasti)
        for entry in getattr(dis.Bytecode(code), "exception_entries")  # noqa: B009 (typeshed does not know it)
    ]
    return COUNT.pack(len(instructions)) + b"".join(instructions) + COUNT.pack(len(entries)) + b"".join(entries)


def record(name: str, code: CodeType, fields_only: bool = False) -> bytes:
    """All that the dump holds of a code object."""
    if fields_only:
        return fields(name, code) + b"\0"
    return fields(name, code) + b"\1" + expected(code)


def header() -> bytes:
    """What the dump begins with."""
    return MAGIC + COUNT.pack(len(NAMES)) + b"".join(byte_string(name.encode()) for name in NAMES)


def file_records(job: tuple[Path, bool]) -> bytes:
    """All that the dump holds of a source file."""
    path, fields_only = job
    return b"".join(record(name, code, fields_only) for name, code in compiled(path))


def chunks(paths: list[Path], fields_only: bool = False) -> Iterator[bytes]:
    """The dump of these source files, in parts."""
    yield header()
    with Pool() as pool:
        yield from pool.imap(file_records, [(path, fields_only) for path in paths], chunksize=8)


def main() -> None:
    parser = argparse.ArgumentParser(description="Dump code objects for the decoder's examples.")
    parser.add_argument("--fields-only", action="store_true", help="leave out what dis says")
    parser.add_argument("paths", nargs="*", type=Path, help="source files (default: the standard library)")
    arguments = parser.parse_args()
    for chunk in chunks(arguments.paths or standard_library(), arguments.fields_only):
        sys.stdout.buffer.write(chunk)


if __name__ == "__main__":
    main()
