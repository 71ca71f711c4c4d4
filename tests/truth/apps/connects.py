#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A server on 127.0.0.1:$PORT that connects upstream, computes, and only then talks to it. /HOW/UPSTREAM-PORT/MS, with HOW

    blocking   connect() itself waits
    timeout    the socket has a timeout: connect() does not wait, poll() does
    greeting   as blocking, and the upstream speaks first: MySQL does
    loop       by asyncio, where another request keeps the event loop from being idle

and MS of CPU between the connection and the first send, or receive.
"""
import asyncio
import os
import socket
import sys
import threading
import time


def compute(ms):
    end = time.thread_time() + ms / 1000
    while time.thread_time() < end:
        pass


def ask(how, port, ms):
    with socket.socket() as upstream:
        upstream.settimeout(10 if how == "timeout" else None)
        upstream.connect(("127.0.0.1", port))
        compute(ms)
        if how == "greeting":
            upstream.recv(100)
        upstream.sendall(b"question")
        upstream.recv(100)


async def ask_by_loop(port, ms):
    loop = asyncio.get_running_loop()
    with socket.socket() as upstream:
        upstream.setblocking(False)
        await loop.sock_connect(upstream, ("127.0.0.1", port))
        compute(ms)
        await loop.sock_sendall(upstream, b"question")
        await loop.sock_recv(upstream, 100)


def parts(head):
    _, how, port, ms = head.split()[1].decode().split("/")
    return how, int(port), int(ms)


RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def serve(connection):
    with connection:
        while head := connection.recv(1000):
            ask(*parts(head))
            connection.sendall(RESPONSE)


async def serve_by_loop(reader, writer):
    while head := await reader.read(1000):
        how, port, ms = parts(head)
        if how == "sleep":
            await asyncio.sleep(ms / 1000)
        else:
            await ask_by_loop(port, ms)
        writer.write(RESPONSE)
    writer.close()


async def main_of_loop(port):
    await (await asyncio.start_server(serve_by_loop, "127.0.0.1", port)).serve_forever()


def main(kind, port):
    if kind == "loop":
        asyncio.run(main_of_loop(port))
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


main(sys.argv[1], int(os.environ["PORT"]))
