"""anyio on both of its backends: task groups, cancel scopes, memory streams, threads, sockets, locks."""

import sys

import anyio
import anyio.abc
from anyio.streams.buffered import BufferedByteReceiveStream


async def groups():
    log = []

    async def child(name, n, *, task_status=anyio.TASK_STATUS_IGNORED):
        task_status.started(name)
        try:
            for i in range(n):
                await anyio.lowlevel.checkpoint()
                if name == "bad" and i == 2:
                    raise KeyError(name)
        except anyio.get_cancelled_exc_class():
            log.append(("cancelled", name))
            raise
        log.append(("done", name))

    async with anyio.create_task_group() as group:
        for name, n in (("a", 1), ("b", 3)):
            log.append(await group.start(child, name, n))
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(child, "bad", 5)
            group.start_soon(child, "long", 100)
    except* KeyError as group:
        log.append([error.args for error in group.exceptions])
    return sorted(map(str, log))  # trio runs what is ready in random order


async def scopes():
    log = []
    with anyio.move_on_after(0.01) as scope:
        await anyio.sleep(30)
    log.append(scope.cancelled_caught)
    try:
        with anyio.fail_after(0.01):
            await anyio.sleep_forever()
    except TimeoutError:
        log.append("timeout")
    with anyio.CancelScope() as outer:
        with anyio.CancelScope(shield=True):
            outer.cancel()
            await anyio.sleep(0)
            log.append("shielded")
        await anyio.sleep(0)
        log.append("never")
    log.append(outer.cancelled_caught)
    return log


async def streams():
    send, receive = anyio.create_memory_object_stream(3)
    found = {0: [], 1: []}

    async def consume(n, stream):
        async with stream:
            async for item in stream:
                found[n].append(item)

    async def produce(stream, items):
        async with stream:
            for item in items:
                await stream.send(item)

    async with anyio.create_task_group() as group:
        for n in range(2):
            group.start_soon(consume, n, receive.clone())
        receive.close()
        async with send:
            for k in range(3):
                group.start_soon(produce, send.clone(), range(k * 100, k * 100 + 20))
    return sorted(found[0] + found[1]) == sorted(k * 100 + n for k in range(3) for n in range(20))


async def sockets():
    async def serve(client):
        async with client:
            stream = BufferedByteReceiveStream(client)
            while True:
                line = await stream.receive_until(b"\n", 100)
                await client.send(line[::-1] + b"\n")
                if line == b"end":
                    return

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    found = []

    async def ask(n):
        async with await anyio.connect_tcp("127.0.0.1", port) as client:
            stream, answers = BufferedByteReceiveStream(client), []
            for word in (b"word%d" % n, b"another", b"end"):
                await client.send(word + b"\n")
                answers.append(await stream.receive_until(b"\n", 100))
            found.append((n, answers))

    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        async with anyio.create_task_group() as clients:
            for n in range(10):
                clients.start_soon(ask, n)
        group.cancel_scope.cancel()
    await listener.aclose()
    return sorted(found)


async def others():
    log = []
    limiter, lock, event = anyio.CapacityLimiter(2), anyio.Lock(), anyio.Event()

    async def work(n):
        await event.wait()
        async with limiter, lock:
            log.append(("in", limiter.borrowed_tokens <= 2))
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        for n in range(4):
            group.start_soon(work, n)
        await anyio.wait_all_tasks_blocked()
        event.set()
    log.append(await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(double, 21)))
    return log


async def double(n):
    await anyio.sleep(0)
    return n * 2


async def main():
    for part in (groups, scopes, streams, sockets, others):
        print(part.__name__, await part())


for backend in ("asyncio", "trio"):
    print(backend)
    options = {"debug": "debug" in sys.argv} if backend == "asyncio" else {"strict_exception_groups": True}
    anyio.run(main, backend=backend, backend_options=options)
