"""trio: nurseries, cancel scopes, channels, a memory network, its own guest of asyncio's kind of problems."""

import functools
import math

import trio
import trio.testing


async def sleeper(log, name, seconds):
    try:
        await trio.sleep(seconds)
        log.append((name, "slept"))
    except trio.Cancelled:
        log.append((name, "cancelled"))
        raise
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.1)
            log.append((name, "cleaned up"))


async def nurseries():
    log = []
    async with trio.open_nursery() as nursery:
        for n in range(3):
            nursery.start_soon(sleeper, log, f"s{n}", n + 1)
    with trio.move_on_after(2.5):
        async with trio.open_nursery() as nursery:
            for n in range(4):
                nursery.start_soon(sleeper, log, f"t{n}", n + 1 + n / 10)

    async def fails(after):
        await trio.sleep(after)
        raise ValueError(after)

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails, 1)
            nursery.start_soon(fails, 1)
            nursery.start_soon(sleeper, log, "u", 9)
    except* ValueError as group:
        log.append([error.args for error in group.exceptions])
    return sorted(map(str, log))  # trio runs what is ready in random order


async def channels():
    send, receive = trio.open_memory_channel(2)
    found = []

    async def produce(channel, start):
        async with channel:
            for n in range(start, start + 25):
                await channel.send(n)
                await trio.sleep(n % 3 / 10)

    async def consume(channel):
        async with channel:
            async for item in channel:
                found.append(item)
                await trio.sleep(0.05)

    async with trio.open_nursery() as nursery:
        async with send, receive:
            for start in (0, 100, 200):
                nursery.start_soon(produce, send.clone(), start)
            for _ in range(2):
                nursery.start_soon(consume, receive.clone())
    return sorted(found), trio.current_time() > 0


async def generator_in_nursery():
    async def ticks(n):
        try:
            for i in range(n):
                await trio.sleep(1)
                got = yield i
                if got:
                    yield got
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0)

    found = [x async for x in ticks(3)]
    agen = ticks(10)
    found += [await anext(agen), await agen.asend("sent"), await anext(agen)]
    await agen.aclose()
    with trio.move_on_after(2.5) as scope:
        async for x in ticks(100):
            found.append(x)
    return found, scope.cancelled_caught


async def streams():
    one, other = trio.testing.memory_stream_pair()
    found = []

    async def echo(stream):
        async with stream:
            async for chunk in stream:
                await stream.send_all(chunk.upper())

    async def talk(stream):
        async with stream:
            for n in range(20):
                await stream.send_all(b"message %d" % n)
                found.append(bytes(await stream.receive_some()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo, other)
        nursery.start_soon(talk, one)
    return found[0], found[-1], len(found)


async def sockets():
    async def serve(stream):
        async for chunk in stream:
            await stream.send_all(chunk[::-1])

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(functools.partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        answers = []
        for n in range(5):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(b"number %d" % n)
                answers.append(bytes(await stream.receive_some()))
        nursery.cancel_scope.cancel()
    return answers


async def synchronization():
    log = []
    lock, event, limiter, condition = trio.Lock(), trio.Event(), trio.CapacityLimiter(2), trio.Condition()

    async def work(n):
        async with lock:
            await trio.sleep(0.1 * n)
            log.append(n)
        await event.wait()
        async with condition:
            condition.notify_all()

    async with trio.open_nursery() as nursery:
        for n in range(3):
            await nursery.start(started, work, n)
        await trio.testing.wait_all_tasks_blocked()
        event.set()
        async with condition:
            await condition.wait()
    log.append(await trio.to_thread.run_sync(math.factorial, 10, limiter=limiter))
    return sorted(map(str, log))


async def started(work, n, task_status=trio.TASK_STATUS_IGNORED):
    task_status.started()
    await work(n)


for part in (nurseries, channels, generator_in_nursery, streams):
    print(part.__name__, trio.run(part, clock=trio.testing.MockClock(autojump_threshold=0)))
for part in (sockets, synchronization):
    print(part.__name__, trio.run(part))
