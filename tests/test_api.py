"""What people touch: jit and its kin, settings, environment variables, counters, explanations, dumps."""

import copy
import functools
import gc
import inspect
import linecache
import pickle
import re
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

import justjit
import pytest
from justjit import Config, FunctionStats, Stats, _core, jit

Run = Callable[..., Any]


def plain(a: int, b: int = 2, *rest: int, key: int = 3, **more: int) -> int:
    """Adds."""
    return a + b + key + sum(rest) + sum(more.values())


def loop(n: int) -> int:
    total = 0
    for i in range(n):
        total += i
    return total


def first(x: int) -> int:
    return x + 1


def make(baseline_calls: int | None = 0) -> Any:
    def f(x: int) -> int:
        return x + 1

    return jit(fresh(f), baseline_calls=baseline_calls)


def fresh(f: Any) -> Any:
    """A copy with a code object of its own: what is compiled, and counted, belongs to the code."""
    return types.FunctionType(f.__code__.replace(), globals(), f.__name__)


def too_large() -> Any:
    """A function that is declined, for its size."""
    namespace: dict[str, Any] = {}
    exec("def f(x):\n" + "    x = -(-x)\n" * 6000 + "    return x", namespace)
    return namespace["f"]


def twice(f: Any) -> Any:
    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs) * 2

    return wrapper


class TestJit:
    def test_same_object(self) -> None:
        assert jit(plain) is plain
        assert jit()(plain) is plain
        assert jit(baseline_calls=3)(plain) is plain
        assert jit(jit(plain)) is plain
        assert _core.is_hooked(plain)  # type: ignore[arg-type]

    def test_metadata_stays(self) -> None:
        signature, source = inspect.signature(plain), inspect.getsource(plain)
        code, annotations = plain.__code__, dict(plain.__annotations__)
        jit(plain, baseline_calls=0)
        assert [plain(1), plain(1, 5, 6, key=7, z=8)] == [6, 27]
        assert inspect.signature(plain) == signature
        assert inspect.getsource(plain) == source
        assert (plain.__doc__, plain.__name__, plain.__qualname__, plain.__module__) == (
            "Adds.",
            "plain",
            "plain",
            __name__,
        )
        assert plain.__code__ is code
        assert plain.__annotations__ == annotations
        assert type(plain) is types.FunctionType

    def test_pickling_and_copying(self) -> None:
        jit(plain)
        assert pickle.loads(pickle.dumps(plain)) is plain
        assert copy.copy(plain) is plain
        assert copy.deepcopy(plain) is plain

    def test_weak_references(self) -> None:
        f = make()
        f(1)
        reference = weakref.ref(f)
        assert reference() is f
        del f
        gc.collect()
        assert reference() is None

    def test_attributes_and_lambda_and_closure(self) -> None:
        n = 10
        f = jit(lambda x: x + n, baseline_calls=0)
        f.note = "kept"  # type: ignore[attr-defined]
        assert [f(i) for i in range(5)] == [10, 11, 12, 13, 14]
        n = 20
        assert f(1) == 21
        assert f.note == "kept"  # type: ignore[attr-defined]

    def test_wrapped_functions(self) -> None:
        wrapper = jit(twice(plain))
        assert wrapper(1) == 12
        assert _core.is_hooked(wrapper)
        assert wrapper.__wrapped__ is plain
        cached = functools.lru_cache(jit(loop))
        assert cached(10) == 45
        assert functools.partial(jit(plain), 1)(b=1) == 5

    def test_methods(self) -> None:
        class A:
            n = 1

            def m(self) -> int:
                return self.n

            @staticmethod
            def s(x: int) -> int:
                return x

            @classmethod
            def c(cls) -> str:
                return cls.__name__

            @property
            def p(self) -> int:
                return self.n * 2

            @p.setter
            def p(self, value: int) -> None:
                self.n = value

        for name in ("m", "s", "c", "p"):
            member = vars(A)[name]
            assert jit(member, baseline_calls=0) is member
        bound = A().m
        assert jit(bound) is bound
        a = A()
        a.p = 7
        assert (a.m(), A.s(5), A.c(), a.c(), a.p) == (7, 5, "A", "A", 14)
        for f in (A.m, A.s, A.c.__func__, vars(A)["p"].fget, vars(A)["p"].fset):  # type: ignore[attr-defined]
            assert _core.is_hooked(f)

    def test_class(self) -> None:
        class Base:
            def inherited(self) -> str:
                return "base"

        @jit
        class A(Base):
            def __init__(self, x: int) -> None:
                self.x = x

            def m(self) -> int:
                return self.x

            @staticmethod
            def s() -> str:
                return "s"

            @classmethod
            def c(cls) -> str:
                return cls.__name__

            @property
            def p(self) -> int:
                return self.x

            class Nested:
                def m(self) -> None: ...

            constant = 5

        assert isinstance(A, type)
        assert (A(3).m(), A.s(), A.c(), A(4).p, A(1).inherited()) == (3, "s", "A", 4, "base")
        hooked = [A.__init__, A.m, A.s, A.c.__func__, vars(A)["p"].fget]  # type: ignore[attr-defined]
        assert all(_core.is_hooked(f) for f in hooked)
        assert not _core.is_hooked(Base.inherited)  # type: ignore[arg-type]
        assert not _core.is_hooked(A.Nested.m)  # type: ignore[arg-type]

        class B(A):
            def m(self) -> int:
                return super().m() + 1

        assert B(3).m() == 4

    def test_inherited_by_jitted_subclass(self) -> None:
        class Base:
            def m(self) -> str:
                return type(self).__name__

        Base.m = jit(Base.m, baseline_calls=0)  # type: ignore[method-assign]

        class Derived(Base): ...

        assert [Base().m(), Derived().m()] * 3 == ["Base", "Derived"] * 3

    @pytest.mark.parametrize(
        "target",
        [len, [].append, 5, "f", None, functools.partial(loop, 3), int, object, functools.lru_cache(loop), str.upper],
    )
    def test_others_are_refused(self, target: Any) -> None:
        with pytest.raises(TypeError, match=r"^jit\(\) needs a "):
            jit(target)

    @pytest.mark.parametrize("value", [-1, 2**31, 1.0, True, "3"])
    def test_baseline_calls_is_checked(self, value: Any) -> None:
        with pytest.raises(
            (TypeError, ValueError), match=r"^baseline_calls must be an integer from 0 to 2147483647, not "
        ):
            jit(loop, baseline_calls=value)

    def test_unknown_option(self) -> None:
        with pytest.raises(TypeError, match=r"jit\(\) has no option 'speed'"):
            jit(loop, speed=9)  # type: ignore[call-overload]

    def test_declined_function_still_works(self) -> None:
        function = too_large()
        jit(function, baseline_calls=0)
        assert function(3) == 3
        assert justjit.stats(function).tier == "interpreter"
        assert justjit.stats(function).declined == "more than 20000 instructions"

    def test_replaced_code_defaults_and_keyword_defaults(self) -> None:
        def f(a: int, b: int = 1, *, c: int = 1) -> Any:
            return a, b, c

        def g(a: int, b: int = 1, *, c: int = 1) -> Any:
            return "other", a, b, c

        jit(f, baseline_calls=0)
        seen = []
        for i in range(8):
            if i == 2:
                f.__defaults__ = (20,)
            if i == 4:
                f.__kwdefaults__ = {"c": 30}
            if i == 6:
                f.__code__ = g.__code__
            seen.append(f(i))
        assert seen == [(0, 1, 1), (1, 1, 1), (2, 20, 1), (3, 20, 1), (4, 20, 30), (5, 20, 30)] + [
            ("other", 6, 20, 30),
            ("other", 7, 20, 30),
        ]

    def test_compiles_after_so_many_calls(self) -> None:
        f = make(3)
        with justjit.config(tier="auto"):
            for _ in range(2):
                f(1)
            assert justjit.stats(f).versions == 0
            for _ in range(4):
                f(1)
        assert justjit.stats(f).versions == 1
        assert justjit.stats(f).tier == "baseline"


class TestEnable:
    def test_hooks_what_exists_and_what_comes(self, run_python: Run) -> None:
        out = run_python(
            "import justjit\n"
            "from justjit import _core\n"
            "def before(): return 1\n"
            "justjit.config(baseline_calls=0)\n"
            "justjit.enable()\n"
            "def after(): return 2\n"
            "print(justjit.is_enabled(), _core.is_hooked(before), _core.is_hooked(after), before(), after())\n"
            "print(justjit.stats(after).versions, justjit.stats(before).versions)\n"
            "justjit.disable()\n"
            "def later(): return 3\n"
            "print(justjit.is_enabled(), _core.is_hooked(before), _core.is_hooked(later), before(), after(), later())\n"
        )
        assert out.stderr == ""
        assert out.stdout.splitlines() == ["True True True 1 2", "1 1", "False False False 1 2 3"]


class TestConfig:
    def test_reads_as_set(self) -> None:
        with justjit.config(tier="interpreter", baseline_calls=7, count_hits=True) as found:
            assert (found.tier, found.baseline_calls, found.count_hits) == ("interpreter", 7, True)
            assert found == justjit.config()
            assert found.as_dict() == _core.get_config()
            assert repr(found).startswith("Config(tier='interpreter', baseline_calls=7, ")
            assert isinstance(found, Config)

    def test_restores_nested(self) -> None:
        before = justjit.config()
        with justjit.config(baseline_calls=5):
            with justjit.config(baseline_calls=6, tier="baseline"):
                assert justjit.config().baseline_calls == 6
            assert justjit.config().baseline_calls == 5
            assert justjit.config().tier == before.tier
        assert justjit.config() == before

    def test_restores_after_exception(self) -> None:
        before = justjit.config()
        with pytest.raises(KeyError), justjit.config(verify=not before.verify):
            raise KeyError
        assert justjit.config() == before

    def test_stays_outside_with(self) -> None:
        before = justjit.config().baseline_calls
        justjit.config(baseline_calls=9)
        assert justjit.config().baseline_calls == 9
        justjit.config(baseline_calls=before)

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("tier", "fast", "tier must be one of 'interpreter', 'baseline', 'optimizing', 'auto', not 'fast'"),
            ("tier", 1, "tier must be one of 'interpreter', 'baseline', 'optimizing', 'auto', not 1 (int)"),
            ("tier", None, "tier must be one of 'interpreter', 'baseline', 'optimizing', 'auto', not None (NoneType)"),
            ("baseline_calls", -1, "baseline_calls must be an integer from 0 to 2147483647, not -1"),
            ("baseline_calls", 2**31, "baseline_calls must be an integer from 0 to 2147483647, not 2147483648"),
            ("baseline_calls", "2", "baseline_calls must be an integer from 0 to 2147483647, not '2' (str)"),
            ("baseline_calls", True, "baseline_calls must be an integer from 0 to 2147483647, not True (bool)"),
            (
                "code_memory_limit",
                1.5,
                "code_memory_limit must be an integer from 0 to 9223372036854775807, not 1.5 (float)",
            ),
            ("code_memory_limit", -5, "code_memory_limit must be an integer from 0 to 9223372036854775807, not -5"),
            ("unwind_info", 1, "unwind_info must be True or False, not 1 (int)"),
            ("perf_map", "yes", "perf_map must be True or False, not 'yes' (str)"),
            ("handover_every", -1, "handover_every must be an integer from 0 to 2147483647, not -1"),
        ],
    )
    def test_wrong_values(self, name: str, value: Any, message: str) -> None:
        before = justjit.config()
        with pytest.raises((TypeError, ValueError)) as caught:
            justjit.config(**{name: value})
        assert str(caught.value) == message
        assert justjit.config() == before

    def test_all_or_nothing(self) -> None:
        before = justjit.config()
        with pytest.raises(ValueError):
            justjit.config(baseline_calls=before.baseline_calls + 1, code_memory_limit=-1)
        assert justjit.config() == before

    def test_unknown_name(self) -> None:
        with pytest.raises(TypeError, match="speed"):
            justjit.config(speed=5)  # type: ignore[call-arg]

    def test_interpreter_tier_compiles_nothing(self) -> None:
        f = make()
        with justjit.config(tier="interpreter"):
            assert f(1) == 2
            assert justjit.stats(f).calls == 0


class TestEnvironment:
    SHOW = "import justjit; c = justjit.config(); print(c.tier, c.baseline_calls, c.perf_map)"

    def default(self, run_python: Run) -> list[str]:
        return list(run_python(self.SHOW).stdout.split())

    def test_values_are_taken(self, run_python: Run) -> None:
        env = {"JUSTJIT_TIER": "baseline", "JUSTJIT_BASELINE_CALLS": "17", "JUSTJIT_PERF": "1"}
        out = run_python(self.SHOW, env=env)
        assert (out.stdout.split(), out.stderr) == (["baseline", "17", "True"], "")

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("JUSTJIT_TIER", "turbo"),
            ("JUSTJIT_BASELINE_CALLS", "-3"),
            ("JUSTJIT_BASELINE_CALLS", "many"),
            ("JUSTJIT_BASELINE_CALLS", "9" * 5000),
            ("JUSTJIT_PERF", "yes"),
            ("JUSTJIT_DISABLE", "true"),
            ("JUSTJIT_LOG", "/no/such/directory/log"),
        ],
    )
    def test_wrong_values_warn_and_are_left_aside(self, run_python: Run, variable: str, value: str) -> None:
        out = run_python(self.SHOW, env={variable: value})
        assert out.returncode == 0
        assert out.stdout.split() == self.default(run_python)
        assert out.stderr.startswith(f"justjit: {variable}={value!r} is ignored: ")

    def test_empty_values_are_no_values(self, run_python: Run) -> None:
        env = dict.fromkeys(("JUSTJIT_TIER", "JUSTJIT_BASELINE_CALLS", "JUSTJIT_LOG", "JUSTJIT_DISABLE"), "")
        out = run_python(self.SHOW, env=env)
        assert (out.stdout.split(), out.stderr) == (self.default(run_python), "")

    def test_disable(self, run_python: Run) -> None:
        out = run_python(
            "import justjit\n"
            "@justjit.jit(baseline_calls=0)\n"
            "def f(x): return x\n"
            "justjit.enable(); f(1); f(2)\n"
            "s = justjit.stats()\n"
            "print(s.functions_compiled, s.versions, justjit.stats(f).tier, justjit.is_enabled(), f(3))\n"
            "print(justjit.explain(f))",
            env={"JUSTJIT_DISABLE": "1"},
        )
        assert out.stderr == ""
        assert out.stdout.splitlines()[0] == "0 0 interpreter False 3"

    def test_isolated_mode_ignores_them(self, run_python: Run) -> None:
        out = run_python(self.SHOW, "-E", env={"JUSTJIT_TIER": "turbo", "JUSTJIT_BASELINE_CALLS": "17"})
        assert (out.stdout.split(), out.stderr) == (self.default(run_python), "")

    @pytest.mark.parametrize("where", ["stderr", "file"])
    def test_log(self, run_python: Run, tmp_path: Any, where: str) -> None:
        path = "stderr" if where == "stderr" else str(tmp_path / "log")
        out = run_python(
            "import justjit\n@justjit.jit(baseline_calls=0)\ndef f(x): return x\nf(1)\njustjit.config(verify=True)",
            env={"JUSTJIT_LOG": path},
        )
        text = out.stderr if where == "stderr" else (tmp_path / "log").read_text()
        assert "hooked __main__.f" in text
        assert "config verify=True" in text
        assert "compiled" in text
        assert "functions compiled" in text


class TestStats:
    def test_totals(self) -> None:
        make()(1)
        found = justjit.stats()
        assert isinstance(found, Stats)
        assert found.as_dict() == vars(found)
        assert found.functions_compiled >= 1
        assert found.code_bytes > 0
        assert found.compile_ns > 0
        lines = repr(found).splitlines()
        assert lines[0] == "justjit"
        assert any("compile time" in line for line in lines)
        with pytest.raises(AttributeError):
            found.calls = 5  # type: ignore[misc]

    def test_one_function(self) -> None:
        f = jit(fresh(loop), baseline_calls=0)
        for _ in range(10):
            f(100)
        found = justjit.stats(f)
        assert isinstance(found, FunctionStats)
        # The first version collects feedback; a hot loop is compiled again with it.
        assert (found.tier, found.versions, found.declined) == ("baseline", 2, None)
        assert found.calls == 10
        assert found.back_edges >= 10 * 99
        assert found.code_bytes > 0
        assert found.bytecode_instructions > 5
        assert "machine code" in repr(found)
        assert found.as_dict()["calls"] == 10

    def test_resumes(self) -> None:
        def numbers(n: int) -> Any:
            yield from range(n)

        f = jit(numbers, baseline_calls=0)
        before = justjit.stats().resumes
        for _ in range(10):
            assert sum(f(20)) == 190
        found = justjit.stats(f)
        assert (found.tier, found.calls, found.resumes) == ("baseline", 10, 10 * 21)
        assert "resumes" in repr(found)
        assert justjit.stats().resumes >= before + 10 * 21

    def test_never_hooked(self) -> None:
        def f() -> None: ...

        found = justjit.stats(f)
        assert (found.tier, found.calls, found.versions, found.handovers, found.declined) == (
            "interpreter",
            0,
            0,
            {},
            None,
        )

    def test_forced_handovers_are_counted_by_reason(self) -> None:
        f = make()
        with justjit.config(handover_every=1):
            f(1)
        assert sum(justjit.stats(f).handovers.values()) >= 1
        assert sum(justjit.stats().handovers.values()) >= 1

    def test_methods_and_properties(self) -> None:
        class A:
            def m(self) -> None: ...

            @property
            def p(self) -> None: ...

            @property
            def q(self) -> None: ...

            @q.setter
            def q(self, value: None) -> None: ...

        assert justjit.stats(A().m).name.endswith("A.m")
        assert justjit.stats(A.p).name.endswith("A.p")  # type: ignore[call-overload]
        with pytest.raises(TypeError, match=r"this property has 2"):
            justjit.stats(A.q)  # type: ignore[call-overload]
        for wrong in (A, len, 5):
            with pytest.raises(TypeError, match=r"^stats\(\) needs "):
                justjit.stats(wrong)  # type: ignore[call-overload]


class TestExplainAndDump:
    def test_explain_compiled(self) -> None:
        f = jit(fresh(loop), baseline_calls=0)
        f(3)
        text = justjit.explain(f)
        assert str(text) == repr(text)
        first = text.splitlines()[0]
        assert "test_api.py" in first
        assert "compiled by the baseline tier" in first
        assert f"{loop.__code__.co_firstlineno + 3:>6} |         total += i" in text.splitlines()
        assert text.instructions[0].opname == "RESUME"
        assert text.stats.name.endswith("loop")

    def test_explain_and_dump_show_suspension(self) -> None:
        async def waits(thing: Any) -> Any:
            return await thing

        f = jit(waits, baseline_calls=0)
        f(None).close()
        text = justjit.explain(f)
        assert "compiled by the baseline tier" in text
        assert {"YIELD_VALUE", "SEND"} <= {
            i.opname for i in text.instructions if i.status in ("compiled", "runtime call")
        }
        assert "resume point" in justjit.dump(f, "cfg")
        assert "YIELD_VALUE" in justjit.dump(f, "bytecode")
        assert justjit.dump(f, "clif")
        assert "return await thing" in justjit.dump(f, "asm")
        assert "Never resumed by compiled code so far" in text

        def numbers() -> Any:
            yield 1

        g = jit(numbers, baseline_calls=0)
        assert sum(g()) == 1
        assert "Never resumed" not in justjit.explain(g)
        assert "1 calls so far, 2 resumes" in justjit.explain(g)

    def test_explain_not_hooked_and_declined(self) -> None:
        def plain_one() -> None: ...

        function = too_large()
        assert "not hooked" in justjit.explain(plain_one)
        jit(function, baseline_calls=0)
        function(3)
        assert "not compiled: " in justjit.explain(function).splitlines()[0]

    @pytest.mark.parametrize("what", ["bytecode", "cfg", "clif", "asm"])
    def test_dump(self, what: Any) -> None:
        f = jit(fresh(loop), baseline_calls=0)
        f(3)
        text = justjit.dump(f, what)
        assert f"; line {loop.__code__.co_firstlineno + 3}: total += i" in text
        assert "@L" not in text
        assert len(text.splitlines()) > 10

    @pytest.mark.parametrize("backend", ["llvm", "cranelift"])
    def test_dump_of_the_optimizing_tier(self, backend: Any) -> None:
        helper = fresh(first)
        names = {"helper": jit(helper, tier="optimizing", background=False)}
        source = "def f(n):\n    s = 0\n    for i in range(n):\n        s += helper(i) * 3\n    return s\n"
        filename = "<dump of the optimizing tier>"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        exec(compile(source, filename, "exec"), names)
        f = jit(names["f"], tier="optimizing", background=False, backend=backend)
        with pytest.raises(RuntimeError, match="has not been sampled for the optimizing tier"):
            justjit.dump(f, "ir")
        for _ in range(10):
            f(100)
        assert justjit.stats(f).tier == "optimizing", justjit.explain(f)
        head = "; made for this dump, entered at the call; optimized versions that run are entered at: "
        texts = {what: justjit.dump(f, what) for what in ("ir:build", "ir:licm", "ir", "asm:optimizing", "asm")}
        for text in texts.values():
            assert text.startswith(head)
            assert "call" in text.splitlines()[0].removeprefix(head)
        for what in ("ir:build", "ir:licm", "ir"):
            assert re.search(r"^    at \d+ +; line 4: s \+= helper\(i\) \* 3$", texts[what], re.MULTILINE)
        inlined = f"line {first.__code__.co_firstlineno + 1} of {helper.__qualname__}: return x + 1"
        assert inlined in texts["ir:build"]
        assert texts["ir:build"] != texts["ir"]
        assert texts["asm"].splitlines()[1:] != justjit.dump(f, "asm:baseline").splitlines()
        # Only Cranelift's machine code says which line it is of.
        assert ("; line 4: s +=" in texts["asm:optimizing"]) == (backend == "cranelift")
        assert "; line 4: s +=" in justjit.dump(f, "clif:optimizing")
        assert "; line 4: s +=" in justjit.dump(f, "asm:baseline")
        try:
            emitted, optimized = justjit.dump(f, "llvm:emitted"), justjit.dump(f, "llvm")
        except RuntimeError as error:
            assert "LLVM is not built in" in str(error)
        else:
            assert "define i64" in emitted
            assert "define i64" in optimized
            assert emitted != optimized

    def test_dump_says_why_there_is_nothing(self) -> None:
        def deletes(n: int) -> int:
            namespace = types.SimpleNamespace()
            for at in range(n):
                namespace.at = at
                del namespace.at
            return n

        f = jit(deletes, tier="optimizing", background=False)
        for _ in range(10):
            assert f(50) == 50
        with pytest.raises(RuntimeError, match="not optimized: |has not been sampled"):
            justjit.dump(f, "ir")

    def test_passes(self) -> None:
        names = [name for name, _ in _core.passes()]
        assert len(set(names)) == len(names)
        assert {"fold", "cse", "licm", "dce"} <= set(names)
        assert all(text for _, text in _core.passes())

    def test_dump_before_the_first_call(self) -> None:
        def f(x: int) -> int:
            return x + 1

        assert "BINARY_OP" in justjit.dump(f, "bytecode")
        assert justjit.dump(f, "asm")

    def test_wrong_dump(self) -> None:
        with pytest.raises(ValueError, match="what must be one of 'bytecode', 'cfg', .*'ir:licm'.*, not 'mir'"):
            justjit.dump(loop, "mir")
        with pytest.raises(ValueError, match="not 'ir:nothing'"):
            justjit.dump(loop, "ir:nothing")
        with pytest.raises(TypeError, match=r"dump\(\) needs a Python function"):
            justjit.dump(len, "asm")


class TestModule:
    def test_names(self) -> None:
        assert set(justjit.__all__) <= set(dir(justjit))
        for name in justjit.__all__:
            assert getattr(justjit, name) is not None
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            justjit.nothing  # noqa: B018
        assert justjit.__version__ == _core.version

    def test_import_is_quick(self, run_python: Run) -> None:
        """On a busy machine, too; benchmarks.compile_time measures it."""
        import_time = "import time; t = time.perf_counter(); import justjit; print(time.perf_counter() - t)"
        assert min(float(run_python(import_time).stdout) for _ in range(5)) < 0.2

    def test_documented(self) -> None:
        for name in justjit.__all__:
            if not name.startswith("__"):
                assert inspect.getdoc(getattr(justjit, name)), name

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ("sys.implementation.name = 'pypy'", "justjit does not run on pypy"),
            ("sys.version_info = (3, 12, 4, 'final', 0)", "justjit does not run on CPython 3.12.4"),
            ("sys.abiflags = 't'", "justjit does not run on a free-threaded build"),
            ("sys.modules['justjit._core'] = None", "compiled half (justjit._core) is missing"),
        ],
    )
    def test_unsupported(self, run_python: Run, change: str, message: str) -> None:
        out = run_python(f"import sys\n{change}\ntry:\n    import justjit\nexcept ImportError as e:\n    print(e)")
        assert message in out.stdout
        assert "CPython 3.13" in out.stdout

    def test_many_threads_decorate(self) -> None:
        import threading

        results: list[int] = []

        def work() -> None:
            results.extend(make()(i) for i in range(50))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == sorted(list(range(1, 51)) * 8)
        assert sys.getrecursionlimit() > 0
