"""The built library imports only CPython's public symbols, and those that public macros expand to."""

import re
from pathlib import Path

from elftools.elf.elffile import ELFFile
from justjit import _core

ALLOWED = {
    "_Py_Dealloc",
    "_Py_NoneStruct",
    "_Py_TrueStruct",
    "_Py_FalseStruct",
    "_Py_NotImplementedStruct",
    "_Py_EllipsisObject",
}
"""What Py_DECREF, Py_None, Py_True, Py_False, Py_NotImplemented and Py_Ellipsis stand for."""


def _symbols(defined: bool) -> set[str]:
    with Path(_core.__file__).open("rb") as file:
        table = ELFFile(file).get_section_by_name(".dynsym")
        assert table is not None
        return {s.name for s in table.iter_symbols() if s.name and (s["st_shndx"] != "SHN_UNDEF") == defined}


def test_no_private_symbol_is_imported() -> None:
    imported = {name for name in _symbols(defined=False) if name.lstrip("_").startswith("Py")}
    assert "PyFunction_SetVectorcall" in imported or "PyObject_Vectorcall" in imported
    assert {name for name in imported if name.startswith("_")} <= ALLOWED


def test_only_the_module_is_exported() -> None:
    # LLVM's, above all: another copy of it may be in the process.
    ours = re.compile("py|justjit|llvm", re.IGNORECASE)
    exported = {name for name in _symbols(defined=True) if ours.search(name)}
    assert exported == {"PyInit__core"}


def test_no_private_symbol_is_looked_up_by_name() -> None:
    """Names passed to dlsym stand in the read-only data."""
    with Path(_core.__file__).open("rb") as file:
        section = ELFFile(file).get_section_by_name(".rodata")
        data = section.data()
    found = {name.decode() for name in re.findall(rb"\0(_Py[A-Z]?[A-Za-z]*_[A-Za-z]\w{2,60})\0", data)}
    assert found <= ALLOWED
