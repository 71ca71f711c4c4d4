#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A server that discards bytes by MSG_TRUNC: they count, but what its buffer held before is not taken for what was received."""
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

BODY = b"b" * 3000
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FORGED = b"GET /forged HTTP/1.1\r\nHost: nobody\r\n\r\n"


def discard(connection, count):
    """Receives so many bytes into nothing; the buffer holds something that was never sent."""
    while count:
        buffer = bytearray(FORGED * (count // len(FORGED) + 1))
        count -= connection.recv_into(buffer, count, socket.MSG_TRUNC)


def answer(connection, discarded):
    """Reads a request but for its last `discarded` bytes, which it discards, and answers."""
    data = bytearray()
    while b"\r\n\r\n" not in data and len(data) < discarded[0]:
        data += connection.recv(discarded[0] - len(data))
    discard(connection, discarded[1])
    connection.sendall(RESPONSE)


class Servant(threading.Thread):
    """Serves one connection: of each request so many bytes read, and so many discarded."""

    def __init__(self, listener, requests):
        super().__init__()
        self.listener, self.requests = listener, requests
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in self.requests:
                answer(connection, request)
            connection.recv(1)


def serve(listener, requests):
    """`requests`: head, body, bytes of it all that are discarded."""
    servant = Servant(listener, [(len(text) + len(body) - discarded, discarded) for text, body, discarded in requests])
    with Connection(listener.getsockname()) as client:
        for text, body, _ in requests:
            client.send(text + body)
            client.reply()
    servant.join()


def main():
    tap = Tap()
    post = head("POST", "/body", [("Content-Length", str(len(BODY)))])
    kept, first, second = head("GET", "/kept"), head("GET", "/first"), head("GET", "/second")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with Record("--port", port) as bodies:
            serve(listener, [(post, BODY, len(BODY)), (kept, b"", 0)])
            time.sleep(0.2)
        with Record("--port", port) as heads:
            serve(listener, [(first, b"", 0), (second, b"", len(second))])
            time.sleep(0.2)
        with Record("--port", port) as whole:
            serve(listener, [(second, b"", len(second))])
            serve(listener, [(first, b"", 0)])
            time.sleep(0.2)
    bodies.check(tap)
    found = {request["path"]: request["bytes_in"] for request in bodies.requests}
    tap.check("a body's discarded bytes count", found == {"/body": len(post) + len(BODY), "/kept": len(kept)}, found)
    for name, record, cause in (("a second", heads, "stream_lost"), ("a first", whole, "user_read_failed")):
        record.check(tap, complete=False)
        paths = [request["path"] for request in record.requests]
        tap.check(f"{name} head that was discarded is no request", paths == ["/first"], paths)
        tap.check(f"{name} head that was discarded is said to be lost", record.report["losses"].get(cause) == 1,
                  record.report["losses"])
    tap.done()


main()
