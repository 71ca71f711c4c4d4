#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record` that starts while a server is at work, on a host where that takes its time: no request is taken for the one before it on its
connection."""
import asyncio
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from faults import built  # noqa: E402  (the path comes first)
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_nginx  # noqa: E402

CONNECTIONS = 32
THINK_S = 0.02


class Clients:
    """Connections that ask, think, and ask again, until they are ended."""

    def __init__(self, port):
        self.port = port
        self.took_ns = {}  # by path, as the client has seen it
        self.ending = False

    async def client(self, number):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        turn = 0
        while not self.ending:
            turn += 1
            path = f"/file/size/16/{number}-{turn}"
            began = time.monotonic_ns()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().split(b"content-length:")[1].split()[0]))
            self.took_ns[path] = time.monotonic_ns() - began
            await asyncio.sleep(THINK_S)
        writer.close()

    async def all(self):
        await asyncio.gather(*map(self.client, range(CONNECTIONS)))


async def observed(clients):
    asking = asyncio.create_task(clients.all())
    await asyncio.sleep(0.3)
    record = Record("--port", clients.port)
    await asyncio.to_thread(record.__enter__)
    maps = pathlib.Path(f"/proc/{record.pid}/maps").read_text()
    await asyncio.sleep(0.7)
    await asyncio.to_thread(record.__exit__)
    clients.ending = True
    await asking
    return record, maps


def main():
    tap = Tap()
    site = start_nginx()
    try:
        with built("attach", "-shared", "-fPIC") as library:
            os.environ["LD_PRELOAD"] = str(library)
            clients = Clients(site.port)
            record, maps = asyncio.run(observed(clients))
            del os.environ["LD_PRELOAD"]
    finally:
        site.stop()
    tap.check("it took its time to attach", str(library) in maps, maps)
    record.check(tap)
    longer = [f"{path}: {request['wall_ns']} ns recorded, {clients.took_ns.get(path)} ns by the client"
              for path, request in record.by_path().items() if request["wall_ns"] > clients.took_ns.get(path, 0)]
    tap.check("no request took longer than its client waited for it", not longer, "\n".join(longer[:5]))
    several = {path.split("/")[-1].split("-")[0] for path in record.by_path()}
    tap.check("each connection was seen", len(several) == CONNECTIONS, sorted(several))
    tap.done()


main()
