#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An asyncio server on 127.0.0.1:$PORT. /NAME/MS/ask/MS sleeps, then asks the upstream on $UPSTREAM for an answer that takes so long;
/NAME/MS/burn/MS sleeps, then keeps the CPU; /exec answers, and the process executes itself anew."""
import asyncio
import os
import sys
import time


async def ask(ms):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ["UPSTREAM"]))
    writer.write(f"GET /delay/{ms}/2 HTTP/1.1\r\nHost: upstream\r\nConnection: close\r\n\r\n".encode())
    await reader.read()
    writer.close()


def burn(ms):
    end = time.monotonic() + ms / 1000
    while time.monotonic() < end:
        pass


async def serve(reader, writer):
    while line := await reader.readline():
        while await reader.readline() != b"\r\n":
            pass
        path = line.split()[1].decode()
        if path != "/exec":
            _, _, sleep_ms, what, ms = path.split("/")
            await asyncio.sleep(int(sleep_ms) / 1000)
            if what == "ask":
                await ask(int(ms))
            else:
                burn(int(ms))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        if path == "/exec":
            os.execv(sys.executable, [sys.executable, *sys.argv])
    writer.close()


async def main():
    await (await asyncio.start_server(serve, "127.0.0.1", int(os.environ["PORT"]))).serve_forever()


asyncio.run(main())
