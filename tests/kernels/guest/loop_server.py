#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The event loop of checks.py: asyncio on 127.0.0.1:$PORT, one thread for all. /PLAN/.. answers as server.py does."""
import asyncio
import json
import os
import time

WAIT = 0.08 * float(os.environ.get("SLOW", "1"))  # seconds that an operation waits; longer where all is slow


async def net():
    reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ["UPSTREAM"]))
    writer.write(f"GET /delay/{WAIT * 1000}/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)
    writer.close()


async def hold():
    """Keeps the loop from everything else."""
    end = time.monotonic() + 2 * WAIT
    while time.monotonic() < end:
        pass


async def nothing():
    pass


PLANS = {"loop-sleep": (lambda: asyncio.sleep(WAIT), WAIT), "loop-net": (net, WAIT), "loop-queue": (nothing, WAIT),
         "loop-hold": (hold, 0)}


async def answer(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    work, least = PLANS[head.split(b"/")[1].decode()]
    await work()
    body = json.dumps({"least_ns": int(least * 1e9)}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", int(os.environ["PORT"]))
    await server.serve_forever()


asyncio.run(main())
