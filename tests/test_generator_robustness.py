"""What has to hold for generators and coroutines whatever a program does: interrupts, threads, recursion, tracing, memory."""

from typing import Any

import pytest

from tests.test_robustness import run, same  # noqa: F401 (fixtures)

ENDLESS = {
    "for": "def f():\n    for x in ones():\n        pass",
    "sum": "def f():\n    sum(ones())",
    "no yield": "def g():\n    while True:\n        pass\n    yield\ndef f():\n    next(g())",
    "expression": "def f():\n    any(x == 2 for x in ones())",
    "C iterator": "import itertools\ndef f():\n    sum(x * 0 for x in itertools.count())",
    "chain": "def g(n):\n    yield from (g(n - 1) if n else ones())\ndef f():\n    for x in g(50):\n        pass",
    "sends": "def f():\n    g = ones()\n    next(g)\n    while True:\n        g.send(1)",
    "short lives": "def g():\n    yield 1\ndef f():\n    while True:\n        for x in g():\n            pass",
    "await": "async def one():\n    return 1\nasync def g():\n    while True:\n        await one()\ndef f():\n    g().send(None)",
    "async for": (
        "async def items():\n    while True:\n        yield 1\n"
        "async def g():\n    async for x in items():\n        pass\n"
        "def f():\n    g().send(None)"
    ),
    "asyncio": "import asyncio\nasync def g():\n    while True:\n        await asyncio.sleep(0)\ndef f():\n    asyncio.run(g())",
    "finally": (
        "def g():\n    try:\n        yield\n    finally:\n        while True:\n            pass\n"
        "def f():\n    h = g()\n    next(h)\n    h.close()"
    ),
}


class TestSignals:
    @pytest.mark.parametrize("endless", ENDLESS.values(), ids=ENDLESS)
    def test_interrupt_stops_what_is_endless(self, run: Any, endless: str) -> None:  # noqa: F811
        out = run(
            "def ones():\n    while True:\n        yield 1\n"
            f"{endless}\n"
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

    def test_handler_runs_between_yields(self, run: Any) -> None:  # noqa: F811
        out = run(
            "ticks = []\n"
            "signal.signal(signal.SIGALRM, lambda *_: ticks.append(sys._getframe(1).f_code.co_name))\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)\n"
            "def g():\n    while len(ticks) < 10:\n        yield 1\n"
            "def f():\n    return sum(g()) > 0\n"
            "print(f())\nsignal.setitimer(signal.ITIMER_REAL, 0)\nprint(set(ticks))"
        )
        assert out == ["True", "{'g'}"]

    def test_what_a_handler_raises_is_caught_in_the_generator(self, run: Any) -> None:  # noqa: F811
        out = run(
            "class Timeout(Exception): pass\n"
            "def handler(*_): raise Timeout\n"
            "signal.signal(signal.SIGALRM, handler)\n"
            "def inner():\n    while True:\n        yield 0\n"
            "def g():\n"
            "    for caught in range(5):\n"
            "        signal.setitimer(signal.ITIMER_REAL, 0.005)\n"
            "        try:\n            yield from inner()\n"
            "        except Timeout:\n            yield 1\n"
            "print(sum(g()))"
        )
        assert out == ["5"]

    def test_asynchronous_exception(self, run: Any) -> None:  # noqa: F811
        out = run(
            "import ctypes\n"
            "def g():\n    try:\n        while True: yield\n    except KeyError:\n        done.append('stopped')\n"
            "done = []\n"
            "t = threading.Thread(target=lambda: list(x for x in g() if x))\nt.start()\ntime.sleep(0.1)\n"
            "ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(t.ident), ctypes.py_object(KeyError))\n"
            "t.join(5)\nprint(done)"
        )
        assert out == ["['stopped']"] or out == ["[]"]


class TestThreads:
    def test_others_run_during_an_endless_generator(self, run: Any) -> None:  # noqa: F811
        out = run(
            "stop = False\n"
            "def ones():\n    while not stop:\n        yield 1\n"
            "t = threading.Thread(target=lambda: sum(ones()))\nt.start()\n"
            "switches = 0\nend = time.monotonic() + 1\n"
            "while time.monotonic() < end:\n    time.sleep(0.001)\n    switches += 1\n"
            "stop = True\nt.join()\nprint(switches > 10)"
        )
        assert out == ["True"]

    def test_one_generator_for_all_threads(self, run: Any) -> None:  # noqa: F811
        out = run(
            "sys.setswitchinterval(1e-5)\n"
            "def inner(n):\n    for i in range(n):\n        yield i\n"
            "def g(n):\n    yield from inner(n)\n"
            "def take():\n"
            "    while True:\n"
            "        try:\n            found.append(next(h))\n"
            "        except ValueError as e:\n            assert str(e) == 'generator already executing'\n"
            "        except StopIteration:\n            return\n"
            "for _ in range(3):\n"
            "    h, found = g(20_000), []\n"
            "    threads = [threading.Thread(target=take) for _ in range(6)]\n"
            "    [t.start() for t in threads]\n    [t.join() for t in threads]\n"
            "    print(sorted(found) == list(range(20_000)))"
        )
        assert out == ["True"] * 3

    def test_many_threads_through_the_same_functions(self, run: Any) -> None:  # noqa: F811
        out = run(
            "import asyncio\n"
            "def g(n):\n    for i in range(n):\n        try:\n            yield i\n        finally:\n            pass\n"
            "async def leaf(i):\n    await asyncio.sleep(0)\n    return i\n"
            "async def main():\n    return sum([await leaf(i) for i in range(50)])\n"
            "def work():\n    return sum(x for x in g(5000)) + asyncio.run(main())\n"
            "results = []\n"
            "sys.setswitchinterval(1e-5)\n"
            "threads = [threading.Thread(target=lambda: results.append([work() for _ in range(3)])) for _ in range(6)]\n"
            "[t.start() for t in threads]\n[t.join() for t in threads]\n"
            "print(len(results), {x for r in results for x in r})"
        )
        assert out == [f"6 {{{sum(range(5000)) + sum(range(50))}}}"]

    def test_exceptions_of_threads_stay_apart(self, same: Any) -> None:  # noqa: F811
        same(
            "sys.setswitchinterval(1e-5)\n"
            "bad = []\n"
            "def g(k):\n"
            "    for i in range(2000):\n"
            "        try:\n            raise ValueError(k, i)\n"
            "        except ValueError as e:\n"
            "            yield e.args\n"
            "            if e.args != (k, i) or sys.exception() is not e: bad.append(k)\n"
            "def work(k):\n"
            "    for args in g(k):\n        if args[0] != k or sys.exception() is not None: bad.append(k)\n"
            "ts = [threading.Thread(target=work, args=(k,)) for k in range(6)]\n"
            "[t.start() for t in ts]\n[t.join() for t in ts]\nprint(bad)"
        )


DEEP = """
def g(n):
    global depth
    depth = n
    yield from g(n + 1)
def grow(n):
    global depth
    depth = n
    yield n
    yield from grow(n + 1)
def down(n):
    global depth
    depth = n
    return next(iterate(n))
def iterate(n):
    yield down(n + 1)
def loop(n):
    global depth
    depth = n
    for x in loop(n + 1):
        yield x
def consume(n):
    global depth
    depth = n
    yield sum(consume(n + 1))
async def wait(n):
    global depth
    depth = n
    return await wait(n + 1)
async def items(n):
    global depth
    depth = n
    async for x in items(n + 1):
        yield x
def nested(n):
    global depth
    depth = n
    return sum(nested(n + k) for k in (1, 2))
"""
CALLS = {
    "yield from": "for x in g(0): pass",
    "next": "down(0)",
    "for": "next(loop(0))",
    "sum": "next(consume(0))",
    "await": "wait(0).send(None)",
    "async for": "items(0).__anext__().send(None)",
    "expression": "nested(0)",
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


class TestRecursion:
    def test_growing_chain_ends_at_the_same_depth(self, same: Any) -> None:  # noqa: F811
        same(
            f"{DEEP}\n"
            "for limit in (300, 1000, 300):\n"
            "    sys.setrecursionlimit(limit)\n    h = grow(0)\n"
            "    try:\n        for x in h: pass\n    except RecursionError as e:\n        print(x, depth, e, h.gi_frame)\n"
        )

    @each_call
    def test_same_depth_as_the_interpreter(self, same: Any, call: str) -> None:  # noqa: F811
        out = same(
            f"{DEEP}\n"
            "for _ in range(3):\n"
            f"    try:\n        {call}\n    except RecursionError as e:\n        print(depth, e)\n"
            f"sys.setrecursionlimit(400)\n"
            f"try:\n    {call}\nexcept RecursionError as e:\n    print(depth, e)\n"
        )
        assert "maximum recursion depth exceeded" in out[0]

    @each_call
    def test_huge_limit_raises_and_does_not_crash(self, run: Any, call: str) -> None:  # noqa: F811
        out = run(
            f"{DEEP}\nsys.setrecursionlimit(10**6)\n"
            f"try:\n    {call}\nexcept RecursionError:\n    print('RecursionError', depth > 1000)\n"
            "def fine(n):\n    if n:\n        yield from fine(n - 1)\n    yield n\n"
            "sys.setrecursionlimit(1000)\nprint(sum(fine(500)))",
        )
        assert out == ["RecursionError True", "125250"]

    @each_call
    @pytest.mark.parametrize(("limit", "size"), [(1000, 256), (1000, 1024), (10**6, 1024)])
    def test_small_thread_stack(self, run: Any, call: str, limit: int, size: int) -> None:  # noqa: F811
        out = run(
            f"{DEEP}\nsys.setrecursionlimit({limit})\nthreading.stack_size({size} * 1024)\n"
            f"def go():\n    try:\n        {call}\n    except RecursionError:\n        print('RecursionError')\n"
            "t = threading.Thread(target=go)\nt.start()\nt.join()"
        )
        assert out == ["RecursionError"]

    def test_recovers_many_times(self, run: Any) -> None:  # noqa: F811
        calls = "".join(
            f"    try:\n        {call}\n    except RecursionError:\n        n += 1\n" for call in CALLS.values()
        )
        out = run(f"{DEEP}\nn = 0\nfor _ in range(30):\n{calls}print(n)")
        assert out == [str(30 * len(CALLS))]

    def test_long_chain_resumed_many_times(self, same: Any) -> None:  # noqa: F811
        same(
            "sys.setrecursionlimit(5000)\n"
            "def nest(n):\n    if n:\n        return (yield from nest(n - 1)) + 1\n"
            "    total = 0\n    for i in range(300):\n        total += yield i\n    return total\n"
            "g = nest(1000)\nprint(next(g))\n"
            "try:\n    while True: last = g.send(2)\nexcept StopIteration as stop: print(last, stop.value)\n"
            "async def wait(n):\n    return await wait(n - 1) + 1 if n else 5\n"
            "try:\n    wait(1000).send(None)\nexcept StopIteration as stop: print(stop.value)\n"
        )

    def test_long_chain_in_a_small_stack(self, run: Any) -> None:  # noqa: F811
        out = run(
            "sys.setrecursionlimit(10**6)\nthreading.stack_size(256 * 1024)\n"
            "def wrap(it):\n    yield from it\n"
            "def go():\n"
            "    g = iter(range(5))\n"
            "    for _ in range(3000):\n        g = wrap(g)\n        chain.append(g)\n"
            "    try:\n        print(next(g))\n    except RecursionError as e:\n        print('RecursionError')\n"
            "chain = []\n"
            "t = threading.Thread(target=go)\nt.start()\nt.join()\n"
            "while chain: chain.pop()\n"
            "print('alive')"
        )
        assert out[-1] == "alive"
        assert out[0] in ("0", "RecursionError")


TRACED = """
import types

def leaf(n):
    total = 0
    for i in range(n):
        if i == switch_at:
            switch()
        try:
            got = yield i
        except KeyError:
            got = 100
        total += got or 1
    return total

def middle(n):
    x = yield from leaf(n)
    return x + 1

def work(n):
    results = []
    g = middle(n)
    for i in g:
        results.append(i)
    h = middle(n)
    next(h)
    results.append(h.send(5))
    results.append(h.throw(KeyError("k")))
    h.close()
    results.append(sum(x * 2 for x in middle(n)))
    try:
        next(h)
    except StopIteration:
        pass
    return results

@types.coroutine
def pause(x):
    return (yield x)

async def inner(n):
    if n == switch_at:
        switch()
    got = await pause(n)
    return got

async def items(n):
    for i in range(n):
        await inner(i)
        yield i

async def asynchronous(n):
    total = 0
    async for i in items(n):
        total += await inner(i) or 1
    return total

def drive(n):
    c = asynchronous(n)
    found = [c.send(None)]
    try:
        while True:
            found.append(c.send(len(found)))
    except StopIteration as stop:
        found.append(stop.value)
    return found
"""
NAMES = "('leaf', 'middle', 'work', 'pause', 'inner', 'items', 'asynchronous', 'drive', '<genexpr>')"
WHEN = pytest.mark.parametrize("when", ["before", "in between", "during"])


def switched(when: str) -> str:
    """Runs all of TRACED; ``switch`` is called before, while a generator is suspended, or within an innermost one."""
    start = {
        "before": "switch()\n",
        "in between": "g, c = middle(6), asynchronous(6)\nnext(g), next(g), c.send(None), c.send(1)\nswitch()\n",
        "during": "switch_at = 3\n",
    }[when]
    rest = "list(g), outcome(c.send, 2), c.close()\n" if when == "in between" else ""
    return (
        "switch_at = -1\n"
        "def outcome(f, *a):\n    try: return f(*a)\n    except StopIteration as s: return s.value\n"
        f"work(6)\ndrive(6)\n{start}{rest}work(6)\ndrive(6)\nwork(6)\n"
    )


class TestTracing:
    @WHEN
    @pytest.mark.parametrize("what", ["settrace", "setprofile"])
    def test_trace_and_profile(self, same: Any, what: str, when: str) -> None:  # noqa: F811
        out = same(
            f"{TRACED}\n"
            "events = []\n"
            "def tracer(frame, event, arg):\n"
            f"    if frame.f_code.co_filename == '<string>' and frame.f_code.co_name in {NAMES}:\n"
            "        shown = repr(arg) if event in ('return', 'exception') else ''\n"
            "        events.append((frame.f_code.co_name, event, frame.f_lineno, shown[:60].split(' at ')[0]))\n"
            "    return tracer\n"
            f"def switch():\n    global switch_at\n    switch_at = -1\n    sys.{what}(tracer)\n"
            + ("    frame = sys._getframe(1)\n    while frame:\n        frame.f_trace = tracer\n        frame = frame.f_back\n"
               if what == "settrace" and when == "during" else "")
            + f"{switched(when)}sys.{what}(None)\nwork(6)\n"
            "for e in events: print(e)"
        )  # fmt: skip
        assert len(out) > 50

    @WHEN
    def test_monitoring(self, same: Any, when: str) -> None:  # noqa: F811
        out = same(
            f"{TRACED}\n"
            "m = sys.monitoring\nE = m.events\nevents = []\n"
            "m.use_tool_id(1, 'test')\n"
            "names = ['PY_START', 'PY_RESUME', 'PY_RETURN', 'PY_YIELD', 'PY_THROW', 'PY_UNWIND', 'LINE', 'RAISE', 'RERAISE',\n"
            "         'EXCEPTION_HANDLED', 'STOP_ITERATION', 'JUMP', 'BRANCH', 'CALL']\n"
            "def note(name):\n"
            "    def callback(code, *rest):\n"
            f"        if code.co_name in {NAMES}: events.append((name, code.co_name, repr(rest).split(' at ')[0][:60]))\n"
            "    return callback\n"
            "def switch():\n"
            "    global switch_at\n    switch_at = -1\n"
            "    for name in names:\n        m.register_callback(1, getattr(E, name), note(name))\n"
            "    m.set_events(1, sum(getattr(E, name) for name in names))\n"
            f"{switched(when)}m.set_events(1, 0)\nm.free_tool_id(1)\nprint(work(6), drive(6))\n"
            "for e in events: print(e)"
        )
        assert len(out) > 100

    @pytest.mark.parametrize("event", ["PY_YIELD", "PY_RESUME", "PY_THROW", "STOP_ITERATION", "LINE"])
    def test_single_events(self, same: Any, event: str) -> None:  # noqa: F811
        out = same(
            f"{TRACED}\nm = sys.monitoring\nevents = []\nm.use_tool_id(1, 'test')\n"
            f"m.register_callback(1, m.events.{event}, lambda code, *rest: events.append((code.co_name, repr(rest).split(' at ')[0])))\n"
            f"def switch():\n    global switch_at\n    switch_at = -1\n    m.set_events(1, m.events.{event})\n"
            f"{switched('during')}m.set_events(1, 0)\n"
            f"for e in events:\n    if e[0] in {NAMES}: print(e)"
        )
        assert out

    @pytest.mark.parametrize("name", ["leaf", "middle", "items", "inner"])
    def test_events_of_one_code_object_while_it_is_suspended(self, same: Any, name: str) -> None:  # noqa: F811
        out = same(
            f"{TRACED}\nswitch_at = -1\nm = sys.monitoring\nevents = []\nwork(5), drive(5)\n"
            "m.use_tool_id(1, 'test')\n"
            "for event in ('LINE', 'PY_YIELD', 'PY_RESUME', 'PY_RETURN'):\n"
            "    def note(code, *rest, event=event): events.append((event, code.co_name, repr(rest).split(' at ')[0]))\n"
            "    m.register_callback(1, getattr(m.events, event), note)\n"
            "wanted = m.events.LINE | m.events.PY_YIELD | m.events.PY_RESUME | m.events.PY_RETURN\n"
            "g, c = middle(5), asynchronous(5)\nnext(g), next(g), c.send(None), c.send(1)\n"
            f"m.set_local_events(1, {name}.__code__, wanted)\n"
            "next(g), c.send(2), c.send(3)\n"
            f"m.set_local_events(1, {name}.__code__, 0)\n"
            "next(g), c.send(2)\nprint(list(g), c.close())\n"
            "for e in events: print(e)"
        )
        assert len(out) > 2

    @WHEN
    @pytest.mark.parametrize("core", ["ctrace", "sysmon"])
    def test_coverage(self, same: Any, tmp_path: Any, when: str, core: str) -> None:  # noqa: F811
        program = tmp_path / "covered.py"
        program.write_text(f"{TRACED}\ndef switch():\n    global switch_at\n    switch_at = -1\n    start()\n{{}}\n".replace(
            "{}", "def everything(start_it):\n    global start\n    start = start_it\n    exec(compile(" + repr(switched(when)) + ", 'driver', 'exec'), globals())"
        ))  # fmt: skip
        out = same(
            f"import coverage\nsys.path.insert(0, {str(tmp_path)!r})\nsys.dont_write_bytecode = True\n"
            f"import covered\ncov = coverage.Coverage(data_file=None, config_file=False, branch=False, include=[{str(program)!r}])\n"
            "covered.everything(cov.start)\ncov.stop()\n"
            f"print(sorted(cov.get_data().lines({str(program)!r}) or []))",
            env={"COVERAGE_CORE": core},
        )
        assert len(out[0]) > 50

    def test_cprofile(self, same: Any) -> None:  # noqa: F811
        out = same(
            f"{TRACED}\nswitch_at = -1\nimport cProfile, pstats\n"
            "work(5), drive(5)\np = cProfile.Profile()\ng = middle(4)\nnext(g)\n"
            "p.enable()\nwork(50), drive(50), list(g)\np.disable()\nwork(5)\n"
            "s = pstats.Stats(p)\n"
            "print(sorted((k[2], v[0], v[1]) for k, v in s.stats.items() if k[0] == '<string>'))"
        )
        assert "leaf" in out[0]

    def test_pdb_steps_through(self, same: Any) -> None:  # noqa: F811
        out = same(
            f"{TRACED}\nimport io, pdb\nswitch_at = 2\n"
            "commands = io.StringIO('n\\nn\\nn\\np i\\nw\\nr\\nn\\nu\\np x if 0 else 1\\nd\\nc\\n')\n"
            "def switch():\n    pdb.Pdb(stdin=commands, stdout=sys.stdout, nosigint=True, readrc=False).set_trace(sys._getframe(1))\n"
            "print(list(middle(5)))"
        )
        assert any("(Pdb)" in line for line in out)

    def test_jump_by_setting_the_line_number(self, same: Any) -> None:  # noqa: F811
        same(
            "def g():\n    yield 1\n    yield 2\n    yield 3\n    yield 4\n"
            "first = g.__code__.co_firstlineno\n"
            "def tracer(frame, event, arg):\n"
            "    if frame.f_code is not g.__code__: return None\n"
            "    if event == 'line' and frame.f_lineno == first + 2:\n        frame.f_lineno = first + 4\n"
            "    return tracer\n"
            "print(list(g()))\nh = g()\nnext(h)\nsys.settrace(tracer)\nrest = list(h)\nsys.settrace(None)\nprint(rest, list(g()))"
        )

    def test_jump_while_suspended(self, same: Any) -> None:  # noqa: F811
        same(
            "def g():\n    x = 0\n    for i in range(3):\n        x += 1\n        yield i, x\n    yield 'end', x\n"
            "first = g.__code__.co_firstlineno\n"
            "list(g())\nh = g()\nprint(next(h))\n"
            "jumps = []\n"
            "def jump(frame, event, arg):\n"
            "    if frame.f_code is g.__code__ and event == 'line' and frame.f_lineno == first + 2 and not jumps:\n"
            "        jumps.append(frame.f_lineno)\n        frame.f_lineno = first + 1\n"
            "    return jump\n"
            "sys.settrace(jump)\n"
            "try:\n    print(next(h))\nexcept BaseException as e:\n    print(repr(e))\n"
            "sys.settrace(None)\nprint(list(h))"
        )

    def test_trace_function_of_a_suspended_frame(self, same: Any) -> None:  # noqa: F811
        same(
            f"{TRACED}\nswitch_at = -1\nlines = []\nwork(4)\n"
            "def local(frame, event, arg):\n    lines.append((event, frame.f_lineno))\n    return local\n"
            "g = middle(4)\nnext(g), next(g)\n"
            "g.gi_frame.f_trace = local\ng.gi_yieldfrom.gi_frame.f_trace = local\n"
            "next(g)\nsys.settrace(lambda *a: None)\nnext(g)\nsys.settrace(None)\nprint(list(g), lines)"
        )


class TestProcesses:
    def test_fork_with_suspended_generators(self, run: Any) -> None:  # noqa: F811
        out = run(
            "def leaf(n):\n    for i in range(n):\n        yield i\n"
            "def g(n):\n    yield from leaf(n)\n"
            "async def c():\n    return 5\n"
            "kept = [g(100) for _ in range(50)]\n"
            "for h in kept:\n    next(h), next(h)\n"
            "sys.stdout.flush()\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    def later(n): yield from g(n)\n"
            "    ok = all(sum(h) == 4949 for h in kept) and sum(later(10)) == 45\n    os._exit(0 if ok else 1)\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), {sum(h) for h in kept})"
        )
        assert out == ["0 {4949}"]

    def test_fork_within_a_generator(self, run: Any) -> None:  # noqa: F811
        out = run(
            "def g():\n"
            "    for i in range(5):\n"
            "        pid = os.fork()\n"
            "        if pid == 0:\n            yield 'child', i\n            os._exit(99)\n"
            "        yield os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
            "def outer():\n    yield from g()\n"
            "found = []\n"
            "for x in outer():\n"
            "    if type(x) is tuple: os._exit(x[1])\n"
            "    found.append(x)\n"
            "print(found)"
        )
        assert out == ["[0, 1, 2, 3, 4]"]

    def test_end_of_the_process_with_suspended_generators(self, same: Any) -> None:  # noqa: F811
        same(
            "import atexit\n"
            "def g(name):\n    try:\n        yield 1\n        yield 2\n    finally:\n        print('finally', name, flush=True)\n"
            "def outer(name):\n    yield from g(name)\n"
            "kept = g('global')\nnext(kept)\n"
            "chain = outer('chain')\nnext(chain)\n"
            "class Holder: pass\nholder = Holder()\nholder.me = holder\nholder.g = g('cycle')\nnext(holder.g)\n"
            "atexit.register(lambda: print('atexit', next(kept), flush=True))\n"
            "async def c():\n    try:\n        await a\n    finally:\n        print('coroutine', flush=True)\n"
            "print('end', flush=True)"
        )

    def test_exits_cleanly_with_a_daemon_thread_in_a_generator(self, run: Any) -> None:  # noqa: F811
        assert run(
            "def spin():\n    while True: yield\n"
            "threading.Thread(target=lambda: sum(1 for _ in spin()), daemon=True).start()\ntime.sleep(0.05)\nprint('end')"
        ) == ["end"]


SIZES = {
    "generator": "def make(i):\n    x = i\n    yield x\n    yield x\nstart = next",
    "chain": "def inner(i):\n    yield i\n    yield i\ndef make(i):\n    yield from inner(i)\nstart = next",
    "coroutine": (
        "import types\n@types.coroutine\ndef pause():\n    yield\n"
        "async def make(i):\n    await pause()\ndef start(c):\n    c.send(None)"
    ),
    "asynchronous": "async def make(i):\n    yield i\n    yield i\ndef start(g):\n    outcome(g.__anext__())",
    "not started": "def make(i):\n    yield i\nstart = id",
}


class TestMemory:
    @pytest.mark.parametrize("kind", SIZES.values(), ids=SIZES)
    def test_a_million_suspended(self, run: Any, kind: str) -> None:  # noqa: F811
        count = 1_000_000 if kind == SIZES["generator"] else 200_000
        code = (
            f"{kind}\n"
            # What a code generator takes is not the generators'.
            "import justjit\njustjit.config(tier='baseline')\n"
            "import resource\ngc.disable()\n"
            "def outcome(a):\n    try: a.send(None)\n    except StopIteration: pass\n"
            "def used():\n"
            "    with open('/proc/self/statm') as f: return int(f.read().split()[1]) * resource.getpagesize()\n"
            "def fill(kept, n):\n"
            "    for i in range(n):\n        g = make(i)\n        start(g)\n        kept.append(g)\n"
            f"few, kept = [], [None] * {count}\nkept.clear()\nfill(few, 2000)\nbefore = used()\nfill(kept, {count})\n"
            f"print((used() - before) / {count}, sys.getsizeof(few[0]))\n"
            "few.clear(), kept.clear()\n"
        )
        compiled, plain = run(code, timeout=300)[0].split(), run(code, compiled=False, timeout=300)[0].split()
        assert float(compiled[0]) <= float(plain[0]) * 1.1
        assert compiled[1] == plain[1]

    def test_functions_made_and_dropped(self, run: Any) -> None:  # noqa: F811
        out = run(
            "import resource\n"
            "def make(k):\n    def f(x):\n        t = k\n        for i in range(x):\n            t += i\n            yield t\n    return f\n"
            "text = 'def f(x):\\n    for i in range(x): yield i * {k}\\nasync def c(g):\\n    return await g'\n"
            "def fresh(k):\n    namespace = {}\n    exec(text.format(k=k), namespace)\n    return namespace['f']\n"
            "def used():\n"
            "    with open('/proc/self/statm') as f: return int(f.read().split()[1]) * resource.getpagesize()\n"
            "def many(n):\n"
            "    for k in range(n):\n        assert sum(make(k)(3)) == 3 * k + 4\n"
            "        if k % 10 == 0:\n            assert sum(fresh(k)(3)) == 3 * k\n            h = fresh(k)(2)\n            next(h)\n"
            "    gc.collect()\n"
            # Enough for the optimizing tier to have started.
            "many(60_000)\ncode = justjit.stats().code_bytes\nbefore = used()\n"
            "many(100_000)\nafter = used()\n"
            "print((after - before) / 2**20, justjit.stats().code_bytes - code)",
            timeout=300,
        )
        grown, code = out[0].split()
        assert float(grown) < 8
        assert int(code) < 64 * 1024

    def test_generators_outlive_functions_and_modules(self, run: Any) -> None:  # noqa: F811
        out = run(
            "import types\n"
            "text = '''\n"
            "name = 'global'\n"
            "def helper(x): return name, x\n"
            "def leaf(n):\n    for i in range(n):\n        got = yield helper(i + {k})\n"
            "def g(n):\n    yield from leaf(n)\n"
            "async def c(x):\n    return await x, helper(x)\n"
            "'''\n"
            "def make(k):\n"
            "    module = types.ModuleType(f'm{k}')\n"
            "    exec(text.format(k=k), module.__dict__)\n"
            "    for _ in range(3): list(module.g(20))\n"
            "    h = module.g(5)\n    next(h)\n    return h\n"
            "before = justjit.stats().code_bytes\n"
            "kept = [make(k) for k in range(200)]\n"
            "gc.collect()\ncode = justjit.stats().code_bytes - before\n"
            "print(all(list(h) == [('global', i + k) for i in range(1, 5)] for k, h in enumerate(kept)))\n"
            "kept.clear(), gc.collect()\nprint(justjit.stats().code_bytes - before < code / 4)"
        )
        assert out == ["True", "True"]

    def test_function_dies_while_its_generator_runs(self, run: Any) -> None:  # noqa: F811
        out = run(
            "def outer():\n"
            "    def g(n):\n"
            "        global holder\n        holder = None\n        gc.collect()\n"
            "        for i in range(n):\n            yield i\n"
            "    return g\n"
            "for _ in range(50):\n    holder = outer()\n    assert sum(holder(100)) == 4950\nprint('fine')"
        )
        assert out == ["fine"]

    def test_generator_dies_while_it_runs(self, same: Any) -> None:  # noqa: F811
        same(
            "log = []\n"
            "class Loud:\n    def __del__(self): log.append('freed')\n"
            "def g():\n    loud = Loud()\n    for i in range(3):\n        holder.clear()\n        gc.collect()\n        yield i\n"
            "    log.append('end')\n"
            "for k in range(300):\n"
            "    holder = [g()]\n    next(holder[0])\n"
            "    holder = [g()]\n    next(holder.pop()), log.append('popped')\n"
            "print(len(log), log[:6])"
        )

    def test_collector_runs_in_generators(self, run: Any) -> None:  # noqa: F811
        out = run(
            "class Node: pass\n"
            "def g(n):\n    for i in range(n):\n        a, b = Node(), Node()\n        a.b, b.a = b, a\n        yield [a, (yield b)]\n"
            "def cycles(n):\n    for i in range(n):\n        holder = []\n        h = cyclic(holder)\n        holder.append(h)\n        next(h)\n"
            "def cyclic(x):\n    yield x\n    yield x\n"
            "dead = []\n"
            "gc.callbacks.append(lambda phase, info: dead.append(info.get('collected', 0)))\n"
            "sum(1 for _ in g(30_000))\ncycles(30_000)\ngc.collect()\n"
            "print(sum(dead) > 55_000, sum(type(x).__name__ == 'generator' for x in gc.get_objects()) < 100)"
        )
        assert out == ["True True"]


SWITCHES = {
    "disable": "justjit.disable()",
    "enable": "justjit.enable()",
    "unhook": "from justjit import _core\n_core.unhook(leaf)\n_core.unhook(middle)",
    "jit": "jit(leaf), jit(middle)",
    "tier": "justjit.config(tier='interpreter')",
    "limit": "justjit.config(code_memory_limit=0)",
    "handovers": "justjit.config(handover_every=1)",
    "other code": "leaf.__code__ = other.__code__",
}


class TestSwitching:
    @pytest.mark.parametrize("compiled", [True, False])
    @pytest.mark.parametrize("switch", SWITCHES.values(), ids=SWITCHES)
    def test_suspended_generators_go_on(self, run: Any, switch: str, compiled: bool) -> None:  # noqa: F811
        out = run(
            "def leaf(n):\n    total = 0\n    for i in range(n):\n        total += (yield i) or i\n    return total\n"
            "def middle(n):\n    return (yield from leaf(n)), 'middle'\n"
            "def other(n):\n    yield 'other'\n"
            "async def wait(x):\n    return await x\n"
            "def finish(g):\n"
            "    found = []\n"
            "    try:\n        while True: found.append(g.send(10 if found else None))\n"
            "    except StopIteration as stop: return found, stop.value\n"
            "fresh, one, hot = middle(4), middle(4), middle(2000)\n"
            "next(one)\nfor _ in range(1500): next(hot)\n"
            f"{switch}\n"
            "print(finish(one), finish(fresh))\nfound, value = finish(hot)\nprint(found[0], len(found), value)",
            compiled,
        )
        fresh = ([0, 1, 2, 3], (30 + 0, "middle")) if "other" not in switch else (["other"], (None, "middle"))
        assert out[0].startswith("([1, 2, 3], (")
        assert out[1].startswith("1500 500 ")
        assert ("'other'" in out[0]) == (fresh[0] == ["other"])

    def test_compiled_after_many_resumes_of_one(self, run: Any) -> None:  # noqa: F811
        out = run(
            "def g():\n    total = 0\n    while True:\n        got = yield total\n        total = total + (got or 1)\n"
            "h = g()\nnext(h)\n"
            "for _ in range(20_000): x = h.send(1)\n"
            "for _ in range(20_000): y = h.send(0.5)\n"
            "try: h.send('x')\nexcept TypeError as e: print(x, y, e)\n"
            "print(justjit.stats(g).resumes > 30_000, justjit.stats(g).handovers)"
        )
        assert out[0] == "20000 30000.0 unsupported operand type(s) for +: 'float' and 'str'"
        assert out[1] == "True {}"


class TestOtherInterpreters:
    def test_generators_of_other_interpreters(self, run: Any) -> None:  # noqa: F811
        # The types' slots are those of all interpreters of the process, some of them without the main one's GIL.
        text = (
            "import asyncio\n"
            "def leaf(n):\n    for i in range(n):\n        got = yield i\n"
            "def g(n):\n    yield from leaf(n)\n    return n\n"
            "async def numbers(n):\n    for i in range(n):\n        await asyncio.sleep(0)\n        yield i\n"
            "async def main(n):\n    return sum([x async for x in numbers(n)])\n"
            "def work():\n"
            "    h = g(3)\n    assert [next(h), h.send(1), h.__next__()] == [0, 1, 2]\n"
            "    assert sum(g(500)) == 124750 and list(map(str, g(3))) == ['0', '1', '2']\n"
            "    assert asyncio.run(main(50)) == 1225\n"
            "for _ in range(20): work()\n"
        )
        out = run(
            "import _interpreters as interpreters\n"
            f"text = {text!r}\n"
            "def there(kind, failures):\n"
            "    i = interpreters.create(kind)\n    failures.append(interpreters.run_string(i, text))\n    interpreters.destroy(i)\n"
            "failures = []\n"
            "for kind in ('legacy', 'isolated'):\n"
            "    threads = [threading.Thread(target=there, args=(kind, failures)) for _ in range(2)]\n"
            "    for t in threads: t.start()\n"
            "    exec(text, {'__name__': 'main_one'})\n"
            "    for t in threads: t.join()\n"
            "print(failures)"
        )
        assert out == ["[None, None, None, None]"]
