"""Generators and coroutines."""

from __future__ import annotations

from benchmarks.kernels import kernel


def _numbers(n):
    for i in range(n):
        yield i


def _squares(source):
    for x in source:
        yield x * x


def _odd(source):
    for x in source:
        if x & 1:
            yield x


@kernel("generators")
def pipeline_into_sum(n):
    return sum(_odd(_squares(_numbers(n))))


@kernel("generators")
def generators_of_three(n):
    total = 0
    for _ in range(n // 10):
        for x in _numbers(3):
            total += x
    return total


def _averages():
    total, count, average = 0.0, 0, None
    while True:
        total += yield average
        count += 1
        average = total / count


@kernel("generators")
def generator_send(n):
    averages = _averages()
    next(averages)
    last = 0.0
    for i in range(n):
        last = averages.send(i)
    return last


@kernel("generators")
def generator_next(n):
    numbers = _numbers(n)
    total = 0
    for _ in range(n):
        total += next(numbers)
    return total


def _delegate(depth, n):
    if depth:
        yield from _delegate(depth - 1, n)
    else:
        yield from _numbers(n)


@kernel("generators")
def yield_from_ten_deep(n):
    total = 0
    for x in _delegate(10, n // 10):
        total += x
    return total


def _guarded(n):
    for i in range(n):
        try:
            yield i
        finally:
            pass


@kernel("generators")
def generator_left_early(n):
    total = 0
    for _ in range(n // 10):
        for x in _guarded(3):
            total += x
            break
    return total


def _catching():
    caught = 0
    while True:
        try:
            yield caught
        except ValueError:
            caught += 1


@kernel("generators")
def generator_throw(n):
    catching = _catching()
    next(catching)
    last = 0
    for _ in range(n // 10):
        last = catching.throw(ValueError)
    return last


async def _identity(x):
    return x


async def _await_each(n):
    total = 0
    for i in range(n):
        total += await _identity(i)
    return total


async def _waiting(depth, n):
    if depth:
        return await _waiting(depth - 1, n)
    for _ in range(n):
        await _Pause()
    return n


class _Pause:
    def __await__(self):
        yield


async def _count_asynchronously(n):
    for i in range(n):
        yield i


async def _sum_asynchronously(n):
    total = 0
    async for x in _count_asynchronously(n):
        total += x
    return total


class _AsyncManager:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        return False


async def _enter_each(n):
    manager = _AsyncManager()
    count = 0
    for _ in range(n):
        async with manager:
            count += 1
    return count


def _finish(coroutine):
    waits = 0
    try:
        while True:
            coroutine.send(None)
            waits += 1
    except StopIteration as stop:
        return stop.value, waits


@kernel("generators")
def await_coroutine(n):
    return _finish(_await_each(n))


@kernel("generators")
def await_ten_deep(n):
    return _finish(_waiting(10, n // 10))


@kernel("generators")
def async_for(n):
    return _finish(_sum_asynchronously(n))


@kernel("generators")
def async_with(n):
    return _finish(_enter_each(n // 10))
