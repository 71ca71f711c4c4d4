#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A server that takes bytes by splice(), as proxies do, which no trace point tells of: a body is counted all the same, and the requests
behind it are followed; where a head was among them, it is said."""
import os
import pathlib
import socket
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE / "apps")]
from counts_client import Connection, chunks, head  # noqa: E402  (the path comes first)
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

BODY = b"b" * 5000
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def splice(connection, count):
    reader, writer = os.pipe()
    while count:
        moved = os.splice(connection.fileno(), writer, count)
        count -= moved
        while moved:
            moved -= len(os.read(reader, moved))
    os.close(reader)
    os.close(writer)


def serve(listener, requests):
    """`requests`: how many bytes of each are read, spliced, and read again."""
    connection, _ = listener.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for before, spliced, behind in requests:
            for count, take in ((before, None), (spliced, splice), (behind, None)):
                if take and count:
                    take(connection, count)
                elif count:
                    connection.recv(count, socket.MSG_WAITALL)
            connection.sendall(RESPONSE)
        connection.recv(1)


def record(requests):
    """`requests`: bytes, and how many of them are read before and behind those that are spliced."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        parts = [(before, len(data) - before - behind, behind) for data, before, behind in requests]
        servant = threading.Thread(target=serve, args=(listener, parts))
        with Record("--port", listener.getsockname()[1]) as recording, Connection(listener.getsockname()) as client:
            servant.start()
            for data, _, _ in requests:
                client.send(data)
                client.reply()
            time.sleep(0.2)  # the last response comes before its send() has returned
            client.close()
            servant.join()
    return recording


def post(path, *headers):
    return head("POST", path, headers)


def judge(tap):
    length = ("Content-Length", str(len(BODY)))
    bodies = [(post("/whole", length) + BODY, len(post("/whole", length)), 0),
              (post("/middle", length) + BODY, len(post("/middle", length)) + 1000, 500),
              (post("/begin", length) + BODY, len(post("/begin", length)), 700),
              (post("/last", length) + BODY, len(post("/last", length)) + 10, 0),
              (head("GET", "/behind"), len(head("GET", "/behind")), 0)]
    recording = record(bodies)
    recording.check(tap)
    found = {request["path"]: request["bytes_in"] for request in recording.requests}
    sent = {data.split()[1].decode(): len(data) for data, _, _ in bodies}
    tap.check("bodies that are spliced are counted, and the next request is told from them", found == sent, f"{found}, sent {sent}")

    first, second = head("GET", "/first"), head("GET", "/second")
    chunked = post("/chunked", ("Transfer-Encoding", "chunked"))
    for name, data, before in (("a head", second, 0), ("the chunks of a body", chunked + chunks(BODY, 1000), len(chunked))):
        recording = record([(first, len(first), 0), (data, before, 0), (second, len(second), 0)])
        recording.check(tap, complete=False)
        paths = [request["path"] for request in recording.requests]
        tap.check(f"{name} that is spliced is said to be lost", recording.report["losses"].get("stream_lost") == 1,
                  f"{paths}, {recording.report['losses']}")


tap_of_all = Tap()
tap_of_all.run("spliced", judge, tap_of_all)
tap_of_all.done()
