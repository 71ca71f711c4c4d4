#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a request does between its connection to an upstream and the first bytes on it is compute; the wait for the connection, and for the
answer, is the upstream's."""
import pathlib
import socket
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib"), str(HERE / "apps")]
from counts_client import exchange, head  # noqa: E402  (the path comes first)
from services import Node, Python  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

MS = 1_000_000
COMPUTE_MS = 40
ANSWER_MS = 60


class LateUpstream:
    """A port on which a connection takes a second: the first SYN finds the backlog full, the next one does not."""

    def __init__(self, greets):
        self.greets = greets
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.filler = socket.create_connection(("127.0.0.1", self.port))
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        time.sleep(0.4)
        self.listener.accept()[0].close()
        connection, _ = self.listener.accept()
        with connection:
            if self.greets:
                connection.sendall(b"welcome")
            connection.recv(100)
            time.sleep(ANSWER_MS / 1000)
            connection.sendall(b"answer")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.filler.close()
        self.listener.close()


def judge(tap, web, how, meanwhile=()):
    """`meanwhile`: paths of other requests to the server."""
    with Record("--port", web.port) as record, LateUpstream(how == "greeting") as upstream:
        others = [threading.Thread(target=exchange, args=(("127.0.0.1", web.port), head("GET", path))) for path in meanwhile]
        for other in others:
            other.start()
        path = f"/{how}/{upstream.port}/{COMPUTE_MS}"
        began = time.monotonic_ns()
        exchange(("127.0.0.1", web.port), head("GET", path))
        wall = time.monotonic_ns() - began
        for other in others:
            other.join()
        time.sleep(0.2)  # the client may have the response before the server's send() has returned
    record.check(tap)
    request = record.by_path()[path]
    kinds = request["kinds_ns"]
    tap.note(f"{how}: " + ", ".join(f"{kind} {ns / MS:.3f}" for kind, ns in kinds.items() if ns))
    tap.check(f"{how}: what it computed is compute", COMPUTE_MS * 0.75 <= kinds["compute"] / MS < COMPUTE_MS * 1.5, kinds)
    net = wall - kinds["compute"] - kinds["runq"]
    tap.check(f"{how}: the rest is the upstream's", abs(kinds["net"] - net) < 15 * MS, f"{net / MS:.3f} ms of {kinds}")
    tap.check(f"{how}: nothing of it is in the queue", kinds["queue"] < 15 * MS, kinds)
    named = sum(part["sum_ns"] for part in request["detail"].get("net", {}).values())
    tap.check(f"{how}: all of that has the upstream's name", named == kinds["net"], request["detail"])


tap = Tap()
with Python(HERE / "apps" / "connects.py", "threads") as server:
    for name in ("blocking", "timeout", "greeting"):
        tap.run(name, judge, tap, server, name)
with Python(HERE / "apps" / "connects.py", "loop") as server:
    tap.run("loop", judge, tap, server, "loop", ["/sleep/0/700", "/sleep/0/800"])
with Node(HERE / "apps" / "connects.js") as server:
    tap.run("node", judge, tap, server, "node", ["/sleep/0/700", "/sleep/0/800"])
    tap.run("node, busy", judge, tap, server, "node", [f"/sleep/0/{ms}" for ms in range(100, 1200, 50)])
tap.done()
