"""Producers, workers and a collector with queues of all kinds, and a pipeline of asynchronous generators."""

import asyncio
import random


class Stop(Exception):
    pass


async def produce(queue, name, count, randomness):
    for n in range(count):
        if randomness.random() < 0.3:
            await asyncio.sleep(0)
        await queue.put((randomness.randrange(100), name, n))


async def work(source, target, randomness):
    handled = 0
    try:
        while True:
            priority, name, n = await source.get()
            try:
                if n % 17 == 16:
                    raise Stop(name, n)
                for _ in range(randomness.randrange(3)):
                    await asyncio.sleep(0)
                await target.put((name, n, priority * n))
            except Stop as error:
                await target.put(("stop", *error.args))
            finally:
                handled += 1
                source.task_done()
    except asyncio.QueueShutDown:
        return handled


async def collect(target, found):
    while (item := await target.get()) is not None:
        found.append(item)


async def run(kind, size, workers):
    randomness = random.Random(size)
    source, target, found = kind(size), asyncio.Queue(), []
    collector = asyncio.create_task(collect(target, found))
    async with asyncio.TaskGroup() as group:
        pool = [group.create_task(work(source, target, randomness)) for _ in range(workers)]
        await asyncio.gather(*(produce(source, name, 40, randomness) for name in "abcd"))
        await source.join()
        source.shutdown()
    await target.put(None)
    await collector
    return sum(task.result() for task in pool), len(found), sum(item[2] for item in found), found[:12]


async def numbers(n):
    for i in range(n):
        if i % 10 == 0:
            await asyncio.sleep(0)
        yield i


async def mapped(function, source):
    async for item in source:
        yield function(item)


async def filtered(condition, source):
    async for item in source:
        if condition(item):
            yield item


async def chunks(source, size):
    chunk = []
    async for item in source:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


async def merged(*sources):
    queue = asyncio.Queue(2)

    async def drain(source):
        async for item in source:
            await queue.put(item)

    async def finish(tasks):
        await asyncio.gather(*tasks)
        await queue.put(None)

    tasks = [asyncio.create_task(drain(source)) for source in sources]
    finishing = asyncio.create_task(finish(tasks))
    while (item := await queue.get()) is not None:
        yield item
    await finishing


async def pipeline():
    squares = mapped(lambda n: n * n, numbers(2000))
    odd = filtered(lambda n: n % 2, squares)
    total = 0
    async for chunk in chunks(odd, 7):
        total += sum(chunk) * len(chunk)
    mixed = [x async for x in merged(numbers(50), mapped(str, numbers(30)), chunks(numbers(20), 3))]
    return total, len(mixed), sorted(map(repr, mixed))[:20]


async def main():
    for kind in (asyncio.Queue, asyncio.LifoQueue, asyncio.PriorityQueue):
        for size, workers in ((0, 1), (1, 3), (5, 4)):
            print(kind.__name__, size, workers, await run(kind, size, workers))
    print(await pipeline())


asyncio.run(main())
