"""Programs on asyncio that come out the same each time."""

import asyncio
import contextvars

from tests.cases import chain, over


async def nap(n=1):
    for _ in range(n):
        await asyncio.sleep(0)


def run(coroutine):
    try:
        return asyncio.run(coroutine)
    except BaseException as error:
        return chain(error)


def case_tasks():
    async def work(name, n):
        for i in range(n):
            log.append((name, i))
            await nap()
        return name * n

    async def main():
        tasks = [asyncio.create_task(work(name, n)) for name, n in (("a", 3), ("b", 1), ("c", 2))]
        return [await t for t in tasks]

    log = []
    return run(main()), log


def case_gather():
    async def work(n):
        await nap(n)
        if n == 2:
            raise ValueError(n)
        return n

    async def main():
        first = await asyncio.gather(work(1), work(3), work(0))
        second = await asyncio.gather(work(1), work(2), return_exceptions=True)
        return first, second[0], chain(second[1]), await asyncio.gather()

    async def failing():
        await asyncio.gather(work(1), work(2), work(5))

    return run(main()), run(failing())


def case_task_group():
    async def work(n, fail=False):
        try:
            await nap(n)
            if fail:
                raise KeyError(n)
            return n
        except asyncio.CancelledError:
            log.append(("cancelled", n))
            raise

    async def main(fail):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(n, fail and n == 1)) for n in range(4)]
            nested = group.create_task(inner())
        return [t.result() for t in tasks], nested.result()

    async def inner():
        async with asyncio.TaskGroup() as group:
            return [await group.create_task(work(1)), await group.create_task(work(2))]

    async def caught():
        try:
            await main(True)
        except* KeyError as group:
            found = [e.args for e in group.exceptions]
        return found

    log = []
    return run(main(False)), run(caught()), sorted(log)


def case_cancellation():
    async def work():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError as error:
            log.append(error.args)
            await nap()
            raise
        finally:
            log.append("finally")

    async def stubborn():
        for _ in range(3):
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                log.append("no")
        return "stubborn"

    async def main():
        task = asyncio.create_task(work())
        await nap()
        task.cancel("reason")
        try:
            await task
        except asyncio.CancelledError as error:
            log.append(("awaited", error.args, task.cancelled()))
        other = asyncio.create_task(stubborn())
        for _ in range(3):
            await nap(2)
            other.cancel()
        before = asyncio.create_task(work())
        before.cancel()
        await nap(2)
        return await other, before.cancelled()

    log = []
    return run(main()), log


def case_cancel_in_await_chain():
    async def leaf():
        await asyncio.get_running_loop().create_future()

    async def middle(n):
        try:
            await (leaf() if n == 0 else middle(n - 1))
        finally:
            log.append(n)

    async def main():
        task = asyncio.create_task(middle(5))
        await nap()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    log = []
    return run(main()), log


def case_timeouts():
    async def forever():
        try:
            await asyncio.Event().wait()
        finally:
            log.append("stopped")

    async def main():
        found = []
        try:
            async with asyncio.timeout(0.001):
                await forever()
        except TimeoutError as error:
            found.append(chain(error)[0])
        try:
            await asyncio.wait_for(forever(), 0.001)
        except TimeoutError as error:
            found.append(chain(error)[0])
        async with asyncio.timeout(60) as t:
            await nap()
            found.append(t.expired())
        found.append(await asyncio.wait_for(nap(), 60))
        async with asyncio.timeout(None) as t:
            t.reschedule(asyncio.get_running_loop().time() + 60)
        return found

    log = []
    return run(main()), log


def case_shield_and_wait():
    async def work(n):
        await nap(n)
        log.append(n)
        return n

    async def main():
        inner = asyncio.create_task(work(3))
        outer = asyncio.create_task(shielded(inner))
        await nap()
        outer.cancel()
        await asyncio.wait([outer])
        done, pending = await asyncio.wait([asyncio.create_task(work(n)) for n in (1, 9)], return_when=asyncio.FIRST_COMPLETED)
        for t in pending:
            t.cancel()
        return outer.cancelled(), await inner, [t.result() for t in done], len(pending)

    async def shielded(task):
        return await asyncio.shield(task)

    log = []
    return run(main()), log


def case_as_completed():
    async def work(n):
        await nap(n)
        return n

    async def main():
        found = []
        for future in asyncio.as_completed([work(n) for n in (5, 1, 3)]):
            found.append(await future)
        async for task in asyncio.as_completed([asyncio.create_task(work(n)) for n in (4, 2)]):
            found.append(await task)
        return found

    return run(main())


@over((0,), (1,), (3,))
def case_queue(size):
    async def produce(queue, name, n):
        for i in range(n):
            await queue.put((name, i))
            log.append(("put", name, i))

    async def consume(queue, found):
        while True:
            item = await queue.get()
            found.append(item)
            await nap()
            queue.task_done()

    async def main():
        queue, found = asyncio.Queue(size), []
        workers = [asyncio.create_task(consume(queue, found)) for _ in range(2)]
        await asyncio.gather(produce(queue, "a", 4), produce(queue, "b", 3))
        await queue.join()
        for w in workers:
            w.cancel()
        return found, await asyncio.gather(*workers, return_exceptions=True) and len(workers)

    log = []
    return run(main()), log


def case_locks():
    async def use(lock, name):
        async with lock:
            log.append(("in", name))
            await nap(2)
            log.append(("out", name))

    async def main():
        lock, semaphore, event, condition = asyncio.Lock(), asyncio.Semaphore(2), asyncio.Event(), asyncio.Condition()
        await asyncio.gather(*(use(lock, n) for n in "abc"))
        await asyncio.gather(*(use(semaphore, n) for n in "xyz"))

        async def waiter(n):
            await event.wait()
            async with condition:
                await condition.wait_for(lambda: len(ready) > n)
                log.append(("woken", n))

        tasks = [asyncio.create_task(waiter(n)) for n in range(2)]
        await nap(2)
        event.set()
        ready = []
        for n in range(3):
            await nap(2)
            async with condition:
                ready.append(n)
                condition.notify_all()
        await asyncio.gather(*tasks)
        return lock.locked()

    log = []
    return run(main()), log


def case_asynchronous_generators():
    async def ticks(n):
        try:
            for i in range(n):
                await nap()
                yield i
        finally:
            log.append(("closed", n))
            await nap()
            log.append(("awaited", n))

    async def main():
        found = [x async for x in ticks(3)]
        async for x in ticks(10):
            if x == 2:
                break
        agen = ticks(5)
        found.append(await anext(agen))
        del agen
        await nap(5)
        left = ticks(7)
        found.append(await anext(left))
        return found

    log = []
    return run(main()), log


def case_futures_and_callbacks():
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        future.add_done_callback(lambda f: log.append(("done", f.result())))
        loop.call_soon(future.set_result, 5)
        found = [await future, await future]
        failing = loop.create_future()
        loop.call_later(0, failing.set_exception, KeyError("k"))
        try:
            await failing
        except KeyError as error:
            found.append(error.args)
        try:
            await loop.run_in_executor(None, int, "x")
        except ValueError as error:
            found.append(str(error))
        found.append(await asyncio.to_thread(sum, [1, 2, 3]))
        return found

    log = []
    return run(main()), log


def case_context_variables():
    variable = contextvars.ContextVar("variable", default=0)

    async def work(n):
        variable.set(n)
        await nap()
        found.append((n, variable.get()))

    async def main():
        variable.set(100)
        await asyncio.gather(*(work(n) for n in range(3)))
        await work(7)
        return variable.get()

    found = []
    return run(main()), found, variable.get()


def case_exceptions():
    async def fails(n):
        await nap(n)
        raise ValueError(n)

    async def nested():
        try:
            await fails(1)
        except ValueError as error:
            raise KeyError("nested") from error

    async def main(which):
        if which == "task":
            await asyncio.create_task(nested())
        elif which == "exit":
            await nap()
            raise SystemExit(3)
        elif which == "stop":
            raise StopIteration(1)
        await nested()

    return [run(main(which)) for which in ("task", "exit", "stop", "direct")]


def case_unhandled_task_exception():
    async def fails():
        raise KeyError("never retrieved")

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: log.append((context["message"], chain(context["exception"]))))
        task = asyncio.create_task(fails())
        await nap(2)
        del task
        await nap()

    log = []
    return run(main()), log


def case_runner_and_eager_tasks():
    async def step(x):
        log.append(x)
        await nap()
        return x

    async def at_once(x):
        return x

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        a, b = asyncio.create_task(step(1)), asyncio.create_task(at_once(2))
        log.append(("made", b.done()))
        return await a, await b

    log = []
    with asyncio.Runner() as runner:
        return runner.run(main()), runner.run(step(5)), log


def case_streams_in_memory():
    async def main():
        reader = asyncio.StreamReader()

        async def feed():
            for part in (b"one\ntw", b"o\nthree", b"\nrest of it"):
                reader.feed_data(part)
                await nap()
            reader.feed_eof()

        feeding = asyncio.create_task(feed())
        lines = [await reader.readline() for _ in range(2)]
        exact = await reader.readexactly(5)
        rest = [line async for line in reader]
        await feeding
        return lines, exact, rest

    return run(main())


def case_many_tasks():
    async def work(n):
        total = 0
        for i in range(n % 7):
            await nap()
            total += i
        return total

    async def main():
        return sum(await asyncio.gather(*(work(n) for n in range(60))))

    return run(main())


def case_debug_mode():
    async def work(x):
        await nap()
        return x

    async def main():
        return await asyncio.gather(*(work(n) for n in range(3))), await asyncio.create_task(work(5))

    return asyncio.run(main(), debug=True)
