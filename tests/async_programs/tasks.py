"""Task groups, cancellation, timeouts, locks, futures: a small job system that fails in all the usual ways."""

import asyncio
import contextlib
import contextvars

request = contextvars.ContextVar("request", default="none")


class JobError(Exception):
    pass


class Job:
    def __init__(self, name, steps, fails_at=None, needs=()):
        self.name, self.steps, self.fails_at, self.needs = name, steps, fails_at, needs
        self.done = asyncio.Event()
        self.log = []

    async def run(self, jobs, limit):
        token = request.set(self.name)
        try:
            for need in self.needs:
                await jobs[need].done.wait()
            async with limit:
                async for step in self.each_step():
                    self.log.append((step, request.get()))
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        finally:
            request.reset(token)
            self.done.set()
        return self.name, len(self.log)

    async def each_step(self):
        for step in range(self.steps):
            await asyncio.sleep(0)
            if step == self.fails_at:
                raise JobError(self.name, step)
            yield step


async def run_all(specifications, limit):
    jobs = {name: Job(name, *rest) for name, *rest in specifications}
    semaphore = asyncio.Semaphore(limit)
    results = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job.run(jobs, semaphore), name=job.name) for job in jobs.values()]
        results = [task.result() for task in tasks]
    except* JobError as errors:
        results = sorted(error.args for error in errors.exceptions)
    return results, {name: job.log for name, job in jobs.items()}


async def timeouts():
    found = []
    for seconds in (0.0, 0.01, 30):
        try:
            async with asyncio.timeout(seconds) as scope:
                for _ in range(20):
                    await asyncio.sleep(0.002 if seconds < 1 else 0)
                found.append("in time")
        except TimeoutError:
            found.append("timeout")
        found.append(scope.expired())
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Future(), 0.01)
        found.append("never")
    return found


async def cancellations():
    log = []

    async def level(n):
        try:
            await (level(n - 1) if n else asyncio.sleep(60))
        except asyncio.CancelledError as error:
            log.append((n, error.args))
            if n == 2:
                await asyncio.sleep(0)
                raise JobError("cleanup failed") from error
            raise
        finally:
            log.append(("finally", n))

    task = asyncio.create_task(level(4))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    log.append(task.cancel("stop"))
    try:
        await task
    except JobError as error:
        log.append((error.args, type(error.__cause__).__name__))
    shielded = asyncio.create_task(asyncio.sleep(0.01, "shielded"))
    outer = asyncio.ensure_future(asyncio.shield(shielded))
    outer.cancel()
    log.append(await shielded)
    uncancelled = asyncio.create_task(resists())
    await asyncio.sleep(0)
    uncancelled.cancel()
    log.append((await uncancelled, uncancelled.cancelling()))
    return log


async def resists():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        asyncio.current_task().uncancel()
    await asyncio.sleep(0)
    return "resisted"


async def barrier():
    log, meeting = [], asyncio.Barrier(3)

    async def meet(name):
        for turn in range(2):
            log.append(("comes", name, turn))
            await meeting.wait()

    await asyncio.gather(*(meet(name) for name in "abc"))
    return log


async def generators():
    closed = []

    async def numbers(name):
        try:
            n = 0
            while True:
                await asyncio.sleep(0)
                got = yield n
                n = n + 1 if got is None else got
        finally:
            await asyncio.sleep(0)
            closed.append(name)

    one = numbers("one")
    found = [await anext(one), await anext(one), await one.asend(10), await anext(one)]
    try:
        await one.athrow(JobError("thrown"))
    except JobError as error:
        found.append(error.args)
    async with contextlib.aclosing(numbers("two")) as two:
        async for x in two:
            if x > 3:
                break
    async for _x in numbers("dropped"):
        break
    await asyncio.sleep(0.01)
    left = numbers("left to the loop")
    await anext(left)
    return found, closed, left


async def main():
    fine = [("a", 3), ("b", 2, None, ("a",)), ("c", 4, None, ("a", "b")), *((f"j{n}", n % 5) for n in range(30))]
    print(await run_all(fine, 3))
    print(await run_all([*fine, ("bad", 5, 3)], 40))
    print(await run_all([("x", 2, 1), ("y", 2, 1), ("z", 9)], 5))
    print(await timeouts())
    print(await cancellations())
    print(await barrier())
    found, closed, left = await generators()
    print(found, closed)
    total = await asyncio.gather(*(asyncio.to_thread(sum, range(n)) for n in range(20)))
    print(sum(total))
    return closed, left


closed, _ = asyncio.run(main())
print(closed)
with asyncio.Runner() as runner:
    print([runner.run(asyncio.sleep(0, n)) for n in range(5)])
