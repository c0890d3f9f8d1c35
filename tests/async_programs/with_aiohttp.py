"""An aiohttp server and its client in one process: all answers right, and nothing left behind."""

import asyncio
import gc
import sys

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

REQUESTS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
CLIENTS = 20


@web.middleware
async def count(request, handler):
    request.app["counts"][request.path.split("/")[1]] += 1
    try:
        return await handler(request)
    except KeyError as error:
        return web.json_response({"missing": error.args[0]}, status=404)


async def hello(request):
    return web.Response(text=f"hello {request.match_info['name']}")


async def add(request):
    data = await request.json()
    await asyncio.sleep(0)
    return web.json_response({"sum": sum(data["numbers"])})


async def chunks(request):
    response = web.StreamResponse()
    await response.prepare(request)
    async for part in parts(int(request.query["n"])):
        await response.write(part)
    await response.write_eof()
    return response


async def parts(n):
    for i in range(n):
        yield b"%d," % i
        if i % 3 == 0:
            await asyncio.sleep(0)


async def fail(request):
    return web.Response(text={}[request.match_info["key"]])


async def ask(session, base, n):
    match n % 4:
        case 0:
            async with session.get(f"{base}/hello/{n}") as response:
                return response.status, await response.text() == f"hello {n}"
        case 1:
            async with session.post(f"{base}/add", json={"numbers": [n, 2, 3]}) as response:
                return response.status, await response.json() == {"sum": n + 5}
        case 2:
            async with session.get(f"{base}/chunks", params={"n": n % 7}) as response:
                got = b"".join([chunk async for chunk in response.content.iter_any()])
                return response.status, got == b"".join(b"%d," % i for i in range(n % 7))
        case _:
            async with session.get(f"{base}/fail/{n}") as response:
                return response.status, await response.json() == {"missing": str(n)}


async def ask_many(session, base, numbers, found):
    for n in numbers:
        result = await ask(session, base, n)
        found[result] = found.get(result, 0) + 1


async def many(session, base, requests):
    found = {}
    async with asyncio.TaskGroup() as group:
        for k in range(CLIENTS):
            group.create_task(ask_many(session, base, range(k, requests, CLIENTS), found))
    return found


async def main():
    app = web.Application(middlewares=[count])
    app["counts"] = dict.fromkeys(("hello", "add", "chunks", "fail"), 0)
    app.add_routes([web.get("/hello/{name}", hello), web.post("/add", add), web.get("/chunks", chunks), web.get("/fail/{key}", fail)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    async with ClientSession(connector=TCPConnector(limit=CLIENTS), timeout=ClientTimeout(120)) as session:
        await many(session, base, 1000)
        gc.collect()
        objects, blocks = len(gc.get_objects()), sys.getallocatedblocks()
        found = await many(session, base, REQUESTS)
        gc.collect()
        print(sorted(found.items()), app["counts"])
        print("objects kept:", len(gc.get_objects()) - objects < 300, "blocks:", sys.getallocatedblocks() - blocks < 3000)
    await runner.cleanup()


asyncio.run(main())
