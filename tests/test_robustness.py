"""What has to hold whatever a program does: interrupts, threads, recursion, tracing, forks, memory. Each in its own process."""

from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]

PRELUDE = """
import gc, os, signal, sys, threading, time
import justjit
from justjit import jit
if {compiled}:
    justjit.config(baseline_calls=0)
    justjit.enable()
"""


@pytest.fixture
def run(run_python: Run) -> Callable[..., list[str]]:
    """The lines that code prints when everything is compiled at its first call."""

    def run_code(code: str, compiled: bool = True, **options: Any) -> list[str]:
        found = run_python(PRELUDE.format(compiled=compiled) + code, "-X", "faulthandler", **options)
        assert found.returncode == 0, found.stderr[-3000:]
        return list(found.stdout.splitlines())

    return run_code


@pytest.fixture
def same(run: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """The same, when it is what the interpreter prints."""

    def run_both(code: str, **options: Any) -> list[str]:
        found = run(code, **options)
        assert found == run(code, compiled=False, **options)
        return found

    return run_both


LOOPS = {
    "while": "while True:\n        n += 1",
    "pass": "while True:\n        pass",
    "for": "for i in iter(int, 1):\n        n += 1",
    "range": "for i in range(10**18):\n        n = i",
    "call": "while True:\n        g(n)",
    "try": "while True:\n        try:\n            n += 1\n        except ValueError:\n            pass",
    "continue": "while True:\n        if n:\n            continue\n        n = 1",
}


class TestSignals:
    @pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
    def test_interrupt_stops_an_infinite_loop(self, run: Any, loop: str) -> None:
        out = run(
            f"def g(x):\n    return x\n"
            f"def f():\n    n = 0\n    {loop}\n"
            "late = []\n"
            "for _ in range(5):\n"
            "    def send():\n"
            "        global sent\n"
            "        sent = time.perf_counter()\n"
            "        os.kill(os.getpid(), signal.SIGINT)\n"
            "    timer = threading.Timer(0.1, send)\n"
            "    timer.start()\n"
            "    try:\n        f()\n"
            "    except KeyboardInterrupt:\n        late.append(time.perf_counter() - sent)\n"
            "    timer.join()\n"
            "print(len(late), sorted(late)[2])"
        )
        count, median = out[0].split()
        assert int(count) == 5
        assert float(median) < 1  # seconds, on a busy machine

    def test_signal_handler_runs_in_a_loop(self, run: Any) -> None:
        out = run(
            "ticks = []\n"
            "signal.signal(signal.SIGALRM, lambda *_: ticks.append(sys._getframe(1).f_code.co_name))\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)\n"
            "def f():\n    n = 0\n    while len(ticks) < 10:\n        n += 1\n    return n > 0\n"
            "print(f())\nsignal.setitimer(signal.ITIMER_REAL, 0)\nprint(set(ticks))"
        )
        assert out == ["True", "{'f'}"]

    def test_handler_that_raises_is_caught_in_the_loop(self, run: Any) -> None:
        out = run(
            "class Timeout(Exception): pass\n"
            "def handler(*_): raise Timeout\n"
            "signal.signal(signal.SIGALRM, handler)\n"
            "def f():\n"
            "    caught = 0\n"
            "    while caught < 5:\n"
            "        signal.setitimer(signal.ITIMER_REAL, 0.005)\n"
            "        try:\n"
            "            while True:\n                pass\n"
            "        except Timeout:\n            caught += 1\n"
            "    return caught\n"
            "print(f())"
        )
        assert out == ["5"]

    def test_asynchronous_exception(self, run: Any) -> None:
        out = run(
            "import ctypes\n"
            "def f():\n    try:\n        while True: pass\n    except KeyError:\n        done.append('stopped')\n"
            "done = []\n"
            "t = threading.Thread(target=f)\nt.start()\ntime.sleep(0.1)\n"
            "ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(t.ident), ctypes.py_object(KeyError))\n"
            "t.join(5)\nprint(done)"
        )
        assert out == ["['stopped']"]


class TestThreads:
    def test_others_run_during_a_loop(self, run: Any) -> None:
        out = run(
            "stop = False\n"
            "def spin():\n    n = 0\n    while not stop:\n        n += 1\n"
            "t = threading.Thread(target=spin)\nt.start()\n"
            "switches = 0\nend = time.monotonic() + 1\n"
            "while time.monotonic() < end:\n    time.sleep(0.001)\n    switches += 1\n"
            "stop = True\nt.join()\nprint(switches > 10)"
        )
        assert out == ["True"]

    def test_many_threads_through_the_same_function(self, run: Any) -> None:
        out = run(
            "class P:\n    def __init__(self, x): self.x = x\n    def get(self): return self.x\n"
            "def work(n):\n"
            "    total, items = 0, {}\n"
            "    for i in range(n):\n"
            "        items[i % 7] = P(i)\n        total += items[i % 7].get()\n"
            "    return total\n"
            "results = []\n"
            "def go():\n    results.append([work(5000) for _ in range(5)])\n"
            "sys.setswitchinterval(1e-5)\n"
            "threads = [threading.Thread(target=go) for _ in range(8)]\n"
            "[t.start() for t in threads]\n[t.join() for t in threads]\n"
            "print(len(results), {sum(r) for r in results})"
        )
        assert out == ["8", "{62487500}"] or out == ["8 {62487500}"]

    def test_thread_locals_and_exceptions_stay_apart(self, same: Any) -> None:
        same(
            "sys.setswitchinterval(1e-5)\n"
            "bad = []\n"
            "def work(k):\n"
            "    for i in range(2000):\n"
            "        try:\n            raise ValueError(k, i)\n"
            "        except ValueError as e:\n"
            "            if e.args != (k, i) or sys.exception() is not e: bad.append(k)\n"
            "ts = [threading.Thread(target=work, args=(k,)) for k in range(6)]\n"
            "[t.start() for t in ts]\n[t.join() for t in ts]\nprint(bad)"
        )


DEEP = """
def f(n):
    global depth
    depth = n
    return f(n + 1) + 1
class A:
    def m(self, n):
        global depth
        depth = n
        return self.m(n + 1)
class B:
    def __init__(self, n):
        global depth
        depth = n
        self.next = B(n + 1)
def g(n, *rest, key=1, **more):
    global depth
    depth = n
    return g(n + 1, *rest, key=key, **more)
h = lambda n: globals().__setitem__('depth', n) or h(n + 1)
def through_c(n):
    global depth
    depth = n
    return list(map(through_c, [n + 1]))
"""


class TestRecursion:
    @pytest.mark.parametrize("call", ["f(0)", "A().m(0)", "g(0, 1, 2, z=5)", "h(0)"])
    def test_same_depth_as_the_interpreter(self, same: Any, call: str) -> None:
        out = same(
            f"{DEEP}\n"
            "for _ in range(3):\n"
            f"    try:\n        {call}\n    except RecursionError as e:\n        print(depth, e)\n"
            f"sys.setrecursionlimit(400)\n"
            f"try:\n    {call}\nexcept RecursionError as e:\n    print(depth, e)\n"
        )
        assert "maximum recursion depth exceeded" in out[0]

    @pytest.mark.parametrize("call", ["f(0)", "A().m(0)", "B(0)", "g(0, 1, 2, z=5)", "h(0)", "through_c(0)"])
    def test_huge_limit_raises_and_does_not_crash(self, run: Any, call: str) -> None:
        out = run(
            f"{DEEP}\nsys.setrecursionlimit(10**6)\n"
            f"try:\n    {call}\nexcept RecursionError:\n    print('RecursionError', depth > 1000)\n"
            f"def fine(n): return 0 if n == 0 else 1 + fine(n - 1)\nprint(fine(500))",
        )
        assert out == ["RecursionError True", "500"]

    @pytest.mark.parametrize("call", ["f(0)", "A().m(0)", "B(0)", "g(0, 1, 2, z=5)", "through_c(0)"])
    @pytest.mark.parametrize("size", [256, 1024])
    @pytest.mark.parametrize("limit", [1000, 10**6])
    def test_small_thread_stack(self, run: Any, call: str, limit: int, size: int) -> None:
        out = run(
            f"{DEEP}\nsys.setrecursionlimit({limit})\nthreading.stack_size({size} * 1024)\n"
            f"def go():\n    try:\n        {call}\n    except RecursionError:\n        print('RecursionError')\n"
            "t = threading.Thread(target=go)\nt.start()\nt.join()"
        )
        assert out == ["RecursionError"]

    def test_calls_in_c_are_counted(self, same: Any) -> None:
        """What has no vectorcall is called with the interpreter's own count of calls in C that are nested."""
        out = same(
            "import functools, operator\nsys.setrecursionlimit(10**6)\ndepth = 0\n"
            "@functools.lru_cache\ndef cached(n):\n    global depth\n    depth = n\n    return cached(n + 1)\n"
            "for _ in range(3):\n"
            "    cached.cache_clear()\n"
            "    try:\n        cached(0)\n    except RecursionError as e:\n        print(500 < depth < 50_000, e)\n"
        )
        assert out == ["True maximum recursion depth exceeded while calling a Python object"] * 3

    def test_recovers_many_times(self, run: Any) -> None:
        out = run(
            f"{DEEP}\nn = 0\nfor _ in range(200):\n    try:\n        f(0)\n    except RecursionError:\n        n += 1\nprint(n)"
        )
        assert out == ["200"]

    def test_mutual_recursion_with_interpreted(self, run: Any) -> None:
        out = run(
            "from justjit import _core\n"
            "def a(n): return b(n + 1)\ndef b(n): return a(n + 1)\n"
            "_core.hook(b)\n_core.unhook(b)\n"
            "try:\n    a(0)\nexcept RecursionError as e:\n    print(e)"
        )
        assert out == ["maximum recursion depth exceeded"]


TRACED = """
def callee(x):
    y = x * 2
    return y

def work(n):
    total = 0
    for i in range(n):
        total += callee(i)
        if i == switch_at:
            switch()
    try:
        raise ValueError(total)
    except ValueError:
        pass
    return total
"""


class TestTracing:
    @pytest.mark.parametrize("when", ["before", "during"])
    @pytest.mark.parametrize("what", ["settrace", "setprofile"])
    def test_trace_and_profile(self, same: Any, what: str, when: str) -> None:
        out = same(
            f"{TRACED}\n"
            "events = []\n"
            "def tracer(frame, event, arg):\n"
            "    if frame.f_code.co_filename == '<string>' and frame.f_code.co_name in ('work', 'callee'):\n"
            "        shown = repr(arg) if event in ('return', 'exception') else ''\n"
            "        events.append((frame.f_code.co_name, event, frame.f_lineno, shown[:60].split(' at ')[0]))\n"
            "    return tracer\n"
            f"def switch():\n    sys.{what}(tracer)\n"
            + ("    sys._getframe(1).f_trace = tracer\n" if what == "settrace" else "")
            + f"switch_at = {3 if when == 'during' else -1}\n"
            "work(6)\n" + ("switch()\n" if when == "before" else "") + f"work(6)\nwork(6)\nsys.{what}(None)\nwork(6)\n"
            "for e in events: print(e)"
        )
        assert len(out) > 20

    @pytest.mark.parametrize("caught", [True, False])
    @pytest.mark.parametrize("what", ["settrace", "setprofile"])
    def test_watching_begins_in_a_call_that_raises(self, same: Any, what: str, caught: bool) -> None:
        out = same(
            "events = []\n"
            "def tracer(frame, event, arg):\n"
            "    if frame.f_code.co_name in ('outer', 'inner', 'switch'):\n"
            "        events.append((frame.f_code.co_name, event, frame.f_lineno, repr(arg).split(' at ')[0]))\n"
            "    return tracer\n"
            "def switch():\n"
            f"    sys.{what}(tracer)\n"
            "    for depth in (1, 2): sys._getframe(depth).f_trace = tracer\n"
            "    raise ValueError\n"
            "def inner():\n"
            "    try:\n"
            "        switch()\n"
            f"    except {'ValueError' if caught else 'KeyError'}:\n"
            "        x = 1\n"
            "        y = 2\n"
            "def outer():\n"
            "    inner()\n"
            "    return 3\n"
            "for _ in range(3):\n"
            "    try:\n        outer()\n    except ValueError:\n        pass\n"
            f"    sys.{what}(None)\n"
            "    events.append('next')\n"
            "for e in events: print(e)"
        )
        assert len(out) > 10

    @pytest.mark.parametrize("when", ["before", "during"])
    def test_monitoring(self, same: Any, when: str) -> None:
        out = same(
            f"{TRACED}\n"
            "m = sys.monitoring\nE = m.events\nevents = []\n"
            "m.use_tool_id(1, 'test')\n"
            "def note(name):\n"
            "    def callback(code, *rest):\n"
            "        if code.co_name in ('work', 'callee'): events.append((name, code.co_name, repr(rest).split(' at ')[0][:60]))\n"
            "    return callback\n"
            "def switch():\n"
            "    for name in ('PY_START', 'PY_RETURN', 'LINE', 'RAISE', 'EXCEPTION_HANDLED', 'JUMP', 'BRANCH'):\n"
            "        m.register_callback(1, getattr(E, name), note(name))\n"
            "    m.set_events(1, E.PY_START | E.PY_RETURN | E.LINE | E.RAISE | E.EXCEPTION_HANDLED | E.JUMP | E.BRANCH)\n"
            f"switch_at = {3 if when == 'during' else -1}\n"
            "work(6)\n"
            + ("switch()\n" if when == "before" else "")
            + "work(6)\nm.set_events(1, 0)\nm.free_tool_id(1)\nswitch_at = -1\nprint(work(6))\n"
            "for e in events: print(e)"
        )
        assert len(out) > 20

    def test_local_monitoring_events(self, same: Any) -> None:
        same(
            f"{TRACED}\nswitch_at = -1\nm = sys.monitoring\nevents = []\nwork(5)\n"
            "m.use_tool_id(1, 'test')\nm.register_callback(1, m.events.LINE, lambda code, line: events.append(line))\n"
            "m.set_local_events(1, callee.__code__, m.events.LINE)\nwork(4)\n"
            "m.set_local_events(1, callee.__code__, 0)\nwork(4)\nprint(events)"
        )

    def test_callback_from_another_thread_stops_a_running_loop(self, run: Any) -> None:
        out = run(
            "def spin():\n    n = 0\n    while not stop:\n        n += 1\n"
            "stop = False\nlines = set()\n"
            "t = threading.Thread(target=spin)\nt.start()\ntime.sleep(0.1)\n"
            "m = sys.monitoring\nm.use_tool_id(1, 'test')\n"
            "m.register_callback(1, m.events.LINE, lambda code, line: lines.add(code.co_name))\n"
            "m.set_events(1, m.events.LINE)\ntime.sleep(0.2)\nm.set_events(1, 0)\nstop = True\nt.join()\nprint('spin' in lines)"
        )
        assert out == ["True"]

    @pytest.mark.parametrize("when", ["before", "during"])
    @pytest.mark.parametrize("core", ["ctrace", "sysmon"])
    def test_coverage(self, same: Any, tmp_path: Any, when: str, core: str) -> None:
        program = tmp_path / "covered.py"
        program.write_text(TRACED.lstrip() + "\nswitch_at = 2\n")
        out = same(
            f"import coverage\nsys.path.insert(0, {str(tmp_path)!r})\nsys.dont_write_bytecode = True\n"
            f"import covered\ncov = coverage.Coverage(data_file=None, config_file=False, include=[{str(program)!r}])\n"
            + ("covered.switch = cov.start\n" if when == "during" else "covered.switch = lambda: None\ncov.start()\n")
            + "covered.work(5)\ncov.stop()\n"
            f"print(sorted(cov.get_data().lines({str(program)!r}) or []))",
            env={"COVERAGE_CORE": core},
        )
        assert "3" in out[0] or when == "during"

    def test_cprofile(self, same: Any) -> None:
        same(
            f"{TRACED}\nswitch_at = -1\nimport cProfile, pstats\n"
            "work(5)\np = cProfile.Profile()\np.enable()\nwork(50)\np.disable()\nwork(5)\n"
            "s = pstats.Stats(p)\n"
            "print(sorted((k[2], v[0], v[1]) for k, v in s.stats.items() if k[0] == '<string>'))"
        )

    def test_pdb_steps_through(self, same: Any) -> None:
        out = same(
            f"{TRACED}\nimport io, pdb\nswitch_at = 2\n"
            "commands = io.StringIO('n\\nn\\ns\\nargs\\nn\\np x\\nr\\nw\\nc\\n')\n"
            "def switch():\n    pdb.Pdb(stdin=commands, stdout=sys.stdout, nosigint=True, readrc=False).set_trace(sys._getframe(1))\n"
            "print(work(5))"
        )
        assert any("x = 3" in line for line in out)

    def test_breakpoint_line_in_running_function(self, same: Any) -> None:
        same(
            f"{TRACED}\nswitch_at = 1\nlines = []\n"
            "def local(frame, event, arg):\n"
            "    if event == 'line': lines.append(frame.f_lineno)\n    return local\n"
            "def switch():\n"
            "    sys.settrace(lambda frame, event, arg: None)\n    sys._getframe(1).f_trace = local\n"
            "work(4)\nsys.settrace(None)\nprint(lines)"
        )

    def test_jump_by_setting_the_line_number(self, same: Any) -> None:
        same(
            "def work():\n    out = []\n    out.append(1)\n    out.append(2)\n    out.append(3)\n    return out\n"
            "def tracer(frame, event, arg):\n"
            "    if frame.f_code is not work.__code__: return None\n"
            "    if event == 'line' and frame.f_lineno == work.__code__.co_firstlineno + 3:\n        frame.f_lineno += 1\n"
            "    return tracer\n"
            "work()\nsys.settrace(tracer)\nr = work()\nsys.settrace(None)\nprint(r, work())"
        )


class TestProcesses:
    def test_fork(self, run: Any) -> None:
        out = run(
            "def f(n):\n    t = 0\n    for i in range(n): t += i\n    return t\n"
            "f(10)\nsys.stdout.flush()\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    def g(n): return f(n) + 1\n"
            "    ok = f(100) == 4950 and g(100) == 4951\n    os._exit(0 if ok else 1)\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), f(100))"
        )
        assert out == ["0 4950"]

    def test_fork_within_compiled_loop_and_thread(self, run: Any) -> None:
        out = run(
            "def f():\n"
            "    statuses = []\n"
            "    for i in range(5):\n"
            "        pid = os.fork()\n"
            "        if pid == 0:\n            os._exit(i)\n"
            "        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
            "    return statuses\n"
            "import warnings\nwarnings.simplefilter('ignore')\n"
            "out = []\nt = threading.Thread(target=lambda: out.append(f()))\nt.start()\nt.join()\nprint(out[0])"
        )
        assert out == ["[0, 1, 2, 3, 4]"]

    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    def test_multiprocessing(self, run_interpreter: Run, tmp_path: Any, method: str) -> None:
        script = tmp_path / "pool.py"
        script.write_text(
            "import multiprocessing\nfrom justjit import jit, config\nconfig(baseline_calls=0)\n"
            "@jit\ndef work(n):\n    t = 0\n    for i in range(n):\n        t += i\n    return t\n"
            "@jit\nclass P:\n    def __init__(self, x):\n        self.x = x\n    def get(self):\n        return work(self.x)\n"
            "if __name__ == '__main__':\n"
            f"    with multiprocessing.get_context('{method}').Pool(2) as pool:\n"
            "        print(pool.map(work, range(50)) == [sum(range(n)) for n in range(50)])\n"
            "        print([p.get() for p in pool.map(P, [1, 2, 3])])\n"
        )
        found = run_interpreter(str(script))
        assert (found.stdout.splitlines(), found.stderr) == (["True", "[0, 1, 3]"], "")

    def test_subinterpreter(self, run_interpreter: Run) -> None:
        code = (
            "import _interpreters as interpreters\n"
            "i = interpreters.create()\n"
            "print(interpreters.run_string(i, '''try:\n    import justjit\nexcept ImportError as e:\n    print(type(e).__name__)\n"
            "else:\n    print(\"imported\")'''))\n"
            "import justjit\nprint(justjit.__version__ != '')"
        )
        found = run_interpreter("-c", code)
        assert (found.stdout.splitlines(), found.stderr) == (["ImportError", "None", "True"], "")

    def test_exits_cleanly_with_running_daemon_thread(self, run: Any) -> None:
        assert run(
            "def spin():\n    while True: pass\n"
            "threading.Thread(target=spin, daemon=True).start()\ntime.sleep(0.05)\nprint('end')"
        ) == ["end"]


class TestMemory:
    def test_functions_made_and_dropped(self, run: Any) -> None:
        out = run(
            "import resource\n"
            "def make(k):\n    def f(x):\n        t = k\n        for i in range(x): t += i\n        return t\n    return f\n"
            "text = 'def f(x):\\n    t = 0\\n    for i in range(x): t += i * {k}\\n    return t'\n"
            "def fresh(k):\n    namespace = {}\n    exec(text.format(k=k), namespace)\n    return namespace['f']\n"
            "def used():\n"
            "    with open('/proc/self/statm') as f: return int(f.read().split()[1]) * resource.getpagesize()\n"
            "def many(n):\n"
            "    for k in range(n):\n        assert make(k)(3) == k + 3\n"
            "        if k % 10 == 0: assert fresh(k)(3) == 3 * k\n"
            "    gc.collect()\n"
            "many(60_000)\ncode = justjit.stats().code_bytes\nbefore = used()\n"
            "many(100_000)\nafter = used()\n"
            "print((after - before) / 2**20, justjit.stats().code_bytes - code)",
            timeout=300,
        )
        grown, code = out[0].split()
        assert float(grown) < 8
        assert int(code) < 64 * 1024

    def test_limit(self, run: Any) -> None:
        out = run(
            "justjit.disable()\n"
            "justjit.config(code_memory_limit=40_000)\n"
            "kept = []\n"
            "for k in range(300):\n"
            "    namespace = {}\n    exec(f'def f(x):\\n    return x * {k} + len(str(x))', namespace)\n"
            "    kept.append(jit(namespace['f'], baseline_calls=0))\n    assert kept[-1](5) == 5 * k + 1\n"
            "s = justjit.stats()\n"
            "print(s.limit_reached, s.code_bytes <= 40_000, 0 < s.functions_compiled < 300)\n"
            "print('limit' in repr(s), 'limit' in (justjit.stats(kept[-1]).declined or ''))\n"
            "del kept, namespace\ngc.collect()\nprint(justjit.stats().code_bytes < 20_000)"
        )
        assert out == ["True True True", "True True", "True"]

    def test_limit_zero_compiles_nothing(self, run: Any) -> None:
        out = run(
            "justjit.config(code_memory_limit=0)\ndef f(x): return x + 1\nprint(f(1), justjit.stats(f).versions, justjit.stats(f).tier)"
        )
        assert out == ["2 0 interpreter"]

    def test_function_dies_while_it_runs(self, run: Any) -> None:
        out = run(
            "def outer():\n"
            "    def f(n):\n"
            "        global holder\n        holder = None\n        gc.collect()\n"
            "        t = 0\n        for i in range(n): t += i\n        return t\n"
            "    return f\n"
            "for _ in range(50):\n    holder = outer()\n    assert holder(100) == 4950\nprint('fine')"
        )
        assert out == ["fine"]

    def test_collector_runs_in_loops(self, run: Any) -> None:
        out = run(
            "class Node: pass\n"
            "def f(n):\n    for i in range(n):\n        a, b = Node(), Node()\n        a.b, b.a = b, a\n"
            "dead = []\n"
            "gc.callbacks.append(lambda phase, info: dead.append(info.get('collected', 0)))\n"
            "f(50_000)\nprint(sum(dead) > 50_000)"
        )
        assert out == ["True"]

    def test_compiled_functions_are_collected_in_cycles(self, run: Any) -> None:
        out = run(
            "import weakref\n"
            "def make():\n"
            "    def f(n): return n if n == 0 else f(n - 1)\n"
            "    f(3)\n    return weakref.ref(f)\n"
            "refs = [make() for _ in range(20)]\ngc.collect()\nprint(sum(r() is not None for r in refs))"
        )
        assert out == ["0"]


REBINDING = {
    "global": ("value = 1\ndef change(): global value; value = 2", "value"),
    "global function": ("def helper(): return 1\ndef change(): globals()['helper'] = lambda: 2", "helper()"),
    "builtin": ("import builtins\ndef change(): builtins.abs = lambda x: 'new'", "abs(-1)"),
    "shadowed builtin": ("def change(): globals()['abs'] = lambda x: 'new'", "abs(-1)"),
    "class attribute": ("class A: v = 1\na = A()\ndef change(): A.v = 2", "a.v"),
    "method": ("class A:\n    def m(self): return 1\na = A()\ndef change(): A.m = lambda self: 2", "a.m()"),
    "instance over class": ("class A: v = 1\na = A()\ndef change(): a.v = 2", "a.v"),
    "code": ("def h(): return 1\ndef h2(): return 2\ndef change(): h.__code__ = h2.__code__", "h()"),
    "defaults": ("def h(x=1): return x\ndef change(): h.__defaults__ = (2,)", "h()"),
    "keyword defaults": ("def h(*, x=1): return x\ndef change(): h.__kwdefaults__ = {'x': 2}", "h()"),
    "class": ("class A:\n    def m(self): return 1\nclass B:\n    def m(self): return 2\na = A()\ndef change(): a.__class__ = B", "a.m()"),
    "descriptor": ("class A: pass\na = A()\na.__dict__['v'] = 1\ndef change(): A.v = property(lambda self: 2)", "a.v"),
    "getattribute": ("class A: v = 1\na = A()\ndef change(): A.__getattribute__ = lambda self, name: 2", "a.v"),
    "operator": (
        "class A:\n    def __add__(self, o): return 1\na = A()\ndef change(): A.__add__ = lambda self, o: 2",
        "a + a",
    ),
    "truth": ("class A:\n    def __bool__(self): return True\na = A()\ndef change(): A.__bool__ = lambda self: False", "not a"),
    "module attribute": ("import math\nmath.thing = 1\ndef change(): math.thing = 2", "math.thing"),
    "cell": ("def outer():\n    v = 1\n    def get(): return v\n    return get\nget = outer()\n"
             "def change(): get.__closure__[0].cell_contents = 2", "get()"),
    "base class": ("class A: v = 1\nclass B(A): pass\nb = B()\ndef change(): A.v = 2", "b.v"),
    "metaclass": ("class M(type): v = 1\nclass A(metaclass=M): pass\ndef change(): M.v = 2", "A.v"),
    "slots": ("class A:\n    __slots__ = ('v',)\na = A()\na.v = 1\ndef change(): a.v = 2", "a.v"),
    "init": ("class A:\n    def __init__(self): self.v = 1\ndef change():\n    def new(self): self.v = 2\n    A.__init__ = new", "A().v"),
    "call": ("class A:\n    def __call__(self): return 1\na = A()\ndef change(): A.__call__ = lambda self: 2", "a()"),
}  # fmt: skip


class TestRebinding:
    @pytest.mark.parametrize(("setup", "expression"), REBINDING.values(), ids=REBINDING)
    def test_seen_at_once(self, same: Any, setup: str, expression: str) -> None:
        out = same(
            f"{setup}\n"
            "def loop(n):\n"
            "    seen = []\n"
            "    for i in range(n):\n"
            f"        seen.append({expression})\n"
            "        if i == n // 2: change()\n"
            "    return seen\n"
            "print(loop(20))"
        )
        assert len(set(out[0].strip("[]").split(", "))) == 2

    def test_from_another_thread(self, run: Any) -> None:
        out = run(
            "flag = True\n"
            "def spin():\n    n = 0\n    while flag: n += 1\n    return n\n"
            "t = threading.Thread(target=spin)\nt.start()\ntime.sleep(0.1)\nflag = False\nt.join(5)\nprint(t.is_alive())"
        )
        assert out == ["False"]
