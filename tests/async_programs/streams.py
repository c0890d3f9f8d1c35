"""A line protocol over loopback: servers, clients, streams, transports and protocols."""

import asyncio


class Calculator:
    def __init__(self):
        self.requests = 0

    async def serve(self, reader, writer):
        try:
            while line := await reader.readline():
                self.requests += 1
                try:
                    answer = await self.answer(line.decode().split(), reader)
                except (ValueError, KeyError, ZeroDivisionError) as error:
                    answer = f"{type(error).__name__} {error}"
                if answer is None:
                    break
                writer.write(f"{answer}\n".encode())
                await writer.drain()
        finally:
            writer.close()

    async def answer(self, words, reader):
        match words:
            case ["add", *numbers]:
                return sum(map(int, numbers))
            case ["divide", a, b]:
                return int(a) // int(b)
            case ["data", size]:
                return len(await reader.readexactly(int(size)))
            case ["slow", n]:
                for _ in range(int(n)):
                    await asyncio.sleep(0)
                return "done"
            case ["quit"]:
                return None
        raise KeyError(*words[:1])


async def ask(reader, writer, *lines):
    answers = []
    for line in lines:
        writer.write(line if isinstance(line, bytes) else f"{line}\n".encode())
        await writer.drain()
        answers.append((await reader.readline()).decode().strip())
    return answers


async def client(port, n):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        found = await ask(reader, writer, f"add {n} 2 3", "divide 7 0", "add x", f"slow {n % 5}", "nothing", b"data 70000\n" + b"x" * 70000)
        for i in range(20):
            found += await ask(reader, writer, f"add {i} {n}")
        writer.write(b"quit\n")
        found.append(await reader.read())
    finally:
        writer.close()
        await writer.wait_closed()
    return found


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while b"." in self.buffer:
            word, self.buffer = self.buffer.split(b".", 1)
            self.transport.write(word[::-1] + b".")
            if word == b"end":
                self.transport.close()


class Collector(asyncio.Protocol):
    def __init__(self):
        self.data, self.lost = b"", asyncio.get_running_loop().create_future()

    def data_received(self, data):
        self.data += data

    def connection_lost(self, error):
        self.lost.set_result(error)


async def protocols():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    collectors = []
    for n in range(5):
        transport, collector = await loop.create_connection(Collector, "127.0.0.1", port)
        collectors.append(collector)
        transport.write(b"".join(b"word%d." % i for i in range(n * 10)) + b"end.")
    errors = [await collector.lost for collector in collectors]
    server.close()
    await server.wait_closed()
    return errors, [len(collector.data) for collector in collectors], collectors[1].data


async def datagrams():
    loop = asyncio.get_running_loop()
    got = asyncio.Queue()

    class Receiver(asyncio.DatagramProtocol):
        def datagram_received(self, data, address):
            got.put_nowait(data)

    transport, _ = await loop.create_datagram_endpoint(Receiver, local_addr=("127.0.0.1", 0))
    sender, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=transport.get_extra_info("sockname"))
    found = []
    for n in range(10):
        sender.sendto(b"datagram %d" % n)
        found.append(await got.get())
    sender.close()
    transport.close()
    return found


async def main():
    calculator = Calculator()
    server = await asyncio.start_server(calculator.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        results = await asyncio.gather(*(client(port, n) for n in range(30)))
    print(calculator.requests, results[3], results[29])
    print(len({tuple(map(str, r)) for r in results}))
    print(await protocols())
    print(await datagrams())
    try:
        await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError as error:
        print(type(error).__name__)
    reader, writer = await half_closed()
    print(reader, writer)


async def half_closed():
    async def serve(reader, writer):
        data = await reader.read()
        writer.write(data.upper())
        writer.write_eof()
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.writelines([b"one ", b"two ", b"three"])
    writer.write_eof()
    data = await reader.read()
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    return data, reader.at_eof()


asyncio.run(main())
