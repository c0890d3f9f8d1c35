"""``profile()`` and ``python -m justjit profile``: what is found, in which tier, and that the program is left alone."""

import gc
import json
import os
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import justjit
import pytest
from justjit import _core, jit, profile
from justjit._profile import _loops

Run = Callable[..., Any]


def until(seconds: float) -> Iterator[None]:
    """Goes on for so long, whatever a round takes."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        yield


def fresh(function: Any) -> Any:
    """The same function with a code object of its own."""
    return types.FunctionType(function.__code__.replace(), function.__globals__)


def two_loops(n: int) -> int:
    total = 0
    for i in range(n):
        total += i & 3
    for i in range(n):
        for j in range(10):
            total += (i ^ j) & 7
    return total


FIRST = two_loops.__code__.co_firstlineno


def named(result: justjit.Profile, name: str) -> justjit.FunctionProfile:
    found = [one for one in result.functions if one.name == name]
    assert len(found) == 1, [one.name for one in result.functions]
    return found[0]


class TestLoops:
    def test_nested_and_consecutive(self) -> None:
        loops = _core.loops(two_loops.__code__)
        lines = [(one["first_line"] - FIRST, one["last_line"] - FIRST, one["parent"]) for one in loops]
        assert lines == [(2, 3, None), (4, 6, None), (5, 6, 1)]
        assert [one["entry"] for one in loops] == [1, 2, 3]
        inner, outer = ({at for start, end in loops[n]["ranges"] for at in range(start, end)} for n in (2, 1))
        assert inner < outer

    def test_while_try_and_comprehension(self) -> None:
        def f(n: Any) -> Any:
            while n:
                try:
                    n -= 1
                except TypeError:
                    continue
            return [x for x in range(3)]

        first = f.__code__.co_firstlineno
        loops = _core.loops(f.__code__)
        # The `continue` jumps to the first test of the condition, all else to what comes behind that.
        assert [(one["first_line"] - first, one["last_line"] - first) for one in loops] == [(1, 5), (1, 5), (6, 6)]
        merged = _loops(f.__code__)
        assert [(one.first_line, one.entries, one.depth) for one in merged] == [
            (first + 1, {1, 2}, 1),
            (first + 6, {3}, 1),
        ]

    def test_none(self) -> None:
        assert _core.loops((lambda x: x).__code__) == []
        with pytest.raises(TypeError, match="a code object is wanted"):
            _core.loops(two_loops)  # type: ignore[arg-type]


class TestProfile:
    def test_functions_lines_and_tiers(self) -> None:
        def interpreted() -> None:
            for _ in until(0.15):
                sum(range(2000))

        compiled = jit(fresh(two_loops), baseline_calls=0, tier="baseline")
        with profile() as result:
            interpreted()
            for _ in until(0.15):
                compiled(2000)
        plain, fast = named(result, interpreted.__qualname__), named(result, "two_loops")
        assert plain.tier == "interpreter"
        assert plain.notes == ["not hooked: decorate it with @jit, or call justjit.enable()"]
        assert plain.stats is None
        line = interpreted.__code__.co_firstlineno + 2
        assert plain.lines[line] > 0.5 * plain.seconds  # sum() is C code: its time is its caller's
        assert fast.tier == "baseline"
        assert fast.stats is not None
        assert fast.stats.calls > 1
        assert 0 < plain.share + fast.share <= 1.0001
        assert result.seconds >= 0.3
        assert result.python_seconds + result.idle_seconds == pytest.approx(result.seconds, rel=0.2)

    def test_loops_have_their_time(self) -> None:
        compiled = jit(fresh(two_loops), baseline_calls=0, tier="baseline")
        with profile() as result:
            for _ in until(0.4):
                compiled(2000)
        loops = named(result, "two_loops").loops
        assert [(one.first_line, one.depth) for one in loops] == [(FIRST + 2, 1), (FIRST + 4, 1), (FIRST + 5, 2)]
        short, outer, inner = loops
        assert outer.seconds > short.seconds > 0
        assert outer.seconds == pytest.approx(outer.own_seconds + inner.seconds)
        assert inner.seconds > 0.25 * outer.seconds
        assert inner.source == "for j in range(10):"
        assert result.loops[0].function == "two_loops"

    def test_optimized_loops(self) -> None:
        compiled = jit(fresh(two_loops), tier="optimizing", background=False)
        for _ in range(10):
            compiled(500)
        if justjit.stats(compiled).tier != "optimizing":
            pytest.fail(str(justjit.explain(compiled)))
        with profile() as result:
            for _ in until(0.4):
                compiled(2000)
        found = named(result, "two_loops")
        assert found.tier == "optimizing"
        # The time is found in the loops, although their code may tell nothing of where it is.
        assert sum(loop.own_seconds for loop in found.loops) > 0.8 * found.seconds
        assert max(found.loops, key=lambda loop: loop.seconds).first_line == FIRST + 4

    def test_sampling_does_not_leave_optimized_code(self) -> None:
        compiled = jit(fresh(two_loops), tier="optimizing", background=False)
        for _ in range(10):
            compiled(500)
        before = justjit.stats(compiled).deopts.get("something was pending at a safepoint", 0)
        with profile(interval=0.0005) as result:
            compiled(30_000_000)
        after = justjit.stats(compiled).deopts.get("something was pending at a safepoint", 0)
        assert result.samples > 5
        assert after - before <= 2  # such as a collection of garbage

    def test_notes_say_why(self) -> None:
        def left(values: Any) -> Any:
            total = 0
            for value in values:
                total = total + value
            return total

        f = jit(left, tier="optimizing", background=False)
        ints, floats = list(range(2000)), [0.5] * 2000
        with profile() as result:
            for _ in until(0.3):
                f(ints)
            for _ in until(0.1):
                f(floats)
        notes = named(result, left.__qualname__).notes
        assert justjit.stats(f).deopts, justjit.explain(f)
        assert any(note.startswith("optimized code was left ") for note in notes), notes

    def test_idle_and_threads(self) -> None:
        def busy() -> None:
            for _ in until(0.2):
                sum(range(5000))

        with profile() as result:
            time.sleep(0.2)
            thread = threading.Thread(target=busy)
            thread.start()
            thread.join()
        assert result.idle_seconds > 0.1
        assert named(result, busy.__qualname__).loops[0].seconds > 0.05

    def test_code_that_is_made_and_dies_meanwhile(self) -> None:
        with profile() as result:
            for number in range(60):
                names: dict[str, Any] = {}
                exec(f"def made_{number % 3}():\n    for i in range(60_000): i * i", names)
                names.popitem()[1]()
                del names
                gc.collect(0)
        assert any(one.name.startswith("made_") for one in result.functions)

    def test_generators_and_coroutines(self) -> None:
        @jit(baseline_calls=0)
        def numbers() -> Any:
            i = 0
            while True:
                i = (i * 3 + 1) % 1001
                yield i

        source = numbers()
        with profile() as result:
            for _ in until(0.2):
                for _ in range(200):
                    next(source)
        assert named(result, numbers.__qualname__).loops[0].depth == 1

    def test_as_dict_and_json_and_table(self) -> None:
        compiled = jit(fresh(two_loops), baseline_calls=0)
        with profile() as result:
            for _ in until(0.2):
                compiled(2000)
        values = json.loads(result.as_json())
        assert values == json.loads(json.dumps(result.as_dict()))
        assert values["functions"][0].keys() >= {"name", "file", "seconds", "tier", "tiers", "lines", "loops", "notes"}
        text = str(result)
        assert text == repr(result) == result.table()
        assert "two_loops" in text
        assert f"test_profile.py:{FIRST + 4}-{FIRST + 6}" in text
        assert len(result.table(limit=1).splitlines()) < len(text.splitlines())

    def test_nothing_sampled(self) -> None:
        with profile(interval=5) as result:
            pass
        assert "nothing was sampled" in str(result)
        assert result.functions == result.loops == []

    def test_wrong_use(self) -> None:
        for wrong in (0, -1, 11, float("nan")):
            with pytest.raises(ValueError, match=r"interval must be from 0.0001 to 10 seconds"):
                profile(interval=wrong)
        with pytest.raises(TypeError, match="interval must be a number of seconds, not 'x'"):
            profile(interval="x")  # type: ignore[arg-type]
        with profile(), pytest.raises(RuntimeError, match="a profile is being made already"):
            profile().start()
        profile().stop()  # none is being made: nothing happens

    def test_exceptions_pass(self) -> None:
        result = profile()
        with pytest.raises(ZeroDivisionError), result:
            1 / 0  # noqa: B018
        assert result.seconds > 0
        with profile():
            pass

    def test_code_objects_are_given_back(self) -> None:
        gc.collect()
        before = sys.getrefcount(two_loops.__code__)
        for _ in range(3):
            with profile() as result:
                for _ in until(0.02):
                    two_loops(100)
            del result
        after = sys.getrefcount(two_loops.__code__)
        assert after == before

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_fork(self, run_python: Run) -> None:
        code = (
            "import justjit, os, sys\n"
            "def spin(): return sum(i for i in range(2_000_000))\n"
            "with justjit.profile() as result:\n"
            "    spin()\n"
            "    child = os.fork()\n"
            "    exec('def made(): pass')\n"
            "    spin()\n"
            "if not child:\n"
            "    assert result.functions == []\n"
            "    with justjit.profile() as result: spin()\n"
            "    os._exit(3 if result.functions else 4)\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
            "print(sum(one.name.startswith('spin') for one in result.functions) > 0)\n"
        )
        run = run_python(code)
        assert (run.stderr, run.stdout) == ("", "3\nTrue\n")

    def test_still_running_at_exit(self, run_python: Run) -> None:
        run = run_python("import justjit\njustjit.profile().start()\nprint(sum(range(100_000)))")
        assert (run.returncode, run.stderr, run.stdout) == (0, "", "4999950000\n")


PROGRAM = """
import sys, time

def hot(n):
    total = 0.0
    for i in range(n):
        total += i * 0.5
    return total

if __name__ == "__main__":
    end = time.perf_counter() + 0.4
    while time.perf_counter() < end:
        hot(20_000)
    print(sys.argv[1:], __name__)
    if "fail" in sys.argv:
        raise KeyError("gone")
    if "exit" in sys.argv:
        sys.exit(7)
"""


class TestCommand:
    @pytest.fixture
    def script(self, tmp_path: Path) -> Path:
        path = tmp_path / "program.py"
        path.write_text(PROGRAM)
        return path

    def test_table(self, run_interpreter: Run, script: Path) -> None:
        run = run_interpreter("-m", "justjit", "profile", str(script), "a", "--json")
        assert run.returncode == 0
        assert run.stdout == "['a', '--json'] __main__\n"
        assert "program.py:6-7" in run.stderr
        assert "for i in range(n):" in run.stderr

    @pytest.mark.parametrize("options", [[], ["--tier", "baseline"], ["--tier", "optimizing", "--interval", "0.002"]])
    def test_json(self, run_interpreter: Run, script: Path, tmp_path: Path, options: list[str]) -> None:
        path = tmp_path / "profile.json"
        run = run_interpreter("-m", "justjit", "profile", *options, "--json", str(path), str(script), "x")
        assert run.stdout == "['x'] __main__\n"
        assert run.stderr == ""
        values = json.loads(path.read_text())
        hot = next(one for one in values["functions"] if one["name"] == "hot")
        assert hot["file"] == str(script)
        assert hot["seconds"] > 0.2
        assert set(hot["tiers"]) <= {"interpreter", "baseline", "optimizing"}
        assert "optimizing" not in hot["tiers"] or "baseline" not in options
        loop = values["loops"][0]
        assert (loop["function"], loop["first_line"], loop["last_line"]) in (("hot", 6, 7), ("<module>", 12, 13))
        assert any((one["function"], one["first_line"]) == ("hot", 6) for one in values["loops"])
        assert values["samples"] > 20

    def test_module(self, run_interpreter: Run, tmp_path: Path, script: Path) -> None:
        path = tmp_path / "profile.json"
        env = {"PYTHONPATH": str(tmp_path)}
        run = run_interpreter("-m", "justjit", "profile", "--json", str(path), "-m", "program", "exit", env=env)
        assert run.returncode == 7
        assert run.stdout == "['exit'] __main__\n"
        assert any(one["name"] == "hot" for one in json.loads(path.read_text())["functions"])

    def test_a_program_that_fails(self, run_interpreter: Run, script: Path) -> None:
        expected = run_interpreter(str(script), "fail")
        run = run_interpreter("-m", "justjit", "profile", str(script), "fail")
        assert run.returncode == expected.returncode == 1
        assert run.stderr.endswith(expected.stderr)
        assert "Functions, without what they call" in run.stderr

    def test_wrong_options(self, run_interpreter: Run, tmp_path: Path, script: Path) -> None:
        for options, message in [
            (["--interval", "0"], "'0' is not a number of seconds"),
            (["--limit", "x"], "is not an integer"),
            (["--json", str(tmp_path / "no" / "file")], "No such file or directory"),
            (["--nothing"], "unrecognized arguments"),
            ([], "which program?"),
        ]:
            run = run_interpreter("-m", "justjit", "profile", *options, *([str(script)] if options else []))
            assert run.returncode != 0
            assert message in run.stderr
            assert run.stdout == ""

    def test_help(self, run_interpreter: Run) -> None:
        assert "--interval" in run_interpreter("-m", "justjit", "profile", "--help").stdout
        assert "profile --help" in run_interpreter("-m", "justjit", "--help").stdout
