"""What sampling code notes for the optimizing tier, and that it keeps nothing alive."""

import gc
import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import justjit
import pytest
from justjit import _core

from tests.harness import differential


@pytest.fixture(autouse=True)
def sampling() -> Iterator[None]:
    with justjit.config(sampling_only=True):
        yield


def notes(function: Callable[..., Any], opname: str) -> list[dict[str, Any]]:
    """What was noted of the instructions of this name."""
    return [noted for _, name, noted in _core.samples(function) if name == opname]  # type: ignore[arg-type]


def note(function: Callable[..., Any], opname: str) -> dict[str, Any]:
    (noted,) = notes(function, opname)
    return noted


def sampled[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    function.__code__ = function.__code__.replace()  # type: ignore[attr-defined]  # which no other test has run
    _core.hook(function, 0)  # type: ignore[arg-type]
    return function


class TestTypes:
    def test_operands_and_result_of_an_operator(self) -> None:
        @sampled
        def add(a: Any, b: Any) -> Any:
            return a + b

        add(1, 2.5)
        noted = note(add, "BINARY_OP")
        assert [one["types"] for one in noted["operands"]] == [[(int, 1)], [(float, 1)]]
        assert noted["result"]["types"] == [(float, 1)]
        add(-7, 2)
        noted = note(add, "BINARY_OP")
        assert noted["operands"][0]["types"] == [(int, 2)]
        assert noted["operands"][0]["range"] == (-7, 1)
        assert noted["operands"][1]["types"] == [(float, 1), (int, 1)]
        assert noted["result"]["types"] == [(float, 1), (int, 1)]

    def test_more_types_than_are_told_apart(self) -> None:
        @sampled
        def is_true(x: Any) -> bool:
            return not x

        for value in (1, 1.0, "1", b"1"):
            is_true(value)
        (operand,) = note(is_true, "TO_BOOL")["operands"]
        # The third call ended the first version; the next takes samples anew.
        assert [ty for ty, _ in operand["types"]] == [bytes]

    def test_more_types_flag(self) -> None:
        @sampled
        def each(values: list[Any]) -> int:
            count = 0
            for value in values:
                if value:
                    count += 1
            return count

        each([1, 1.0, "1", b"1", 2])
        (operand,) = note(each, "TO_BOOL")["operands"]
        assert operand["types"] == [(int, 2), (float, 1), (str, 1)]
        assert operand["more_types"]
        assert note(each, "FOR_ITER")["result"]["types"] == operand["types"]

    @pytest.mark.parametrize(
        ("value", "wide"), [(2**63 - 1, False), (2**63, True), (-(2**63), False), (-(2**63) - 1, True), (0, False)]
    )
    def test_ints_that_fit(self, value: int, wide: bool) -> None:
        @sampled
        def negative(x: int) -> int:
            return -x

        negative(value)
        (operand,) = note(negative, "UNARY_NEGATIVE")["operands"]
        assert operand.get("wide_int", False) == wide
        assert operand.get("range") == (None if wide else (value, value))

    def test_unpacked_items(self) -> None:
        @sampled
        def six(values: Any) -> Any:
            a, b, c, d, e, f = values
            return a, b, c, d, e, f

        six([1, 2, 3, 4, 5, 6.0])
        noted = note(six, "UNPACK_SEQUENCE")
        assert dict(noted["result"]["types"]) == {int: 5, float: 1}
        assert noted["operands"][0]["types"] == [(list, 1)]

    def test_subscripts(self) -> None:
        @sampled
        def move(values: Any) -> None:
            values[0] = values["k"]

        move({"k": 2.5})
        assert [one["types"] for one in note(move, "BINARY_SUBSCR")["operands"]] == [[(dict, 1)], [(str, 1)]]
        store = note(move, "STORE_SUBSCR")["operands"]
        assert [one["types"] for one in store] == [[(float, 1)], [(dict, 1)], [(int, 1)]]

    def test_attributes(self) -> None:
        class Point:
            def __init__(self) -> None:
                self.x = 1

            def get(self) -> int:
                return self.x

        @sampled
        def use(point: Any) -> Any:
            point.y = point.x
            return point.get()

        use(Point())
        loads = notes(use, "LOAD_ATTR")
        assert [one["operands"][0]["types"] for one in loads] == [[(Point, 1)]] * 2
        assert loads[0]["result"]["types"] == [(int, 1)]
        assert loads[1]["result"]["object"] is Point.get
        assert [one["types"] for one in note(use, "STORE_ATTR")["operands"]] == [[(int, 1)], [(Point, 1)]]

    def test_class_that_changes(self) -> None:
        class Thing:
            x = 1

        @sampled
        def get(thing: Any) -> Any:
            return thing.x

        thing = Thing()
        get(thing)
        Thing.x = 2
        assert note(get, "LOAD_ATTR")["operands"][0]["types"] == [(None, 1)]
        get(thing)
        operand = note(get, "LOAD_ATTR")["operands"][0]
        assert operand["types"] == [(Thing, 2)]
        assert operand["changed"]

    def test_generators(self) -> None:
        @sampled
        def echo() -> Any:
            got = yield 1
            yield got

        @sampled
        def outer() -> Any:
            return (yield from echo())

        generator = outer()
        next(generator)
        generator.send(2.5)
        assert notes(echo, "YIELD_VALUE")[0]["result"]["types"] == [(float, 1)]
        assert notes(echo, "YIELD_VALUE")[1]["operands"][0]["types"] == [(float, 1)]
        assert note(outer, "SEND")["operands"][0]["types"][0][0] is type(generator)


class TestCounts:
    def test_loop_with_a_branch(self) -> None:
        @sampled
        def loop(values: list[int]) -> int:
            odd = 0
            for value in values:
                if value % 2:
                    odd += 1
            return odd

        loop([1, 2, 3, 4, 5])
        assert note(loop, "FOR_ITER")["count"] == 6
        assert note(loop, "TO_BOOL")["count"] == 5
        jumps = [one for name in ("POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE") for one in notes(loop, name)]
        assert sum(one["count"] for one in jumps) == 5
        assert sum(one["taken"] for one in jumps) in (2, 3)
        returned = notes(loop, "RETURN_VALUE")
        assert sum(one["count"] for one in returned) == 1

    def test_taken_when_none(self) -> None:
        @sampled
        def first(values: list[Any]) -> int:
            found = 0
            for value in values:
                if value is None:
                    found += 1
            return found

        first([None, 1, None, None])
        jumps = [one for name in ("POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE") for one in notes(first, name)]
        assert sum(one["count"] for one in jumps) == 4
        assert sum(one["taken"] for one in jumps) in (1, 3)

    def test_code_that_never_runs(self) -> None:
        @sampled
        def check(x: int) -> int:
            if x < 0:
                raise ValueError(x)
            return x

        check(1)
        check(2)
        assert note(check, "RAISE_VARARGS")["count"] == 0
        assert "callees" not in note(check, "CALL")

    def test_running_loop_goes_into_the_next_version(self) -> None:
        @sampled
        def loop(count: int) -> int:
            total = 0
            for i in range(count):
                total += i
            return total

        assert loop(1000) == sum(range(1000))
        # A version that began in the middle of the loop has never fetched the range.
        assert note(loop, "GET_ITER")["count"] == 0
        assert note(loop, "FOR_ITER")["count"] > 100
        assert justjit.stats(loop).versions > 1


class TestCallees:
    def test_function_method_class_builtin(self) -> None:
        def plain(x: int) -> int:
            return x

        class Thing:
            def method(self) -> int:
                return 1

        thing = Thing()
        bound = thing.method

        @sampled
        def use() -> Any:
            return plain(1), Thing(), thing.method(), bound(), math.sin(1.0), "a".upper()

        use()
        kinds = []
        for noted in notes(use, "CALL"):
            (callee,) = noted["callees"]
            kinds.append((callee["kind"], callee["bound"], callee["object"], callee["code"]))
        assert kinds == [
            ("Function", False, plain, plain.__code__),
            ("Class", False, Thing, None),
            ("Function", False, Thing.method, Thing.method.__code__),
            ("Function", True, Thing.method, Thing.method.__code__),
            ("Builtin", False, math.sin, None),
            ("Method", False, str.upper, None),
        ]
        receivers = [one["callees"][0]["receiver"]["types"] for one in notes(use, "CALL")]
        assert receivers == [[], [], [(Thing, 1)], [(Thing, 1)], [], [(str, 1)]]

    def test_several_functions_of_one_code(self) -> None:
        def make(n: int) -> Callable[[], int]:
            return lambda: n

        functions = [make(i) for i in range(3)]

        @sampled
        def use() -> list[int]:
            found = []
            for function in functions:
                found.append(function())
            return found

        assert use() == [0, 1, 2]
        (callee,) = notes(use, "CALL")[0]["callees"]
        assert callee["count"] == 3
        assert callee["object"] is None
        assert callee["code"] is functions[0].__code__

    def test_more_callees_than_are_told_apart(self) -> None:
        @sampled
        def use(functions: list[Any]) -> None:
            for function in functions:
                function(1)

        use([abs, int, float, str, abs])
        noted = note(use, "CALL")
        assert [one["object"] for one in noted["callees"]] == [abs, int]
        assert noted["callees"][0]["count"] == 2
        assert noted["more_callees"] == 2

    def test_keywords_and_star(self) -> None:
        def plain(x: int, y: int = 0) -> int:
            return x + y

        @sampled
        def use(arguments: Any) -> Any:
            return plain(1, y=2), plain(*arguments)

        use((1, 2))
        assert note(use, "CALL_KW")["callees"][0]["object"] is plain
        assert note(use, "CALL_FUNCTION_EX")["callees"][0]["object"] is plain


class TestNothingIsKept:
    def test_instances_and_classes(self) -> None:
        class Thing:
            x = 1

        @sampled
        def use(thing: Any) -> Any:
            return thing.x, thing.__class__()

        counts = weakref.getweakrefcount(Thing)
        thing = Thing()
        use(thing)
        assert weakref.getweakrefcount(Thing) == counts
        class_ref, thing_ref = weakref.ref(Thing), weakref.ref(thing)
        del thing
        assert thing_ref() is None
        del Thing
        gc.collect()
        assert class_ref() is None
        assert notes(use, "LOAD_ATTR")[0]["operands"][0]["types"] == [(None, 1)]

    def test_functions(self) -> None:
        def make() -> Callable[[], int]:
            return lambda: 1

        @sampled
        def use(function: Any) -> Any:
            return function()

        function = make()
        reference = weakref.ref(function)
        assert weakref.getweakrefcount(function) == 1
        use(function)
        assert weakref.getweakrefcount(function) == 1
        del function
        assert reference() is None
        (callee,) = note(use, "CALL")["callees"]
        assert callee["object"] is None
        assert callee["code"] is make.__code__.co_consts[1]

    def test_code_objects(self) -> None:
        @sampled
        def use(function: Any) -> Any:
            return function()

        namespace: dict[str, Any] = {}
        exec("def f(): return 1", namespace)
        reference = weakref.ref(namespace["f"].__code__)
        use(namespace.pop("f"))
        assert reference() is None
        (callee,) = note(use, "CALL")["callees"]
        assert (callee["object"], callee["code"]) == (None, None)

    def test_another_function_at_the_same_address(self) -> None:
        @sampled
        def use(functions: Iterator[Any]) -> int:
            total = 0
            for function in functions:
                total += function()
            return total

        assert use(eval(f"lambda: {i}") for i in range(9)) == 36
        noted = note(use, "CALL")
        assert all(callee["object"] is None for callee in noted["callees"])
        assert sum(callee["count"] for callee in noted["callees"]) + noted["more_callees"] == 9


def test_same_in_all_modes() -> None:
    def program() -> list[object]:
        seen: list[object] = []

        class Logged:
            def __init__(self, name: str) -> None:
                self.name = name

            def __del__(self) -> None:
                seen.append(self.name)

        def use(items: list[object]) -> int:
            count = 0
            for item in items:
                a, b = item, count
                count += 1 + (a is None) + b * 0
            return count

        items = [Logged("a"), None, 2.5, "x", Logged("b")]
        seen.append(use(items))
        seen.append(use([1]))
        return seen

    differential(program)
