"""Subprocesses of asyncio: pipes both ways, exit codes, time limits, many at once."""

import asyncio
import signal
import sys

ECHO = "import sys\nfor line in sys.stdin:\n    print(line.strip()[::-1], flush=True)\n"


async def run(code, data=None, timeout=60):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", code, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(timeout):
            out, error = await process.communicate(data)
    except TimeoutError:
        process.kill()
        await process.wait()
        return "timeout", process.returncode
    return process.returncode, out, error.splitlines()[-1:]


async def talk(words):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", ECHO, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    found = []
    for word in words:
        process.stdin.write(word.encode() + b"\n")
        await process.stdin.drain()
        found.append((await process.stdout.readline()).decode().strip())
    process.stdin.close()
    rest = [line async for line in process.stdout]
    return found, rest, await process.wait()


async def main():
    print(await run("print(6 * 7)"))
    print(await run("import sys; sys.exit(3)"))
    print(await run("1 / 0"))
    print(await run("import sys; print(len(sys.stdin.read()))", b"x" * 200_000))
    print(await run("import time; time.sleep(60)", timeout=0.2))
    print(await run("import os, signal; os.kill(os.getpid(), signal.SIGTERM)"))
    print(await talk(["abc", "word", "é"]))
    print(await asyncio.gather(*(run(f"print({n} * 2)") for n in range(6))))
    shell = await asyncio.create_subprocess_shell("echo from the shell; exit 7", stdout=asyncio.subprocess.PIPE)
    print(await shell.communicate(), shell.returncode)
    stopped = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)")
    stopped.send_signal(signal.SIGTERM)
    print(await stopped.wait())


asyncio.run(main())
