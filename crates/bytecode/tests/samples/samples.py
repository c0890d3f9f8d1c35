"""Source of samples.dump, real code for the decoder's tests to check and to mutate.

After a change: python tests/decoder_dump.py crates/bytecode/tests/samples/samples.py > crates/bytecode/tests/samples/samples.dump
"""

from contextlib import contextmanager


def add(a, b):
    return a + b


def loops(rows, limit=10):
    total = 0
    for row in rows:
        for value in row:
            if value is None:
                continue
            if value > limit:
                break
            total += value
        else:
            total -= 1
    while total > limit:
        total //= 2
    return total


def handlers(read, path):
    try:
        with read(path) as file:
            return file.parse()
    except (ValueError, KeyError) as error:
        raise RuntimeError(f"{path!r}: {error:>10}") from error
    finally:
        print("done", end="")


def groups(run):
    try:
        run()
    except* OSError as group:
        return_value = group.exceptions
    except* (TypeError, ValueError):
        return_value = None
    return return_value


def containers(items, *more, **named):
    first, *middle, last = items
    pairs = {key: [value, *more] for key, value in named.items() if key != "x"}
    pairs["all"] = {*middle, first, last}
    del pairs["x"]
    return [*items[1:-1], (first, last)], {**pairs, **named}, items[0:2], f"{items}"


def closures(start):
    count = start

    def step(by=1, *, wrap: int = 100):
        nonlocal count
        count = (count + by) % wrap
        return lambda: (count, by)

    return step


def matching(shape):
    match shape:
        case [0, *rest] if rest:
            return rest
        case {"kind": str(kind), **others}:
            return kind, others
        case complex(real=r, imag=i) | (r, i):
            return r + i
        case _:
            return None


class Base:
    """A class with something of everything."""

    limit: int = 3

    def method(self, value):
        return self.limit < value <= self.other.limit

    @property
    def other(self):
        return super().__self__

    @contextmanager
    def managed(self):
        try:
            yield self
        finally:
            self.limit = None


class Generic[T: int, *Ts, **P](Base):
    type Alias = dict[str, T]

    async def collect(self, source, sink):
        async with sink as out:
            async for item in source:
                await out.send(item)
        return [part async for part in out if await part]

    async def produce(self):
        while True:
            yield await self.other


def delegate(inner):
    result = yield from inner
    assert result, "empty"
    return (x * y for x in result for y in x)


def chained(a, b, c):
    x = a if b else c
    y = a and b or not c
    x.attribute[b] = y
    x @= -y
    import os.path as p
    from sys import argv, path

    global made
    made = p, argv, path
    return ~x in y, x is not a, p.join(*argv, **path)


def long_jump(n):
    for i in n:
        n.a0 = n.b0 + n.c0(i, key=n); n.a1 = n.b1 + n.c1(i, key=n); n.a2 = n.b2 + n.c2(i, key=n)  # noqa: E702
        n.a3 = n.b3 + n.c3(i, key=n); n.a4 = n.b4 + n.c4(i, key=n); n.a5 = n.b5 + n.c5(i, key=n)  # noqa: E702
        n.a6 = n.b6 + n.c6(i, key=n); n.a7 = n.b7 + n.c7(i, key=n); n.a8 = n.b8 + n.c8(i, key=n)  # noqa: E702
        n.a9 = n.b9 + n.c9(i, key=n)
