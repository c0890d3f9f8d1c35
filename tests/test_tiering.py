"""How functions get to the optimizing tier and leave it, with a stand-in that gives baseline code in its place."""

import gc
import subprocess
import time
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import justjit
import pytest
from justjit import _core

VERSION_LIMIT = 8
POINT_DEOPTS = 10


@pytest.fixture(autouse=True)
def stand_in() -> Iterator[None]:
    _core.use_stand_in(True)
    with justjit.config(background=False, optimize_calls=20, optimize_loops=100):
        yield
    wait()
    _core.use_stand_in(False)


def wait() -> None:
    """Until nothing is being compiled."""
    end = time.monotonic() + 20
    while _core.pending_compilations():
        assert time.monotonic() < end
        time.sleep(0.001)


def hooked(function: Callable[..., Any], **options: Any) -> Any:
    """A copy of the function, of which no other test has made anything."""
    assert isinstance(function, types.FunctionType)
    code = function.__code__.replace()
    copy = types.FunctionType(code, function.__globals__, function.__name__, closure=function.__closure__)
    _core.hook(copy, 0, **options)
    return copy


def optimized(function: Callable[..., Any]) -> list[Any]:
    return [form for form in justjit.stats(function).forms if form.tier == "optimizing"]


def add(a: Any, b: Any) -> Any:
    return a + b


def total(count: int) -> int:
    found = 0
    for number in range(count):
        found += number
    return found


def call_often(function: Callable[..., Any], times: int = 300) -> None:
    for number in range(times):
        assert function(number, 2) == number + 2


class TestWhen:
    def test_calls(self) -> None:
        function = hooked(add)
        call_often(function, 15)
        assert "sampling" not in [form.tier for form in justjit.stats(function).forms]
        call_often(function)
        (form,) = optimized(function)
        assert form.entry == "call"
        assert form.why.endswith(" calls")
        assert form.calls > 100
        assert justjit.stats(function).tier == "optimizing"
        samples = dict((name, noted) for _, name, noted in _core.samples(function))
        assert samples["BINARY_OP"]["operands"][0]["types"] == [(int, 60)]

    def test_a_long_loop_is_entered_in_the_middle(self) -> None:
        function = hooked(total)
        assert function(20_000) == sum(range(20_000))
        (form,) = optimized(function)
        assert form.entry == f"loop at line {total.__code__.co_firstlineno + 2}"
        assert form.loop_entries == 1
        assert form.back_edges > 18_000
        assert justjit.stats(function).tier == "baseline"

    def test_short_loops_optimize_the_function(self) -> None:
        function = hooked(total)
        for _ in range(200):
            assert function(10) == 45
        (form,) = optimized(function)
        assert form.entry == "call"

    def test_function_whose_loops_are_entered_is_optimized_too(self) -> None:
        function = hooked(total, optimize_calls=10_000)
        for _ in range(10):
            assert function(3000) == sum(range(3000))
        assert [form.entry for form in optimized(function)][1:] == ["call"]
        assert justjit.stats(function).tier == "optimizing"

    def test_nested_loops(self) -> None:
        def table(size: int) -> int:
            found = 0
            for a in range(size):
                for b in range(size):
                    found += a * b
            return found

        function = hooked(table)
        expected = sum(range(300)) ** 2
        assert function(300) == expected
        assert function(300) == expected
        assert 1 <= len(optimized(function)) <= VERSION_LIMIT

    def test_samples_are_taken_now_and_then(self) -> None:
        function = hooked(add, optimize_calls=400)
        stages = []
        while not optimized(function):
            call_often(function, 1)
            stages.append(justjit.stats(function).optimize_stage)
        begun = [one for one, before in zip(stages[1:], stages, strict=False) if one == "sampling" != before]
        assert len(begun) == 4
        assert stages.count("sampling") in range(4 * 59, 4 * 62)
        assert stages.count("counting") in range(390, 420)
        assert [form.tier for form in justjit.stats(function).forms].count("sampling") == 1

    def test_large_functions_take_more_calls(self) -> None:
        namespace: dict[str, Any] = {}
        exec("def large(a, b):\n" + "    a = a + b\n" * 500 + "    return a\n", namespace)
        function = hooked(namespace["large"])
        for _ in range(90):
            function(1, 1)
        assert not optimized(function)
        for _ in range(200):
            function(1, 1)
        assert len(optimized(function)) == 1

    def test_second_call_with_tier_optimizing(self) -> None:
        function = hooked(add, tier="optimizing")
        assert function(1, 2) == 3
        assert [form.tier for form in justjit.stats(function).forms] == ["sampling"]
        assert function(1, 2) == 3
        assert len(optimized(function)) == 1
        assert function(1, 2) == 3
        assert optimized(function)[0].calls == 1

    def test_few_rounds_with_tier_optimizing(self) -> None:
        function = hooked(total, tier="optimizing")
        assert function(100) == 4950
        assert optimized(function)[0].loop_entries == 1

    @pytest.mark.parametrize("tier", ["baseline", "interpreter"])
    def test_never_with_another_tier(self, tier: str) -> None:
        function = hooked(add, tier=tier)
        call_often(function)
        assert not optimized(function)
        assert justjit.stats(function).tier == tier

    def test_tier_baseline_is_for_what_is_optimized_already_too(self) -> None:
        function = hooked(add)
        call_often(function)
        assert optimized(function)[0].dropped is None
        with justjit.config(tier="baseline"):
            before = optimized(function)[0].calls
            call_often(function)
            assert optimized(function)[0].calls == before
            assert "baseline" in optimized(function)[0].dropped
            assert justjit.stats(function).tier == "baseline"
        call_often(function)
        assert optimized(function)[-1].dropped is None

    def test_functions_that_share_code(self) -> None:
        def make() -> Callable[[Any, Any], Any]:
            return lambda a, b: a + b

        first, second = make(), make()
        for function in (first, second):
            _core.hook(function, 0)
        call_often(first)
        before = optimized(first)[0].calls
        call_often(second, 10)
        assert optimized(first)[0].calls >= before + 9
        assert len(optimized(first)) == 1

    def test_generators(self) -> None:
        def numbers(count: int) -> Iterator[int]:
            yield from range(count)

        function = hooked(numbers)
        for _ in range(300):
            assert sum(function(20)) == 190
        assert len(optimized(function)) == 1


class TestDeclining:
    def test_at_once(self) -> None:
        _core.use_stand_in(True, declines="there is nothing to gain")
        function = hooked(add)
        call_often(function)
        found = justjit.stats(function)
        assert found.tier == "baseline"
        assert found.optimize_declined == [("call", "there is nothing to gain")]
        assert found.optimize_resting == "there is nothing to gain"
        assert "Is not optimized: there is nothing to gain." in justjit.explain(function)
        versions = found.versions
        call_often(function, 2000)
        assert justjit.stats(function).versions == versions
        assert justjit.stats().optimize_declined["there is nothing to gain"] >= 1

    @pytest.mark.parametrize("background", [False, True])
    @pytest.mark.parametrize(
        ("how", "reason"),
        [
            ({"fails": "no registers"}, "no registers"),
            ({"panics": True}, "the compiler failed: a stand-in that panics"),
        ],
    )
    def test_later(self, background: bool, how: dict[str, Any], reason: str) -> None:
        _core.use_stand_in(True, **how)
        function = hooked(add, background=background)
        call_often(function)
        wait()
        call_often(function)
        found = justjit.stats(function)
        assert found.optimize_resting == reason
        assert (found.tier, len(optimized(function))) == ("baseline", 0)

    def test_a_loop_only(self) -> None:
        _core.use_stand_in(True, declines="not this loop")
        function = hooked(total)
        assert function(450) == sum(range(450))
        found = justjit.stats(function)
        assert found.optimize_declined[0][0].startswith("loop at line")
        _core.use_stand_in(True)
        for _ in range(300):
            assert function(3) == 3
        assert [form.entry for form in optimized(function)] == ["call"]


class TestDropping:
    def test_left_too_often(self) -> None:
        _core.use_stand_in(True, left_at=["BINARY_OP"])
        function = hooked(add)
        call_often(function, 2000)
        first, second = optimized(function)
        assert first.deopts == POINT_DEOPTS + 1
        assert first.dropped is not None and "another value" in first.dropped
        assert (second.dropped, second.deopts) == (None, 0)
        found = justjit.stats(function)
        (site,) = found.deopt_sites
        assert (site.opname, site.count, site.reason) == ("BINARY_OP", POINT_DEOPTS + 1, "another value")
        assert site.line == add.__code__.co_firstlineno + 1
        assert [text for _, text in found.widened] == ["another value"]
        assert f"left {POINT_DEOPTS + 1} times" in justjit.explain(function)
        assert "BINARY_OP: another value" in repr(found)

    def test_never_more_than_a_few_versions(self) -> None:
        opnames = [
            "LOAD_GLOBAL",
            "GET_ITER",
            "BUILD_LIST",
            "BINARY_OP",
            "CONTAINS_OP",
            "UNARY_NEGATIVE",
            "BINARY_SUBSCR",
        ]

        def work(a: int) -> int:
            found = [a]
            if a in found:
                found[0] += len(found)
            return -found[0]

        function = hooked(work, optimize_calls=2)
        for opname in opnames:
            _core.use_stand_in(True, left_at=[opname])
            for _ in range(600):
                assert function(3) == -4
        found = justjit.stats(function)
        versions = optimized(function)
        assert len(versions) <= VERSION_LIMIT
        assert sum(found.deopts.values()) <= VERSION_LIMIT * (POINT_DEOPTS + 1)
        if all(form.dropped for form in versions):
            assert found.tier == "baseline"
        before = found.versions
        for _ in range(5000):
            function(3)
        assert justjit.stats(function).versions <= before + VERSION_LIMIT

    def test_each_one_behind_the_second_takes_twice_as_long(self) -> None:
        _core.use_stand_in(True, left_at=["BINARY_OP"])
        function = hooked(add)
        waited = []
        for _ in range(3):
            calls = 0
            while justjit.stats(function).optimize_stage != "sampling":
                call_often(function, 1)
                calls += 1
            waited.append(calls)
            dropped = len(optimized(function))
            # Other instructions are left each time.
            _core.use_stand_in(True, left_at=[["BINARY_OP", "LOAD_FAST_LOAD_FAST", "RESUME"][dropped]])
            while not (forms := optimized(function))[dropped:] or forms[-1].dropped is None:
                call_often(function, 1)
        assert waited[0] in range(18, 25)
        assert waited[1] in range(18, 25)
        assert waited[2] in range(38, 45)

    def test_loop_that_is_left(self) -> None:
        _core.use_stand_in(True, left_at=["BINARY_OP"])
        function = hooked(total)
        for _ in range(5):
            assert function(20_000) == sum(range(20_000))
        assert optimized(function)[0].dropped is not None
        assert sum(justjit.stats(function).deopts.values()) <= VERSION_LIMIT * (POINT_DEOPTS + 1)


class TestBackground:
    @pytest.fixture(autouse=True)
    def background(self) -> Iterator[None]:
        with justjit.config(background=True):
            yield

    def test_the_program_goes_on(self) -> None:
        _core.use_stand_in(True, milliseconds=1500)
        function = hooked(add)
        start = time.monotonic()
        call_often(function)
        assert time.monotonic() - start < 1.5
        assert justjit.stats(function).optimize_stage == "compiling"
        assert "Is being compiled" in justjit.explain(function)
        wait()
        call_often(function)
        (form,) = optimized(function)
        assert form.calls >= 200
        assert form.phases["waiting"] >= 200e6

    def test_one_after_the_other(self) -> None:
        _core.use_stand_in(True, milliseconds=20)
        functions = [hooked(lambda a, b: a + b) for _ in range(8)]
        for function in functions:
            call_often(function)
        assert _core.pending_compilations() > 4
        wait()
        for function in functions:
            assert len(optimized(function)) == 1

    def test_taken_over_by_calls_alone(self) -> None:
        _core.use_stand_in(True, milliseconds=5)
        function = hooked(add)
        end = time.monotonic() + 20
        while not optimized(function) and time.monotonic() < end:
            call_often(function, 200)
        assert optimized(function)

    def test_taken_over_in_a_running_loop(self) -> None:
        _core.use_stand_in(True, milliseconds=5)
        function = hooked(total)
        count = 20_000_000
        assert function(count) == count * (count - 1) // 2
        (form,) = optimized(function)
        assert form.loop_entries == 1 and form.back_edges > 1000

    def test_code_replaced_meanwhile(self) -> None:
        _core.use_stand_in(True, milliseconds=50)
        function = hooked(add)
        call_often(function)
        old = function.__code__
        function.__code__ = (lambda a, b: a - b).__code__
        wait()
        for _ in range(50):
            assert function(5, 3) == 2
        assert old.co_name == "add"

    def test_unhooked_meanwhile(self) -> None:
        _core.use_stand_in(True, milliseconds=50)
        function = hooked(add)
        call_often(function)
        _core.unhook(function)
        wait()
        call_often(function)
        assert not _core.is_hooked(function)
        assert sum(form.calls for form in optimized(function)) == 0
        _core.hook(function, 0)
        call_often(function)
        assert sum(form.calls for form in optimized(function)) > 0

    def test_function_deleted_meanwhile(self) -> None:
        _core.use_stand_in(True, milliseconds=50)
        namespace: dict[str, Any] = {}
        exec("def add(a, b): return a + b", namespace)
        function = hooked(namespace["add"])
        reference, code = weakref.ref(function), weakref.ref(function.__code__)
        call_often(function)
        assert _core.pending_compilations() == 1
        del function
        namespace.clear()
        gc.collect()
        assert reference() is not None
        wait()
        gc.collect()
        assert reference() is None and code() is None

    def test_settings_changed_meanwhile(self) -> None:
        _core.use_stand_in(True, milliseconds=50)
        function = hooked(add)
        call_often(function)
        with justjit.config(tier="baseline"):
            wait()
            call_often(function)
        assert not optimized(function)
        call_often(function)
        wait()
        call_often(function)
        assert len(optimized(function)) == 1

    def test_threads(self, run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
        found = run_python(
            PROLOGUE
            + """
import threading
functions = [make() for _ in range(20)]
def work():
    for n in range(30_000):
        f = functions[n % len(functions)]
        assert f(n, 1) == n + 1
threads = [threading.Thread(target=work) for _ in range(8)]
sys.setswitchinterval(1e-5)
for t in threads: t.start()
for t in threads: t.join()
wait()
for f in functions: often(f)
print(sum(justjit.stats(f).tier == "optimizing" for f in functions) == 20)
"""
        )
        assert (found.stdout, found.stderr) == ("True\n", "")


PROLOGUE = """
import sys, os, time, signal, faulthandler
faulthandler.enable()
import justjit
from justjit import _core
_core.use_stand_in(True, milliseconds=int(sys.argv[1]) if len(sys.argv) > 1 else 10)
justjit.config(background=True, optimize_calls=20, optimize_loops=100)
def make():
    # Too much to be left to the interpreter, which calls it.
    def add(a, b): return a + b + 0 + 0 + 0 + 0 + 0
    add.__code__ = add.__code__.replace()
    _core.hook(add, 0)
    return add
def often(f):
    for n in range(300): assert f(n, 1) == n + 1
def wait():
    while _core.pending_compilations(): time.sleep(0.001)
"""


class TestProcesses:
    @pytest.mark.parametrize("registered", ["before", "after"])
    def test_nothing_is_compiled_any_more_at_exit(
        self, run_python: Callable[..., subprocess.CompletedProcess[str]], registered: str
    ) -> None:
        # What justjit has registered runs between what is registered before and after it is imported.
        program = """
import atexit

def make(number):
    names = {}
    exec(f"def hot(n):\\n t = 0\\n for i in range(n):\\n  t += i * {number} % 7\\n return t", names)
    return justjit.jit(names["hot"])

def late():
    print(sum(make(number)(30_000) > 0 for number in range(1, 30)))  # Multiples of 7 give 0.
"""
        steps = ["import justjit", "atexit.register(late)"]
        steps = steps if registered == "after" else steps[::-1]
        code = "\n".join([program, *steps, "for number in range(20):", "    make(number)(30_000)"])
        for _ in range(3):
            found = run_python(code)
            assert (found.stdout, found.stderr, found.returncode) == ("25\n", "", 0)

    def test_exit_while_compiling(self, run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
        code = (
            PROLOGUE
            + "\n_core.use_stand_in(True, milliseconds=60_000)\nfor _ in range(3): often(make())\nprint(_core.pending_compilations())"
        )
        start = time.monotonic()
        found = run_python(code)
        assert (found.stdout, found.stderr, found.returncode) == ("3\n", "", 0)
        assert time.monotonic() - start < 10

    @pytest.mark.parametrize("leave", ["sys.exit(3)", "os._exit(3)", "raise SystemExit(3)", "os.kill(os.getpid(), 15)"])
    def test_other_ways_to_end(self, run_python: Callable[..., subprocess.CompletedProcess[str]], leave: str) -> None:
        found = run_python(PROLOGUE + f"\n_core.use_stand_in(True, milliseconds=60_000)\noften(make())\n{leave}")
        assert (found.stderr, found.returncode) == ("", -15 if "kill" in leave else 3)

    def test_calls_at_exit(self, run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
        found = run_python(
            PROLOGUE
            + """
import atexit
late = make()
class Last:
    def __del__(self): often(late)
last = Last()
often(make())
atexit.register(lambda: often(make()))
sys.modules["last"] = last
"""
        )
        assert (found.stderr, found.returncode) == ("", 0)

    def test_fork(self, run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
        found = run_python(
            PROLOGUE
            + """
often(make()); wait()
pending = [make() for _ in range(5)]
for f in pending: often(f)
child = os.fork()
if child == 0:
    signal.alarm(20)
    assert _core.pending_compilations() == 0, "the parent's"
    for f in pending: often(f)
    f = make()
    often(f)
    wait()
    often(f)
    print("child", justjit.stats(f).tier, flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
wait()
for f in pending: often(f)
print("parent", {justjit.stats(f).tier for f in pending})
"""
        )
        assert (found.stdout, found.stderr) == ("child optimizing\nparent {'optimizing'}\n", "")

    def test_fork_that_cannot_wait(self, run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
        found = run_python(
            "import warnings; warnings.simplefilter('ignore')"
            + PROLOGUE
            + """
_core.use_stand_in(True, milliseconds=3000)
f = make()
often(f)
time.sleep(0.1)
start = time.monotonic()
child = os.fork()
assert time.monotonic() - start < 2
if child == 0:
    g = make()
    often(g)
    often(f)
    print(justjit.stats(g).optimize_resting, justjit.stats(g).tier, flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
        )
        assert found.stdout == "this process was forked while the optimizing tier was at work baseline\n"
        assert found.stderr == ""

    def test_many_forks(self, run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
        found = run_python(
            PROLOGUE
            + """
_core.use_stand_in(True, milliseconds=1)
for n in range(30):
    f = make()
    often(f)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        often(f); often(make()); wait()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
print("done")
"""
        )
        assert (found.stdout, found.stderr) == ("done\n", "")

    def test_signals_go_to_the_program(self, run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
        found = run_python(
            PROLOGUE
            + """
_core.use_stand_in(True, milliseconds=500)
often(make())
status = open(f"/proc/self/task/{max(map(int, os.listdir('/proc/self/task')))}/status").read() if sys.platform == "linux" else ""
blocked = [line for line in status.splitlines() if line.startswith("SigBlk")]
print(all(int(line.split()[1], 16) & 1 << signal.SIGINT - 1 for line in blocked))
"""
        )
        assert (found.stdout, found.stderr) == ("True\n", "")


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "wrong", "error"),
        [
            ("tier", "fastest", ValueError),
            ("optimize_calls", -1, ValueError),
            ("optimize_loops", 1.5, TypeError),
            ("opt_level", 4, ValueError),
            ("opt_level", True, TypeError),
            ("background", 1, TypeError),
            ("backend", "gcc", ValueError),
            ("passes_off", "inline", TypeError),
            ("passes_off", ["inline"], ValueError),
            ("passes_off", [1], TypeError),
            ("stress", "everything", ValueError),
        ],
    )
    def test_wrong_values(self, name: str, wrong: object, error: type[Exception]) -> None:
        before = justjit.config().as_dict()
        with pytest.raises(error, match=name):
            justjit.config(**{name: wrong})
        assert justjit.config().as_dict() == before
        if name not in ("passes_off", "stress"):
            with pytest.raises(error, match=name):
                justjit.jit(**{name: wrong})  # type: ignore[call-overload]

    def test_right_values(self) -> None:
        values: dict[str, Any] = {
            "tier": "optimizing",
            "optimize_calls": 7,
            "optimize_loops": 0,
            "opt_level": 3,
            "background": False,
            "backend": "cranelift",
            "passes_off": ("licm", "selects"),
            "stress": "optimize",
        }
        before = justjit.config().as_dict()
        with justjit.config(**values) as found:
            assert {name: getattr(found, name) for name in values} == values
        assert justjit.config().as_dict() == before

    def test_of_one_function(self) -> None:
        @justjit.jit(baseline_calls=0, optimize_calls=5)
        def soon(a: int, b: int) -> int:
            return a + b

        @justjit.jit(baseline_calls=0, optimize_calls=100_000)
        def late(a: int, b: int) -> int:
            return a + b

        call_often(soon)
        call_often(late)
        assert (len(optimized(soon)), len(optimized(late))) == (1, 0)

    def test_interpreter_for_one_function(self) -> None:
        @justjit.jit(tier="interpreter")
        def function(a: int, b: int) -> int:
            return a + b

        call_often(function)
        found = justjit.stats(function)
        assert (found.tier, found.declined) == ("interpreter", 'tier="interpreter" was asked for')
        justjit.jit(function, tier="auto", baseline_calls=0)
        call_often(function)
        assert justjit.stats(function).tier == "optimizing"

    def test_environment(self, run_interpreter: Callable[..., subprocess.CompletedProcess[str]]) -> None:
        values = {
            "JUSTJIT_TIER": "optimizing",
            "JUSTJIT_OPTIMIZE_CALLS": "7",
            "JUSTJIT_OPTIMIZE_LOOPS": "70",
            "JUSTJIT_OPT_LEVEL": "1",
            "JUSTJIT_BACKGROUND": "0",
            "JUSTJIT_BACKEND": "llvm",
            "JUSTJIT_PASSES_OFF": "selects, licm",
            "JUSTJIT_STRESS": "optimize",
        }
        show = (
            "import justjit; c = justjit.config(); print(c.tier, c.optimize_calls, c.optimize_loops, c.opt_level,"
            " c.background, c.backend, c.passes_off, c.stress)"
        )
        found = run_interpreter("-c", show, env=values)
        expected = "optimizing 7 70 1 False llvm ('selects', 'licm') optimize\n"
        assert (found.stdout, found.stderr) == (expected, "")
        for name in values:
            wrong = run_interpreter("-c", show, env={name: "?!"})
            assert f"justjit: {name}='?!' is ignored" in wrong.stderr
            assert wrong.returncode == 0
