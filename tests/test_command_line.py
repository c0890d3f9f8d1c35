"""``python -m justjit`` runs programs as ``python`` itself does."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

REPORT = """
import os, sys
print(sys.argv, __name__, sys.modules["__main__"].__dict__ is globals(), __file__ if "__file__" in globals() else None)
print(sys.path[0], __spec__ and __spec__.name, __package__, type(__loader__).__name__, __doc__)
print(sorted(name for name in globals() if not name.startswith("__")))
"""


def same(run_interpreter: Run, *arguments: str, **options: Any) -> Any:
    """Both runs' results, which must be alike."""
    options.setdefault("env", {"JUSTJIT_BASELINE_CALLS": "0"})
    expected = run_interpreter(*arguments, **options)
    found = run_interpreter("-m", "justjit", *arguments, **options)
    assert found.stdout == expected.stdout
    assert found.stderr == expected.stderr
    assert found.returncode == expected.returncode
    return found


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "script.py"
        path.write_text(text)
        return str(path)

    return write


def test_script(run_interpreter: Run, script: Any) -> None:
    same(run_interpreter, script('"""Doc."""' + REPORT), "a", "--stats", "-m")


def test_directory_and_zip(run_interpreter: Run, tmp_path: Path) -> None:
    import zipfile

    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "__main__.py").write_text("import helper\n" + REPORT)
    (folder / "helper.py").write_text("")
    with zipfile.ZipFile(tmp_path / "program.zip", "w") as archive:
        for path in folder.glob("*.py"):
            archive.write(path, path.name)
    for path in (folder, tmp_path / "program.zip"):
        found = run_interpreter("-m", "justjit", str(path), "x")
        assert found.stderr == ""
        assert found.stdout == run_interpreter(str(path), "x").stdout


def test_module(run_interpreter: Run, tmp_path: Path) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(REPORT + "from . import sub")
    (package / "sub.py").write_text(REPORT)
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    for name in ("pack", "pack.sub"):
        expected = run_interpreter("-m", name, "a", "-b", env=env)
        found = run_interpreter("-m", "justjit", "-m", name, "a", "-b", env=env)
        assert found.stdout == expected.stdout
        assert found.stderr == expected.stderr == ""


def test_missing_programs(run_interpreter: Run) -> None:
    same(run_interpreter, "/no/such/script.py")
    for name in ("no_such_module", "os.path.nothing"):
        found = run_interpreter("-m", "justjit", "-m", name)
        assert found.returncode == 1
        assert name in found.stderr
        assert "Traceback" not in found.stderr


def test_code_and_standard_input(run_interpreter: Run) -> None:
    found = run_interpreter("-m", "justjit", "-c", REPORT, "x", "-y")
    assert found.stdout == run_interpreter("-c", REPORT, "x", "-y").stdout
    found = run_interpreter("-m", "justjit", "-", "x", input=REPORT)
    assert found.stdout.splitlines()[0].startswith("['-', 'x'] __main__ True")


@pytest.mark.parametrize(
    "text",
    [
        "import sys; sys.exit(7)",
        "raise SystemExit('bye')",
        "raise SystemExit",
        "def f(x):\n    return 1 / x\n\nf(0)",
        "raise KeyError('k') from ValueError('v')",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    {}['k']",
        "raise KeyboardInterrupt",
        "def f(:\n",
        "x = '",
        "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__, a[2].tb_frame.f_code.co_name)\n[][0]",
        "import atexit\natexit.register(print, 'at exit')\nprint('now')",
        "import threading\nthreading.Thread(target=print, args=('thread',)).start()",
        "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
        "import warnings\nwarnings.warn('careful')",
        "x: int = 5\nprint(__annotations__)\nprint(locals() is globals())",
    ],
)
def test_exits_and_tracebacks(run_interpreter: Run, script: Any, text: str) -> None:
    same(run_interpreter, script(text))


def test_future_statements_do_not_leak(run_interpreter: Run, script: Any) -> None:
    same(run_interpreter, script("def f(x: undefined): ...\n"))


def test_pickling_and_multiprocessing_find_main(run_interpreter: Run, script: Any) -> None:
    for method in ("fork", "spawn", "forkserver"):
        same(
            run_interpreter,
            script(
                "import multiprocessing, pickle\n"
                "class P:\n    def __init__(self, x): self.x = x\n"
                "def work(p): return p.x * 2\n"
                "if __name__ == '__main__':\n"
                "    print(pickle.loads(pickle.dumps(P(3))).x)\n"
                f"    with multiprocessing.get_context({method!r}).Pool(2) as pool:\n"
                "        print(pool.map(work, [P(i) for i in range(5)]))\n"
            ),
        )


def test_really_compiles(run_interpreter: Run, script: Any) -> None:
    path = script(
        "def f(x):\n    return x + 1\n"
        "total = 0\nfor i in range(1000):\n    total += f(i)\n"
        "import justjit\nprint(total, justjit.stats(f).tier, justjit.is_enabled())"
    )
    assert run_interpreter("-m", "justjit", path).stdout == "500500 baseline True\n"


def test_options(run_interpreter: Run, script: Any) -> None:
    path = script("import justjit\nc = justjit.config()\nprint(c.tier, c.baseline_calls, c.code_memory_limit)")
    options = ["--tier", "baseline", "--baseline-calls=5", "--code-memory-limit", "1000000"]
    assert run_interpreter("-m", "justjit", *options, path).stdout == "baseline 5 1000000\n"


def test_stats_come_last(run_interpreter: Run, script: Any) -> None:
    path = script("import atexit, sys\natexit.register(lambda: print('atexit', file=sys.stderr))\nsys.exit(3)")
    found = run_interpreter("-m", "justjit", "--stats", path)
    assert found.returncode == 3
    assert found.stderr.startswith("atexit\njustjit\n  functions hooked")


@pytest.mark.parametrize(
    "arguments",
    [[], ["--nonsense", "x.py"], ["--tier", "fast", "x.py"], ["--baseline-calls", "-1", "x.py"], ["-m"], ["-c"]],
)
def test_wrong_usage(run_interpreter: Run, arguments: list[str]) -> None:
    found = run_interpreter("-m", "justjit", *arguments)
    assert found.returncode == 2
    assert found.stderr.startswith("usage: python -m justjit ")
    assert "Traceback" not in found.stderr


def test_help_and_version(run_interpreter: Run) -> None:
    assert "--baseline-calls N" in run_interpreter("-m", "justjit", "--help").stdout
    assert run_interpreter("-m", "justjit", "--version").stdout.startswith("justjit ")
