"""What the documentation says is so: examples run, settings and variables are all there, links lead somewhere."""

import dis
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import justjit
import pytest
from justjit._environment import _VARIABLES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "OPCODES_REFERENCE.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

VARYING = re.compile(r"^  (back edges|versions|compile time|machine code|optimized version \d+)  .*", re.MULTILINE)
"""Lines of counters that differ from run to run, or whenever code generation changes."""
DEOPTS = re.compile(r"^  (deopts  |  ).*\n", re.MULTILINE)
"""Lines that are only there where something was pending while optimized code ran."""


def _block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def _table_keys(heading: str) -> set[str]:
    """The names in code type at the start of the rows of the table with this heading."""
    table = README.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"^\| `(\w+)", table, re.MULTILINE))


def test_first_example_prints_what_readme_says(run_interpreter: Callable[..., Any], tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(_block("python"))
    run = run_interpreter(str(script))
    assert not run.stderr

    def stable(text: str) -> str:
        return re.sub(" +", " ", VARYING.sub(r"  \1", DEOPTS.sub("", text)))

    assert stable(run.stdout) == stable(_block("text"))


def test_every_setting_is_documented() -> None:
    assert _table_keys("setting") == set(inspect.signature(justjit.config).parameters)


def test_every_environment_variable_is_documented() -> None:
    assert _table_keys("environment variable") == set(_VARIABLES)


def test_every_function_is_documented() -> None:
    functions = [name for name in justjit.__all__ if inspect.isfunction(getattr(justjit, name))]
    missing = [name for name in functions if f"justjit.{name}(" not in README and f"@{name}" not in README]
    assert not missing


def test_opcode_reference_has_every_opcode() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", REFERENCE, re.MULTILINE)
    absent = {"CACHE", "EXTENDED_ARG", "RESERVED", "ENTER_EXECUTOR"}
    plain = {
        name: number
        for name, number in dis.opmap.items()
        if number < 256 and name not in absent and not name.startswith("INSTRUMENTED_")
    }
    assert {name: int(number) for name, number in rows} == plain


def _anchor(heading: str) -> str:
    """The fragment by which GitHub links to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, fragment = target.partition("#")
        if "://" in path:
            continue
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if fragment:
            headings = re.findall(r"^#+ (.*)", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert fragment in map(_anchor, headings), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    """Paths in code type that begin with one of the project's folders."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    named = re.findall(r"`((?:crates|tests|benchmarks|docs|scripts|python)/[\w./-]+)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []
