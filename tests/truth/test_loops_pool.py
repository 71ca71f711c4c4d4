#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a loop's request waits for in a pool of threads is no timer, though the loop sleeps with a timeout meanwhile."""
import pathlib
import statistics
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from loops_run import send  # noqa: E402  (the path comes first)
from services import Node  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

REQUESTS = 30


def shares(record, name):
    """{kind: its share of the wall time} of the requests that begin so."""
    found = [request for path, request in record.by_path().items() if path.startswith(f"/{name}/")]
    wall = sum(request["wall_ns"] for request in found)
    kinds = {kind: sum(request["kinds_ns"][kind] for request in found) / wall for kind in found[0]["kinds_ns"]}
    return len(found), kinds, statistics.mean(request["wall_ns"] for request in found) / 1e6


def check(tap, record):
    record.check(tap)
    count, pool, wall = shares(record, "pool")
    tap.check("every request to the pool is recorded", count == REQUESTS, count)
    # The loop's own timers (of kept connections) are due now and then while the pool works.
    tap.check("of a pool's work most is not said to be sleep", pool["sleep"] < 0.35, f"{pool} of {wall} ms")
    tap.check("but to be another thread's, by whose eventfd the loop goes on", pool["ipc"] > 0.6, pool)
    count, timer, wall = shares(record, "timer")
    tap.check("every request with a timer is recorded", count == REQUESTS, count)
    tap.check("a timer's is sleep", timer["sleep"] > 0.9, f"{timer} of {wall} ms")


def main():
    tap = Tap()
    with Node(APPS / "loops_pool.js") as server:
        with Record("--port", server.port) as record:
            send(server.port, [(1, 0, [(f"{name}{i}", f"/{name}/{i}") for i in range(REQUESTS)
                                       for name in ("pool", "timer")])])
    tap.run("pool", check, tap, record)
    tap.done()


main()
