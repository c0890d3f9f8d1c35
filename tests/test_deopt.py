"""Leaving optimized code: frames made of what such code would have, and versions that are not to be entered any more."""

import contextlib
import dis
import gc
import sys
import traceback
import types
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import justjit
import pytest
from justjit import _core

Recovery = tuple[Any, ...]
REQUESTED = "requested by a test"
NO_CODE = "no baseline code to go on in"


def offset(function: Any, opname: str, nth: int = 0) -> int:
    """The offset of the ``nth`` instruction of this name."""
    found = [one.offset for one in dis.get_instructions(function) if one.opname == opname]
    return found[nth]


def frame(
    function: Any, where: int, going: Recovery, locals: Sequence[Recovery] = (), stack: Sequence[Recovery] = ()
) -> tuple[Any, ...]:
    """A frame's description; locals that are not given have no value."""
    code = function.__code__
    count = len({*code.co_varnames, *code.co_cellvars})
    cells = [("constant", cell) for cell in function.__closure__ or ()]
    return function, where, going, [*locals, *[("null",)] * (count - len(locals)), *cells], list(stack)


def run(
    *frames: tuple[Any, ...],
    values: Sequence[Any] = (),
    virtuals: Sequence[Recovery] = (),
    release: Sequence[int] = (),
    raised: BaseException | None = None,
) -> Any:
    return _core.run_recovered(list(frames), list(values), list(virtuals), list(release), raised)


def fresh(function: Any) -> Any:
    """A function whose code nobody has compiled yet."""
    return types.FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )


def give(x: Any) -> Any:
    return x


def given(recovery: Recovery, **how: Any) -> Any:
    """What a function returns whose operand stack has just this."""
    function = fresh(give)
    return run(frame(function, offset(function, "RETURN_VALUE"), ("resume",), stack=[recovery]), **how)


# A chain of three, which a test leaves in the innermost.


def inner(c: Any) -> Any:
    d = c + 1
    return 100 // d


def middle(b: Any) -> Any:
    return [inner(b + 1), b]


def outer(a: Any) -> Any:
    x = middle(a)
    return x, a


def chain(going: Recovery, stack: Sequence[Recovery] = ()) -> list[tuple[Any, ...]]:
    one, two, three = fresh(outer), fresh(middle), fresh(inner)
    return [
        frame(one, offset(one, "CALL"), ("value",), [("int", 0)]),
        frame(two, offset(two, "CALL"), ("value",), [("int", 0)]),
        frame(three, offset(three, "BINARY_OP", 1), going, [("int", 1), ("int", 2)], stack),
    ]


def entries(error: BaseException) -> list[tuple[str, int | None]]:
    return [(one.name, one.lineno) for one in traceback.extract_tb(error.__traceback__)]


def failure(call: Callable[[], Any]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        call()
    return caught.value


class TestChains:
    def test_goes_on_at_the_instruction(self) -> None:
        frames = chain(("resume",), [("constant", 100), ("int", 2)])
        assert run(*frames, values=[3, 4, 5]) == outer(3)

    def test_counts_in_the_outermost_function(self) -> None:
        frames = chain(("resume",), [("constant", 100), ("int", 2)])
        run(*frames, values=[3, 4, 5])
        found = justjit.stats(frames[0][0])
        assert (found.deopts, found.handovers) == ({REQUESTED: 1}, {})
        assert "deopts" in repr(found)
        assert "Left 1 times at run time: requested by a test" in justjit.explain(frames[0][0])

    def test_exception_leaves_all(self) -> None:
        frames = chain(("raise",))
        found = failure(lambda: run(*frames, values=[-2, -1, 0], raised=ZeroDivisionError("once")))
        expected = failure(lambda: outer(-2))
        assert type(found) is type(expected)
        assert str(found) == "once"
        assert entries(found)[-3:] == entries(expected)[-3:]

    def test_the_instruction_itself_raises(self) -> None:
        frames = chain(("resume",), [("constant", 100), ("int", 2)])
        found = failure(lambda: run(*frames, values=[-2, -1, 0]))
        expected = failure(lambda: outer(-2))
        assert (type(found), str(found)) == (type(expected), str(expected))
        assert entries(found)[-3:] == entries(expected)[-3:]

    def test_raised_again_keeps_its_traceback(self) -> None:
        frames = chain(("reraise",))
        found = failure(lambda: run(*frames, values=[-2, -1, 0], raised=ZeroDivisionError("again")))
        assert [name for name, _ in entries(found)][-2:] == ["outer", "middle"]

    def test_handlers_on_the_way(self) -> None:
        def inner(x: Any) -> Any:
            try:
                return 1 // x
            finally:
                log.append("finally")

        def middle(x: Any) -> Any:
            with manager:
                return inner(x)

        def outer(x: Any) -> Any:
            try:
                return 1 + middle(x)
            except ZeroDivisionError as error:
                log.append([one.name for one in traceback.extract_tb(error.__traceback__)])
                log.append([one.lineno for one in traceback.extract_tb(error.__traceback__)])
            return x

        @contextlib.contextmanager
        def context() -> Iterator[None]:
            try:
                yield
            except ZeroDivisionError:
                log.append("context")
                raise

        log: list[Any] = []
        manager = context()
        assert outer(0) == 0
        expected, log[:] = log[:], []
        manager = context()
        leave = manager.__exit__
        manager.__enter__()
        calls = [one.offset for one in dis.get_instructions(middle) if one.opname == "CALL"]
        found = run(
            frame(outer, offset(outer, "CALL"), ("value",), [("int", 0), ("null",)], [("constant", 1)]),
            frame(middle, calls[0], ("value",), [("int", 0)], [("constant", leave)]),
            frame(inner, offset(inner, "BINARY_OP"), ("raise",), [("int", 0)]),
            values=[0],
            raised=ZeroDivisionError("division by zero"),
        )
        assert found == 0
        assert log[0] == "finally" and log[1] == "context"
        assert log[2][-3:] == expected[2][-3:] and log[3][-3:] == expected[3][-3:]

    def test_frames_can_be_seen(self) -> None:
        def look() -> list[tuple[str, int, dict[str, Any]]]:
            seen = []
            at: types.FrameType | None = sys._getframe(1)
            for _ in range(3):
                assert at is not None
                seen.append((at.f_code.co_name, at.f_lineno, dict(at.f_locals)))
                at = at.f_back
            return seen

        def inner(c: Any) -> Any:
            c = c + 1
            return look()

        def middle(b: Any) -> Any:
            return inner(b + 1)

        def outer(a: Any) -> Any:
            return middle(a)

        expected = outer(1)
        found = run(
            frame(outer, offset(outer, "CALL"), ("value",), [("int", 0)]),
            frame(middle, offset(middle, "CALL"), ("value",), [("int", 0)]),
            frame(inner, offset(inner, "CALL"), ("resume",), [("int", 1)], [("constant", look), ("null",)]),
            values=[1, 3],
        )
        assert found == expected

    def test_frames_that_outlive_their_functions(self) -> None:
        def inner(c: Any) -> Any:
            d = [c]
            return sys._getframe()

        def outer(a: Any) -> Any:
            b = (a,)
            return inner(b)

        place = offset(inner, "LOAD_GLOBAL")
        found = run(
            frame(outer, offset(outer, "CALL"), ("value",), [("int", 0), ("virtual", 0)]),
            frame(inner, place, ("resume",), [("virtual", 0), ("virtual", 1)]),
            values=[7],
            virtuals=[("tuple", ("int", 0)), ("list", ("virtual", 0))],
        )
        assert found.f_locals == {"c": (7,), "d": [(7,)]}
        assert found.f_back.f_code.co_name == outer(7).f_back.f_code.co_name == "outer"
        assert found.f_back.f_locals["b"] is found.f_locals["c"]

    def test_more_frames_than_a_chunk_of_the_stack_holds(self) -> None:
        names = " = ".join(f"v{n}" for n in range(60))
        namespace: dict[str, Any] = {}
        exec(f"def down(n):\n    {names} = n\n    return 1 + down(n - 1) if n else 0\n", namespace)
        down = namespace["down"]
        count = 400
        marker = object()
        before = sys.getrefcount(marker)
        locals = [("int", 0), *[("borrowed", 1)] * 60]
        waiting = frame(down, offset(down, "CALL"), ("value",), locals, [("constant", 1)])
        last = frame(down, offset(down, "TO_BOOL"), ("resume",), locals, [("int", 0)])
        for _ in range(3):
            assert run(*[waiting] * count, last, values=[0, (marker,)]) == count
        assert sys.getrefcount(marker) == before

        def depth() -> int:
            try:
                return 1 + depth()
            except RecursionError:
                return 1

        reached = depth()
        error = failure(
            lambda: run(
                *[waiting] * count,
                frame(down, last[1], ("raise",), locals),
                values=[0, (marker,)],
                raised=KeyError(),
            )
        )
        assert [name for name, _ in entries(error)].count("down") == count + 1
        del error
        gc.collect()
        assert depth() == reached
        assert sys.getrefcount(marker) == before

    def test_pending_work_is_done_behind_calls(self) -> None:
        # The caller is traced from the instruction behind the call on, in which tracing began.
        lines: list[int] = []

        def tracer(frame: types.FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                lines.append(frame.f_lineno)
            return tracer

        def inner() -> int:
            at = sys._getframe(1)
            at.f_trace = tracer
            sys.settrace(tracer)
            return 1

        def outer(a: Any) -> Any:
            b = inner()
            c = a + b
            sys.settrace(None)
            return c

        try:
            assert (
                run(
                    frame(outer, offset(outer, "CALL"), ("value",), [("int", 0), ("null",), ("null",)]),
                    frame(
                        inner,
                        offset(inner, "RESUME"),
                        ("resume",),
                        [("null",)],
                    ),
                    values=[5],
                )
                == 6
            )
        finally:
            sys.settrace(None)
        first = outer.__code__.co_firstlineno
        assert lines[-2:] == [first + 2, first + 3]


class Base:
    def __init__(self, x: Any) -> None:
        self.x = x

    @property
    def p(self) -> Any:
        return lambda y: (self.x, y)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.x = key, value

    def __add__(self, other: Any) -> Any:
        return NotImplemented if other.x is None else (self.x, other.x)


class TestReturns:
    def test_instance(self) -> None:
        def make(x: Any) -> Any:
            return [Base(x)]

        init = fresh(Base.__init__)
        made = Base.__new__(Base)
        found = run(
            frame(make, offset(make, "CALL"), ("instance", ("borrowed", 1)), [("int", 0)]),
            frame(
                init,
                offset(init, "STORE_ATTR"),
                ("resume",),
                [("borrowed", 1), ("int", 0)],
                [("int", 0), ("borrowed", 1)],
            ),
            values=[5, (made,)],
        )
        assert found == [made]
        assert made.x == 5

    def test_instance_of_a_wrong_init(self) -> None:
        def make(x: Any) -> Any:
            return [Base(x)]

        made = Base.__new__(Base)
        before = sys.getrefcount(made)
        returning = fresh(give)
        error = failure(
            lambda: run(
                frame(make, offset(make, "CALL"), ("instance", ("borrowed", 1)), [("int", 0)]),
                frame(returning, offset(returning, "RETURN_VALUE"), ("resume",), stack=[("int", 0)]),
                values=[5, (made,)],
            )
        )
        assert str(error) == "__init__() should return None, not 'int'"
        assert entries(error)[-1][0] == "make"
        del error
        gc.collect()
        assert sys.getrefcount(made) == before

    @pytest.mark.parametrize("x", [2, None])
    def test_operator(self, x: Any) -> None:
        def add(a: Any, b: Any) -> Any:
            return a + b

        one, other = Base(1), Base(x)
        method = fresh(Base.__add__)
        place = offset(add, "BINARY_OP")

        def recovered() -> Any:
            return run(
                frame(
                    add,
                    place,
                    ("operator", 0, ("constant", Base), ("constant", Base)),
                    [("borrowed", 0), ("borrowed", 1)],
                ),
                frame(method, offset(method, "RESUME"), ("resume",), [("borrowed", 0), ("borrowed", 1)]),
                values=[(one,), (other,)],
            )

        if x is not None:
            assert recovered() == one + other
        else:
            found, expected = failure(recovered), failure(lambda: add(one, other))
            assert str(found) == str(expected)
            assert entries(found)[-1] == entries(expected)[-1]

    def test_nothing(self) -> None:
        def put(a: Any, key: Any) -> Any:
            a[key] = 3
            return a

        one = Base(1)
        method = fresh(Base.__setitem__)
        found = run(
            frame(put, offset(put, "STORE_SUBSCR"), ("nothing",), [("borrowed", 0), ("int", 1)]),
            frame(method, offset(method, "RESUME"), ("resume",), [("borrowed", 0), ("int", 1), ("constant", 3)]),
            values=[(one,), 2],
        )
        assert found is one
        assert one.x == (2, 3)

    def test_value_and_null(self) -> None:
        def ask(a: Any) -> Any:
            return a.p(4)

        one = Base(1)
        getter = fresh(Base.p.fget)
        assert [one.offset for one in dis.get_instructions(getter)][0] == offset(getter, "MAKE_CELL")
        cell = types.CellType(one)
        found = run(
            frame(ask, offset(ask, "LOAD_ATTR"), ("value and null",), [("borrowed", 0)]),
            frame(getter, offset(getter, "RESUME"), ("resume",), [("constant", cell)]),
            values=[(one,)],
        )
        assert found == (1, 4)


class TestValues:
    @pytest.mark.parametrize("number", [0, -1, 256, 257, 2**30, -(2**31), 2**60, 2**63 - 1, -(2**63)])
    def test_ints(self, number: int) -> None:
        found = given(("int", 0), values=[number])
        assert found == number
        assert type(found) is int

    @pytest.mark.parametrize("number", [0.0, -0.0, 1.5, float("inf"), 5e-324])
    def test_floats(self, number: float) -> None:
        assert repr(given(("float", 0), values=[number])) == repr(number)

    def test_bools_and_null(self) -> None:
        assert given(("bool", 0), values=[True]) is True
        assert given(("bool", 0), values=[False]) is False

        def use(x: Any) -> Any:
            if x:
                y = 1
            return y

        with pytest.raises(UnboundLocalError):
            run(frame(use, offset(use, "LOAD_FAST_CHECK"), ("resume",), [("constant", 0), ("null",)]))

    def test_one_object_for_each_index(self) -> None:
        def pair(a: Any, b: Any) -> Any:
            return a, b

        place = offset(pair, "RESUME")
        a, b = run(frame(pair, place, ("resume",), [("int", 0), ("int", 0)]), values=[10**6])
        assert a is b
        a, b = run(frame(pair, place, ("resume",), [("int", 0), ("int", 1)]), values=[10**6, 10**6])
        assert a == b and a is not b
        a, b = run(frame(pair, place, ("resume",), [("float", 0), ("int", 0)]), values=[2.0])
        assert (a, type(b)) == (2.0, int)
        shared = run(
            frame(pair, place, ("resume",), [("virtual", 1), ("virtual", 0)]),
            values=[2.5],
            virtuals=[("list", ("float", 0)), ("tuple", ("virtual", 0), ("virtual", 0), ("float", 0))],
        )
        assert shared == (([2.5], [2.5], 2.5), [2.5])
        assert shared[0][0] is shared[0][1] is shared[1]
        assert shared[0][2] is shared[1][0]

    def test_references(self) -> None:
        class Thing: ...

        def pair(a: Any, b: Any) -> Any:
            return a, b

        thing = Thing()
        gone = weakref.ref(thing)
        before = sys.getrefcount(thing)
        place = offset(pair, "RESUME")
        for kind, release in (("owned", []), ("borrowed", []), ("borrowed", [0])):
            locals = [(kind, 0), ("int", 1)]
            found = run(frame(pair, place, ("resume",), locals), values=[(thing,), 1], release=release)
            assert found == (thing, 1)
            del found
            assert sys.getrefcount(thing) == before
        del thing
        assert gone() is None

    def test_what_is_given_up_sees_the_frames(self) -> None:
        seen: list[Any] = []

        class Thing:
            def __del__(self) -> None:
                at: Any = sys._getframe(1)
                seen.append([(one.f_code.co_name, dict(one.f_locals)) for one in (at, at.f_back)])
                with contextlib.suppress(KeyError):
                    raise KeyError

        def inner(c: Any) -> Any:
            return c

        def outer(a: Any) -> Any:
            return globals()["inner"](a)

        holder = [Thing()]
        error = failure(
            lambda: run(
                frame(outer, offset(outer, "CALL"), ("value",), [("int", 0)]),
                frame(inner, offset(inner, "RETURN_VALUE"), ("raise",), [("int", 1)]),
                values=[1, 2, holder],
                release=[2],
                raised=LookupError("kept"),
            )
        )
        assert str(error) == "kept"
        assert seen == [[("inner", {"c": 2}), ("outer", {"a": 1})]]

    @pytest.mark.parametrize(
        "start, stop, step", [(0, 5, 1), (5, 5, 1), (7, -3, -2), (0, 0, 1), (10**12, 10**12 + 3, 2)]
    )
    def test_range_iterators(self, start: int, stop: int, step: int) -> None:
        found = given(
            ("virtual", 0),
            values=[start, stop, step],
            virtuals=[("range iterator", ("int", 0), ("int", 1), ("int", 2))],
        )
        expected = iter(range(start, stop, step))
        assert type(found) is type(expected)
        assert found.__reduce__() == expected.__reduce__()
        assert list(found) == list(expected)

    @pytest.mark.parametrize("index", [0, 2, 3])
    def test_sequence_iterators(self, index: int) -> None:
        for sequence, name in (([1, 2, 3], "list iterator"), ((1, 2, 3), "tuple iterator")):
            found = given(("virtual", 0), values=[(sequence,), index], virtuals=[(name, ("borrowed", 0), ("int", 1))])
            assert type(found) is type(iter(sequence))
            assert found.__reduce__()[1] == (sequence,)
            assert list(found) == list(sequence[index:])

    def test_other_virtual_objects(self) -> None:
        found = given(
            ("virtual", 1),
            values=[3, 10, 1],
            virtuals=[
                ("range iterator", ("int", 0), ("int", 1), ("int", 2)),
                ("enumerate", ("virtual", 0), ("int", 1)),
            ],
        )
        assert type(found) is enumerate
        assert list(found) == list(enumerate(range(3, 10), 10))
        receiver = [1]
        found = given(
            ("virtual", 0), values=[(receiver,)], virtuals=[("bound method", ("constant", give), ("borrowed", 0))]
        )
        assert type(found) is types.MethodType
        assert (found.__func__, found.__self__) == (give, receiver)
        found = given(("virtual", 0), values=[2], virtuals=[("slice", ("int", 0), ("constant", None), ("null",))])
        assert found == slice(2, None, None)
        found = given(("virtual", 0), values=[2.5, -0.0], virtuals=[("complex", ("float", 0), ("float", 1))])
        assert repr(found) == repr(complex(2.5, -0.0))
        assert given(("virtual", 0), virtuals=[("tuple",)]) == ()
        assert given(("virtual", 0), virtuals=[("list",)]) == []

    def test_constants_live_as_long_as_the_version(self) -> None:
        class Thing: ...

        thing = Thing()
        gone = weakref.ref(thing)
        function = fresh(give)
        place = offset(function, "RETURN_VALUE")
        assert run(frame(function, place, ("resume",), stack=[("constant", thing)])) is thing
        del thing
        assert gone() is not None
        del function
        gc.collect()
        for _ in range(1000):  # what is pending has its turn
            if gone() is None:
                break
        assert gone() is None


class TestWithoutContinuation:
    def test_the_interpreter_goes_on(self) -> None:
        frames = chain(("resume",), [("constant", 100), ("int", 2)])
        assert _core.compile_now(frames[0][0])
        with justjit.config(code_memory_limit=0):
            assert run(*frames, values=[3, 4, 5]) == outer(3)
            found = failure(lambda: run(*frames, values=[-2, -1, 0]))
        assert entries(found)[-3:] == entries(failure(lambda: outer(-2)))[-3:]
        assert justjit.stats(frames[0][0]).handovers == {NO_CODE: 3 + 1}

    def test_watched(self) -> None:
        frames = chain(("resume",), [("constant", 100), ("int", 2)])
        seen: list[str] = []

        def tracer(frame: types.FrameType, event: str, argument: Any) -> Any:
            seen.append(event)
            return tracer

        sys.settrace(tracer)
        try:
            found = run(*frames, values=[3, 4, 5])
        finally:
            sys.settrace(None)
        assert found == outer(3)
        assert sum(justjit.stats(frames[0][0]).handovers.values()) == 3


class TestContinuations:
    def test_loops_get_back_into_better_code(self) -> None:
        def total(n: int) -> int:
            found = 0
            for i in range(n):
                found += i
            return found

        function = fresh(total)
        _core.hook(function, 0)
        _core.set_deopt_points(function, [offset(total, "JUMP_BACKWARD")])
        for n in (10, 100, 5000, 5000):
            assert function(n) == sum(range(n))
        found = justjit.stats(function)
        # A continuation without a way out would have been left once a call.
        assert found.deopts[REQUESTED] > 1000
        assert found.handovers == {}

    def test_feedback_is_the_functions(self) -> None:
        def add(n: Any, x: Any) -> Any:
            for _ in range(n):
                x = x + x
            return x

        function = fresh(add)
        _core.hook(function, 0)
        # Left at its first instruction, so that all that is seen is seen in continuations.
        _core.set_deopt_points(function, [offset(add, "RESUME")])
        for _ in range(50):
            assert function(3, 1.5) == 12.0
        assert justjit.stats(function).versions > 1

    def test_generators(self) -> None:
        def numbers(n: int) -> Iterator[int]:
            total = 0
            for i in range(n):
                total += yield i * i
            return total

        for point in dis.get_instructions(numbers):
            function = fresh(numbers)
            _core.hook(function, 0)
            _core.set_deopt_points(function, [point.offset])
            generator = function(300)
            found = [next(generator)]
            with contextlib.suppress(StopIteration):
                while True:
                    found.append(generator.send(2))
            assert found == [i * i for i in range(300)]
            assert justjit.stats(function).handovers == {}


class TestInvalidation:
    @staticmethod
    def optimized(function: Any) -> Any:
        made = fresh(function)
        assert _core.compile_as_optimized(made)
        return made

    def test_only_optimized_versions(self) -> None:
        function = fresh(give)
        assert _core.compile_now(function)
        assert not _core.invalidate_version(function)
        function = self.optimized(give)
        assert _core.invalidate_version(function)
        assert function(5) == 5
        assert not _core.invalidate_version(function)

    def test_direct_calls(self) -> None:
        def callee(x: Any) -> Any:
            return x + 1

        callee = self.optimized(callee)

        def caller(n: int) -> Any:
            total = 0
            for i in range(n):
                total += callee(i)
            return total

        function = fresh(caller)
        _core.hook(function, 0)
        expected = caller(2000)
        assert function(2000) == function(2000) == expected
        before = justjit.stats(callee).calls
        assert _core.invalidate_version(callee)
        assert function(100) == sum(range(101))
        assert justjit.stats(callee).calls == before + 100
        assert not _core.invalidate_version(callee)

    def test_in_a_loop_that_runs(self) -> None:
        def loop(n: int, at: int) -> Any:
            total = 0
            for i in range(n):
                total += i
                if i == at:
                    invalidate()
            return total

        done: list[bool] = []

        def invalidate() -> None:
            done.append(_core.invalidate_version(function))

        function = self.optimized(loop)
        assert function(3000, 100) == sum(range(3000))
        assert done == [True]
        assert function(3000, -1) == sum(range(3000))

    def test_suspended_generators(self) -> None:
        def leaf(n: int) -> Any:
            for i in range(n):
                if i == n // 2:
                    invalidate()
                yield i

        def through(n: int) -> Any:
            return (yield from leaf(n))

        def invalidate() -> None:
            for function in (through, leaf):
                if justjit.stats(function).versions:
                    _core.invalidate_version(function)

        leaf, through = self.optimized(leaf), self.optimized(through)
        one, other = through(1000), through(10)
        assert [next(one) for _ in range(100)] == list(range(100))
        assert list(other) == list(range(10))
        assert list(one) == list(range(100, 1000))
