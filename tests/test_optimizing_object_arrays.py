"""NumPy's arrays of objects in the optimizing tier: in place, and everything as in the interpreter, references included."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import weakref
from typing import TYPE_CHECKING, Any

import justjit
import pytest

from tests.array_programs import at, copy_of, fill, np, outcome, reverse, total, total_of_items
from tests.numpy_numbers import calls, compare, compare_compiled, optimized
from tests.object_arrays import NUMBERS, in_place, is_generic, null, objects
from tests.optimized_programs import optimizing_soon  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(np is None, reason="NumPy is not installed")

# ---- reading -------------------------------------------------------------------------------------------------------


def text_lengths(data: Any) -> Any:
    result = 0
    for i in range(len(data)):
        result += len(data[i])
    return result


def flags(data: Any) -> Any:
    result = 0
    for i in range(len(data)):
        if data[i]:
            result += i
    return result


def of_rows(data: Any) -> Any:
    result = 0
    for i in range(data.shape[0]):
        for j in range(data.shape[1]):
            result += data[i, j] - data[i][j] // 2
    return result


def test_numbers_are_unboxed() -> None:
    floats = [1.5, -0.0, 2.25, 1e300] * 10
    ints = [3, -1, 2**40, 7] * 10
    for function in (total, total_of_items):
        in_place(
            function,
            lambda: (objects(*floats),),
            lambda: (objects(*ints),),
            lambda: (objects(*floats)[::-3],),
            lambda: (objects(*floats, 2),),
            lambda: (objects(1.5, 2.5, None),),
            lambda: (objects(),),
            lambda: (objects("a"),),
            quiet=NUMBERS,
        )
        in_place(
            function,
            lambda: (objects(*ints),),
            lambda: (objects(*floats),),
            lambda: (objects(*ints, 2**62, 2**62, 2**70, -(2**70)),),
            lambda: (objects(1, True, 2.5, np.int64(3), np.float32(0.1)),),
            quiet=NUMBERS,
        )


def test_objects_of_one_type() -> None:
    words = ["a", "bc", "", "def"] * 10
    in_place(
        text_lengths,
        lambda: (objects(*words),),
        lambda: (objects([1], (2, 3), {}, "x"),),
        lambda: (objects("x", None),),
        lambda: (objects(*words)[::2],),
    )
    in_place(flags, lambda: (objects(*[True, False, True] * 9),), lambda: (objects(1, 0, "", None, [], 2.0, True),))


def test_two_dimensions() -> None:
    def grid(*shape: int) -> Any:
        made = np.empty(shape, dtype=object)
        for i in range(shape[0]):
            for j in range(shape[1]):
                made[i, j] = 10 * i + j
        return made

    in_place(
        of_rows,
        lambda: (grid(5, 6),),
        lambda: (grid(6, 5).T,),
        lambda: (grid(10, 12)[::-2, ::3],),
        lambda: (np.broadcast_to(grid(1, 3), (4, 3)),),
        lambda: (grid(5, 0),),
        lambda: (grid(5, 6).astype(int),),
        lambda: (grid(5, 6)[0],),
        quiet=NUMBERS,
    )


def test_indices() -> None:
    data = objects(1, "two", [3], None)
    for index in (0, -1, 3, 4, -4, -5, True, None, slice(1), (0,), (), (0, 0), 1.0, 2**70, np.int64(-2), np.array(1)):
        compare(at, lambda: (data, 1), lambda index=index: (data, index))


def test_null_is_none() -> None:
    def nones(data: Any) -> Any:
        result = []
        for i in range(len(data)):
            if data[i] is None:
                result.append(i)
        return result

    def nones_of_items(data: Any) -> Any:
        result = []
        for item in data:
            if item is None:
                result.append(item)
        return result

    for function in (nones, nones_of_items):
        in_place(function, lambda: (objects(*[1, None] * 9),), lambda: (null(objects(*range(9)), 0, 3, 8),))
        in_place(function, lambda: (null(objects(*range(9)), 0, 3, 8),), lambda: (objects(*[1, None] * 9),))
    for function in (total, total_of_items):
        compare(function, lambda: (objects(*[1.5] * 9),), lambda: (null(objects(*[1.5] * 9), 5),))
    for value in (1, 0.5, None, "x", [1], True):
        compare(fill, lambda: (null(objects(*range(9)), 0, 3, 8), value), lambda: (objects(*range(9)), value))
        compare(fill, lambda: (objects(*[value] * 9), value), lambda: (null(objects(*range(9)), 0, 3, 8), value))


# ---- writing -------------------------------------------------------------------------------------------------------


def shuffle(data: Any) -> None:
    n = len(data)
    for i in range(n):
        j = (i * 7 + 3) % n
        data[i], data[j] = data[j], data[i]


def test_writing_numbers() -> None:
    def scale(data: Any, factor: Any) -> None:
        for i in range(len(data)):
            data[i] = data[i] * factor + 1

    in_place(
        scale,
        lambda: (objects(*[1.5, 2.5] * 20), 0.5),
        lambda: (objects(*[1, 2] * 20), 3),
        lambda: (objects(1, 2.5, "x"), 3),
        lambda: (objects(*[1.5, 2.5] * 20)[::-1], 0.25),
        lambda: (objects(1, 2**62, 5), 4),
        quiet=NUMBERS,
    )
    in_place(scale, lambda: (objects(*[1, 2] * 20), 3), lambda: (objects(*[1.5, 2.5] * 20), 0.5), quiet=NUMBERS)


def test_permuting() -> None:
    class Thing:
        pass

    things = [Thing() for _ in range(30)]
    for function in (reverse, shuffle):
        in_place(
            function,
            lambda: (objects(*things),),
            lambda: (objects(*range(30)),),
            lambda: (objects(*map(float, range(30))),),
            lambda: (objects(*things)[::2],),
            lambda: (things[:],),
        )
    before = [sys.getrefcount(thing) for thing in things]
    compiled = optimized(shuffle, lambda: (objects(*things),))
    data = objects(*things)
    for _ in range(20):
        compiled(data)
    # The same objects, each of them once.
    assert sorted(map(id, data)) == sorted(map(id, things))
    assert [sys.getrefcount(thing) - 1 for thing in things] == before


VALUES: list[Callable[[], Any]] = [
    lambda: None,
    lambda: 5,
    lambda: 2**70,
    lambda: 1.5,
    lambda: True,
    lambda: 1j,
    lambda: "text",
    lambda: b"bytes",
    lambda: [1, 2],
    lambda: [],
    lambda: (1, 2),
    lambda: (),
    lambda: {1: 2},
    lambda: {1},
    lambda: range(3),
    lambda: np.arange(3),
    lambda: np.array(5),
    lambda: np.array("text"),
    lambda: np.array(object()),
    lambda: np.float64(2.5),
    lambda: np.int8(3),
    lambda: np.bool_(True),
    lambda: np.str_("text"),
    lambda: np.datetime64("2020-01-01"),
    lambda: np.zeros((), dtype="i4,f4")[()],
    lambda: np.zeros(2, dtype="i4,O")[0],
    lambda: objects(1, 2, 3),
    lambda: np.ma.masked,
    lambda: memoryview(b"abc"),
    lambda: Ellipsis,
    lambda: int,
    lambda: weakref.ref(VALUES[0]),
]


@pytest.mark.parametrize("seen", range(len(VALUES)))
def test_the_object_itself_is_stored(seen: int) -> None:
    """Whatever NumPy might take apart elsewhere."""

    def store(line: Any, table: Any, value: Any, log: list) -> None:
        for i in range(3):
            line[i] = value
            table[i, 1] = value
            table[i][0] = value
            log.append(line[i] is value and table[i, 1] is value and table[i][0] is value)

    compiled = optimized(store, lambda: (np.empty(3, dtype=object), np.empty((3, 2), dtype=object), VALUES[seen](), []))
    assert not is_generic(compiled), calls(compiled)
    for make in VALUES:
        value = make()
        line, table, log = np.empty(3, dtype=object), np.empty((3, 2), dtype=object), []
        before = sys.getrefcount(value)
        for _ in range(3):
            compiled(line, table, value, log)
        assert log == [True] * 9, value
        after = sys.getrefcount(value)
        assert after in (before, before + 9), value
        del line, table
        assert sys.getrefcount(value) == before


class Pair:
    def __init__(self, one: Any, other: Any) -> None:
        self.one = one
        self.other = other


def test_made_objects() -> None:
    """What has not been made when it is stored."""

    def fill_in(data: Any, rounds: int) -> Any:
        result = 0
        for k in range(rounds):
            for i in range(len(data)):
                data[i] = Pair(i, k)
                result += data[i].one + data[i].other
                data[i] = (i, k)
                result += data[i][0]
                data[i] = [i, k]
                result += data[i][1]
                data[i] = i + 0.5
                result += data[i]
        return result

    in_place(fill_in, lambda: (np.empty(9, dtype=object), 4), lambda: (objects("a", [], None), 2))


def test_numpy_values_end_quietly() -> None:
    """NumPy's numbers and arrays as elements that are written over."""

    def add(data: Any, more: Any) -> None:
        for i in range(len(data)):
            data[i] = data[i] + more

    for make in (
        lambda: objects(*[np.arange(3.0), np.ones(4)] * 9),
        lambda: objects(*map(np.float64, range(20))),
        lambda: objects(*map(np.float32, range(20))),
    ):
        compiled = optimized(add, lambda make=make: (make(), 1))  # type: ignore[misc]
        assert not is_generic(compiled), calls(compiled)
        compare_compiled(compiled, add, lambda make=make: (make(), 1))  # type: ignore[misc]


@pytest.mark.parametrize(
    "name", ["bool", "int8", "uint64", "int64", "float16", "float32", "float64", "complex64", "complex128"]
)
def test_numbers_of_numpy(name: str) -> None:
    """NumPy's numbers go into arrays of objects as they are, and out of them into arrays of numbers."""

    def there(numbers: Any, data: Any) -> None:
        for i in range(len(numbers)):
            data[i] = numbers[i]

    def back(numbers: Any, data: Any) -> None:
        for i in range(len(numbers)):
            numbers[i] = data[i]

    def numbers(kind: str = name) -> Any:
        return np.array([0, 1, 1, 0, 1] * 5).astype(kind)

    for seen in (lambda: objects(*numbers()), lambda: objects(*[None] * 25)):
        compiled = optimized(there, lambda seen=seen: (numbers(), seen()))  # type: ignore[misc]
        assert not is_generic(compiled), calls(compiled)
        for make in (
            lambda: (numbers(), objects(*numbers())),
            lambda: (numbers(), objects(*[None] * 25)),
            lambda: (numbers("float64"), objects(*[1.5] * 25)),
            lambda: (numbers("int8"), objects(*numbers())),
            lambda: (objects(*numbers()), objects(*numbers())),
        ):
            assert outcome(compiled, make()) == outcome(copy_of(there), make())
    compare(
        back,
        lambda: (numbers(), objects(*numbers())),
        lambda: (numbers(), objects(*numbers("complex128"))),
        lambda: (numbers(), objects(*numbers("float64") * 1e300)),
        lambda: (numbers(), objects(*range(25))),
        lambda: (numbers(), objects(*[0.5] * 25)),
        lambda: (numbers(), objects(*[None] * 25)),
        lambda: (numbers(), objects(*["1"] * 25)),
    )


# ---- other arrays --------------------------------------------------------------------------------------------------


def test_read_only() -> None:
    def locked() -> Any:
        data = objects(*range(5))
        data.flags.writeable = False
        return data

    for function in (lambda data: fill(data, None), reverse, total):
        compare(
            function,
            lambda: (objects(*range(5)),),
            lambda: (locked(),),
            lambda: (np.broadcast_to(objects(7)[0:1], (5,)),),
            lambda: (objects(*range(5)).view(np.ndarray),),
        )


def test_other_arrays() -> None:
    """Code for arrays of objects meets others, and the other way round."""

    class Sub(np.ndarray):
        def __getitem__(self, index: Any) -> Any:
            return super().__getitem__(index) * 2

        def __setitem__(self, index: Any, value: Any) -> None:
            super().__setitem__(index, [value] if self.dtype == object else value)

    def forms() -> list[Callable[[], Any]]:
        def line() -> Any:
            return objects(*range(1, 25))

        def packed() -> Any:
            table = np.zeros(24, dtype=[("flag", "i1"), ("value", "O"), ("more", "i8")])
            table["value"] = line()
            return table["value"]

        def aligned() -> Any:
            table = np.zeros(24, dtype=np.dtype([("flag", "i1"), ("value", "O"), ("more", "i8")], align=True))
            table["value"] = line()
            return table["value"]

        return [
            line,
            lambda: line()[::-1],
            lambda: line()[::3],
            lambda: line()[:0],
            packed,
            aligned,
            lambda: line().view(Sub),
            lambda: line().astype(int),
            lambda: line().astype(float),
            lambda: line().astype(complex),
            lambda: line().astype(np.dtype(object, metadata={"a": 1})),
            lambda: line().reshape(4, 6),
            lambda: line().reshape(4, 6)[:, 2],
            lambda: np.array(line()[0], dtype=object),
            lambda: np.ma.array(line(), mask=[True, False] * 12),
            lambda: np.array([("a", 1)] * 24, dtype=[("x", object), ("y", int)]),
            lambda: list(line()),
            lambda: tuple(line()),
            lambda: memoryview(line()),
        ]

    all_forms = forms()
    for seen in (0, 1, 5, 7, 12):
        for function in (total, total_of_items):
            compare(function, lambda: (all_forms[seen](),), *(lambda form=form: (form(),) for form in all_forms))
        for function in (reverse, lambda data: fill(data, 2), lambda data: fill(data, 2.5)):
            compiled = copy_of(function)
            justjit.jit(compiled)
            for _ in range(30):
                compiled(all_forms[seen]())
            for form in all_forms:
                assert outcome(compiled, (form(),)) == outcome(function, (form(),))


# ---- the rest ------------------------------------------------------------------------------------------------------


def test_counts() -> None:
    """References of what is read, stored, iterated and written over, many times."""
    thing, other = object(), object()

    def work(data: Any, thing: Any, other: Any) -> Any:
        found = 0
        for _ in range(50):
            for i in range(len(data)):
                if data[i] is thing:
                    found += 1
                data[i] = other
                data[i] = thing
            for item in data:
                found += item is thing
        return found

    make = lambda: (objects(*[thing] * 10), thing, other)  # noqa: E731
    before = sys.getrefcount(thing), sys.getrefcount(other)
    compiled = optimized(work, make)
    assert not is_generic(compiled), calls(compiled)
    for _ in range(20):
        assert compiled(*make()) == 1000
    assert (sys.getrefcount(thing), sys.getrefcount(other)) == before


def test_what_is_not_done_here_is_seen() -> None:
    """The test of this file for code in place can fail."""

    def parts(data: Any) -> Any:
        result = 0
        for i in range(len(data)):
            result += len(data[i:])
        return result

    compiled = optimized(parts, lambda: (objects(*range(40)),))
    assert calls(compiled) - NUMBERS


@pytest.mark.parametrize("as_expected", [True, False])
def test_arrays_of_objects_are_proved(as_expected: bool) -> None:
    """Where arrays of objects do not do what they are expected to, they are left to NumPy, and only they."""
    program = f"""
        import justjit, numpy as np

        real = np.dtype

        class Other:
            def __new__(cls, what):
                return real(float if what is object else what)

        def work(data):
            found = 0
            for i in range(len(data)):
                data[i] = data[i - 1]
                found += data[i] is None
            return found

        def total(data):
            result = 0.0
            for i in range(len(data)):
                result += data[i]
            return result

        justjit.config(tier="optimizing", background=False, optimize_calls=3)
        justjit.jit(work)
        justjit.jit(total)
        if not {as_expected}:
            np.dtype = Other
        objects, floats = np.full(50, None), np.arange(50.0)
        for _ in range(20):
            assert work(objects) == 50
            assert total(floats) == 1225
        for function in (work, total):
            assert justjit.stats(function).tier == "optimizing"
            print("subscr" in justjit.dump(function, "ir"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(not as_expected), "False"]
