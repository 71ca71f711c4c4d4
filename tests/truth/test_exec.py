#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A process that becomes another program while it is observed: what is known of the old one is forgotten, the new one is learnt.

Seen by an asyncio server: of two answers that it reads in one go, only CPython's own state tells which request goes on with which.
"""
import os
import pathlib
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib"), str(HERE / "apps")]
from counts_client import exchange, head  # noqa: E402  (the path comes first)
from services import PYTHON, Server, Upstream, accepts, free_port, wait_until  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

MS = 1_000_000
APP = HERE / "apps" / "execs.py"
# Sleep and answer, ms: both answers come at the same time, while another request keeps the loop busy.
JOBS = [(200, 250), (300, 150)]
BUSY = "400/burn/150"


class Waiting(Server):
    """A shell that becomes the server once it is let go."""

    name = "waiting"

    def prepare(self):
        self.argv = ["sh", "-c", f"until [ -e go ]; do sleep 0.05; done; exec {PYTHON} {APP}"]

    def go(self):
        (self.directory / "go").touch()
        wait_until(lambda: accepts(("127.0.0.1", self.port)), 10, "the server")


def ask(port, path):
    exchange(("127.0.0.1", port), head("GET", path))


def at_once(port, name):
    """The paths of requests done at the same time, in the order of JOBS."""
    paths = [f"/{name}/{sleep}/ask/{ms}" for sleep, ms in JOBS]
    threads = [threading.Thread(target=ask, args=(port, path)) for path in [*paths, f"/{name}/{BUSY}"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return paths


def judge(tap, name, recorded, paths):
    for path, (sleep, ms) in zip(paths, JOBS):
        kinds = recorded[path]["kinds_ns"]
        text = ", ".join(f"{kind} {ns / MS:.1f}" for kind, ns in kinds.items() if ns)
        tap.check(f"{name}: {path} has its own sleep", abs(kinds["sleep"] - sleep * MS) < 20 * MS, text)
        tap.check(f"{name}: {path} has its own answer", abs(kinds["net"] - ms * MS) < 20 * MS, text)


def main():
    tap = Tap()
    port = free_port()
    with Upstream() as upstream:
        env = {**os.environ, "PORT": str(port), "UPSTREAM": str(upstream.port)}
        with Waiting(port=port, env=env, ready=lambda: True) as server:
            with Record("--pid", server.pid) as record:
                server.go()
                exchange(("127.0.0.1", port), head("GET", "/first/0/ask/0"))
                time.sleep(0.3)  # it is learnt from its first request
                once = at_once(port, "once")
                exchange(("127.0.0.1", port), head("GET", "/exec"))
                wait_until(lambda: not accepts(("127.0.0.1", port)), 5, "the end of the old program")
                wait_until(lambda: accepts(("127.0.0.1", port)), 10, "the new program")
                exchange(("127.0.0.1", port), head("GET", "/second/0/ask/0"))
                time.sleep(0.3)
                again = at_once(port, "again")
                time.sleep(0.2)  # the client may have the response before the server's send() has returned
    record.check(tap)
    judge(tap, "a shell that becomes a server", record.by_path(), once)
    judge(tap, "a server that executes itself anew", record.by_path(), again)
    tap.done()


main()
