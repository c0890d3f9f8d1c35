"""Calls that optimized code makes by itself: of functions in Python that are known by their entry, and of functions in C."""

import gc
import sys
from typing import Any

import justjit

from tests.optimized_programs import namespace, optimizing  # noqa: F401
from tests.test_optimizing_calls import both, raised


def test_defaults_and_keywords_that_change() -> None:
    source = """
        def callee(a, b=[1], *, c=3, d):
            return a, b, c, d, [a]

        def plain(a, b=2, c=3):
            return [a, b, c]

        def loop(n, x):
            found = []
            for i in range(n):
                found.append((callee(x, d=i), callee(d=x, a=i, b=5, c=6), plain(i), plain(i, c=x)))
            return found

        def failing():
            return plain(c=1)
    """

    def use(names: dict[str, Any]) -> list[Any]:
        found = [names["loop"](3, "x")]
        plain, callee = names["plain"], names["callee"]
        for defaults in ((7, 8), (9,), None, (0, 1, 2)):
            plain.__defaults__ = defaults
            found.append(raised(lambda: names["loop"](3, 1.5)))
        plain.__defaults__ = (2, 3)
        callee.__kwdefaults__ = {"c": "another"}
        found.append(names["loop"](2, 1))
        callee.__kwdefaults__ = {}
        found.append(raised(lambda: names["loop"](2, 1)))
        callee.__kwdefaults__ = {"c": 3}
        found.append(raised(names["failing"]))
        return found

    both(source, use, lambda names: names["loop"](20, 1), None)


def test_callees_that_are_not_constant() -> None:
    source = """
        class Thing:
            def __init__(self, do):
                self.do = do

            def __repr__(self):
                return "a thing"

            def __eq__(self, other):
                return type(other).__name__ == "Thing"

            def method(self, x):
                return [x, x]

        def one(x):
            return [x]

        def two(x, y=()):
            return [x, y]

        def other(x):
            return "another", x

        def loop(n, functions, x):
            found = []
            for i in range(n):
                function = functions[i % len(functions)]
                found.append(function(x))
            return found

        def stored(n, thing, x):
            found = []
            for i in range(n):
                found.append(thing.do(x))
            return found
    """

    def use(names: dict[str, Any]) -> list[Any]:
        thing = names["Thing"](names["one"])
        bound = thing.method
        found = [names["loop"](9, [names["one"], names["two"], bound, len, str], "ab")]
        for do in (names["two"], bound, len, repr, names["one"]):
            found.append(names["stored"](5, names["Thing"](do), "abc"))
        found.append(raised(lambda: names["stored"](5, names["Thing"](None), 1)))
        found.append(raised(lambda: names["loop"](5, [len], 1)))
        names["one"].__code__ = names["other"].__code__
        found.append(raised(lambda: names["loop"](3, [names["one"]], 1)))
        return found

    def warm(names: dict[str, Any]) -> Any:
        return names["loop"](30, [names["one"]], 1), names["stored"](30, names["Thing"](names["one"]), 1)

    both(source, use, warm, None)


def test_functions_in_c() -> None:
    source = """
        table = {}

        class Dict(dict):
            def get(self, key, default=None):
                return "own", key

        class Liar:
            def __eq__(self, other):
                return type(other).__name__ == "Liar"

            __hash__ = None

            @property
            def __class__(self):
                return int

        class Meta(type):
            def __instancecheck__(cls, one):
                return bool(one)

        class Checked(metaclass=Meta):
            pass

        def loop(n, mapping, text, one):
            found = []
            for i in range(n):
                table[i & 3] = id(one) == id(one)
                found.append((mapping.get(i & 3), mapping.get(text, one), text.upper(), text.split(), text.find("b")))
                found.append((table.get(i & 3, 0), type(one).__name__, isinstance(one, int), isinstance(one, Checked)))
                found.append((getattr(one, "real", "none"), id(text) == id(text), divmod(i, 3), sorted([i, 1])))
            return found
    """

    def use(names: dict[str, Any]) -> list[Any]:
        loop = names["loop"]
        found = [loop(6, {1: 2, "a b": 3}, "a b", 4), loop(4, {}, "", 2.5)]
        found += [loop(3, names["Dict"]({1: 1}), "x b", None), loop(3, {}, "b", names["Liar"]())]
        found.append(raised(lambda: loop(3, {}, b"b", 1)))
        found.append(raised(lambda: loop(3, [], "b", 1)))
        found.append(loop(3, {}, "b", [1]))
        names["type"] = lambda one: int
        found.append(loop(3, {}, "b", "text"))
        del names["type"]
        names["isinstance"] = lambda one, cls: "always"
        found.append(loop(3, {}, "b", "text"))
        del names["isinstance"]
        return found

    both(source, use, lambda names: names["loop"](30, {1: 1}, "a b", 7), None)


def test_what_ends_behind_a_call_finds_the_frame() -> None:
    source = """
        import sys

        seen = []

        class Ends:
            def __init__(self, n):
                self.n = n

            def __len__(self):
                return self.n

            def __del__(self):
                frame = sys._getframe(1)
                seen.append((self.n, frame.f_code.co_name, frame.f_lineno, frame.f_locals.get("i")))

        def taken(one):
            one = None
            return [1]

        def kept(one):
            return [one.n]

        def loop(n):
            total = 0
            for i in range(n):
                total += len(Ends(i))
                total += len(taken(Ends(-i)))
                total += kept(Ends(i + 1000))[0]
                text = repr([Ends(i)])[:1]
                left = isinstance(Ends(7), Ends)
                left = type(Ends(8))
            return total, text

        def locals_end(n):
            first = Ends(1)
            second = [Ends(2)]
            if n == 3:
                del first
            if n == 4:
                second = 7
            return [n]

        def several(n):
            return [locals_end(i) for i in range(n)]
    """

    def use(names: dict[str, Any]) -> Any:
        names["seen"].clear()
        return names["loop"](20), names["several"](8), list(names["seen"])

    both(source, use, lambda names: (names["loop"](20), names["several"](20)), None)


def test_references_are_counted() -> None:
    source = """
        def callee(a, b=None, c=()):
            return [a, b]

        def other(a):
            return a

        def use(n, one, mapping, functions):
            for i in range(n):
                callee(one, c=one)
                callee(i, one)
                mapping.get(one)
                mapping.get(i, one)
                id(one)
                isinstance(one, str)
                type(one)
                functions[i & 1](one)
            return one

        def fail(one):
            try:
                return len(one)
            except TypeError:
                return one.missing
    """
    names = namespace(source, jitted=True)
    one = object()
    functions = [names["other"], names["callee"]]
    mapping = {one: one}

    def run() -> None:
        for n in (3, 30):
            names["use"](n, one, mapping, functions)
            names["use"](n, one, {}, [repr, names["other"]])
        raised(lambda: names["fail"](one))

    for _ in range(60):
        run()
    assert justjit.stats(names["use"]).tier == "optimizing", justjit.explain(names["use"])
    watched = [one, type(one), None, functions[1], dict.get, isinstance]

    def counts() -> list[int]:
        gc.collect()
        return [sys.getrefcount(each) for each in watched]

    before = counts()
    for _ in range(20):
        run()
    assert counts() == before


def test_a_frame_that_is_kept_outlives_its_function() -> None:
    source = """
        import sys

        frames = []

        def keep():
            frames.append(sys._getframe(1))

        def leaves(n, one):
            two = [one, n]
            if n % 7 == 6:
                keep()
            return len(two)

        def loop(n, one):
            return [leaves(i, one) for i in range(n)]
    """

    def use(names: dict[str, Any]) -> Any:
        names["frames"].clear()
        found = names["loop"](20, "one")
        return found, [(frame.f_code.co_name, dict(frame.f_locals)) for frame in names["frames"]]

    both(source, use, lambda names: names["loop"](20, 1), None)
