#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pipelined requests that arrive one after the other, and lie unread side by side: each one's account starts at its own arrival."""
import pathlib
import socket
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE / "apps")]
from counts_client import Connection, head  # noqa: E402  (the path comes first)
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

MS = 1_000_000
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UNREAD_MS = 400  # so long the server reads nothing


def request(name, number):
    return head("GET", f"/{name.replace(' ', '-')}/{number}")


def serve(listener, name, sizes):
    """Reads nothing for a while, then pieces of these sizes, and answers as many requests."""
    connection, _ = listener.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.recv(1000)
        connection.sendall(RESPONSE)
        time.sleep(UNREAD_MS / 1000)
        for size in sizes:
            connection.recv(size)
        for _ in range(2):
            time.sleep(0.02)
            connection.sendall(RESPONSE)
        connection.recv(1)


def judge(tap, name, sizes, pieces):
    """`pieces`: what is sent, and at which moment, ms. The server reads by `sizes`."""
    path = f"/{name.replace(' ', '-')}/"
    sent, done = {}, {}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        servant = threading.Thread(target=serve, args=(listener, name, sizes))
        with Record("--port", listener.getsockname()[1]) as record, Connection(listener.getsockname()) as client:
            servant.start()
            client.send(head("GET", "/first"))
            client.reply()
            began = time.monotonic()
            for at_ms, data, begins in pieces:
                time.sleep(max(0, began + at_ms / 1000 - time.monotonic()))
                for number in begins:
                    sent[number] = time.monotonic_ns()
                client.send(data)
            for number in (1, 2):
                client.reply()
                done[number] = time.monotonic_ns()
            time.sleep(0.2)
        servant.join()
    record.check(tap)
    recorded = record.by_path()
    for number in (1, 2):
        wall, seen = recorded[f"{path}{number}"]["wall_ns"], done[number] - sent[number]
        tap.check(f"{name}: request {number} starts when it arrives", abs(wall - seen) < 20 * MS,
                  f"{wall / MS:.3f} ms, its client saw {seen / MS:.3f} ms")


def main():
    tap = Tap()
    one, two = request("all at once", 1), request("all at once", 2)
    tap.run("all at once", judge, tap, "all at once", [1000], [(50, one, [1]), (250, two, [2])])
    one, two = request("one by one", 1), request("one by one", 2)
    tap.run("one by one", judge, tap, "one by one", [len(one), 1000], [(50, one, [1]), (250, two, [2])])
    one, two = request("byte by byte", 1), request("byte by byte", 2)
    tap.run("byte by byte", judge, tap, "byte by byte", [1] * (len(one) + len(two)), [(50, one, [1]), (250, two, [2])])
    one, two = request("one segment", 1), request("one segment", 2)
    tap.run("one segment", judge, tap, "one segment", [len(one), 1000], [(50, one + two, [1, 2])])
    one, two = request("cut", 1), request("cut", 2)
    tap.run("cut", judge, tap, "cut", [len(one) - 5, 1000], [(50, one[:-5], [1]), (250, one[-5:] + two, [2])])
    tap.done()


main()
