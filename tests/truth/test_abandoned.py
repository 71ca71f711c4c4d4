#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Requests on unix sockets that their server closes without a response end soon after, in every network namespace, whether the client
goes, too, or holds its end; those that are only slow do not."""
import ctypes
import pathlib
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib"), str(HERE / "apps")]
from counts_client import Connection, head  # noqa: E402  (the path comes first)
from services import PYTHON, Server, accepts  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

SLOW_MS = 6500
TIMES = 3
CLONE_NEWNET = 0x40000000


class Abandoning(Server):
    name = "abandoning"

    def __init__(self):
        super().__init__(ready=lambda: accepts(self.unix))

    @property
    def unix(self):
        return str(self.directory / "http.sock")

    def prepare(self):
        self.argv = [PYTHON, HERE / "apps" / "abandons.py", self.unix]


def connect_from_elsewhere(address):
    """A connection from a network namespace of its own, to which the server's end then belongs, too: a thread makes both, and ends."""
    made = []

    def enter():
        if not ctypes.CDLL(None).unshare(CLONE_NEWNET):
            made.append(Connection(address))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return made[0]


def main():
    tap = Tap()
    namespaces = {"own": Connection, "other": connect_from_elsewhere}
    with Abandoning() as server:
        with Record("--pid", server.pid) as record:
            held, slow = [], []
            for name, connect in namespaces.items():
                slow.append(connect(server.unix))
                slow[-1].send(head("GET", f"/{name}/sleep/{SLOW_MS}"))
                for number in range(TIMES):
                    for what in ("abandon/held", "abandon/gone", "until-close"):
                        held.append(connect(server.unix))
                        held[-1].send(head("GET", f"/{name}/{what}/{number}"))
                        held[-1].read_to_end()
                        if what == "abandon/gone":
                            held.pop().close()
            threads = [threading.Thread(target=connection.reply) for connection in slow]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            time.sleep(0.5)
    record.check(tap)
    found = record.by_path()
    for name in namespaces:
        for what in ("abandon/held", "abandon/gone"):
            requests = [found.get(f"/{name}/{what}/{number}") for number in range(TIMES)]
            tap.check(f"{name} namespace, {what}: recorded as aborted, at most three seconds long",
                      all(r and r["flags"] == ["aborted"] and r["wall_ns"] < 3e9 for r in requests), requests)
        requests = [found.get(f"/{name}/until-close/{number}") for number in range(TIMES)]
        tap.check(f"{name} namespace: a response that ends with its connection ended with its last byte",
                  all(r and r["flags"] == ["until_close"] and r["wall_ns"] < 0.2e9 for r in requests), requests)
        request = found.get(f"/{name}/sleep/{SLOW_MS}")
        tap.check(f"{name} namespace: a slow one ended with its response", request and request["status"] == 200
                  and abs(request["wall_ns"] - SLOW_MS * 1e6) < 100e6, request)
    for connection in held + slow:
        connection.close()
    tap.done()


main()
