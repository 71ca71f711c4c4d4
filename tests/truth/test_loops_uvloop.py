#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""uvloop sends at the end of its turn what several Tasks have written: whose that is, who awaits the answer tells."""
import pathlib
import random
import statistics
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from loops_run import send  # noqa: E402  (the path comes first)
from services import Postgres, Python  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

REQUESTS = 300
IN_FLIGHT = 20


def plan(prefix, number):
    """{name: its waits in ms}."""
    draw = random.Random(f"uvloop {prefix}")
    return {f"{prefix}{i}": [round(draw.uniform(2, 40), 1) for _ in range(draw.randint(1, 5))] for i in range(number)}


def requests(waits):
    return [(name, f"/job/{name}?ms={','.join(map(str, ms))}") for name, ms in waits.items()]


def check(tap, record, times, waits):
    record.check(tap)
    found = {path.rpartition("/")[2]: request for path, request in record.by_path().items()}
    if not tap.check("the requests recorded are those sent", found.keys() == times.keys(),
                     f"{len(found)} recorded, {len(times)} sent"):
        return
    off = sorted(abs(found[name]["wall_ns"] - (answered - sent)) for name, (sent, answered) in times.items())
    share = sum(ns <= 300_000 for ns in off) / len(off)
    tap.check("wall time within 0.3 ms of the client's for 95 % of the requests", share >= 0.95, f"for {share:.1%}")
    # A loop's thread that gets no CPU when it has just sent is taken to wait for that.
    own = statistics.mean(len(request["operations"]) == len(waits[name]) and not request.get("operations_missing") and
                          request["kinds_ns"]["db"] + request["kinds_ns"]["runq"] >= sum(waits[name]) * 1e6 for name, request in found.items())
    tap.check("the requests have all of their own operations, and waited as long as these took", own >= 0.99, f"{own:.1%} have")
    ambiguous = statistics.mean(request["attribution"] == "ambiguous" for request in found.values())
    tap.check("no account is ambiguous", ambiguous <= 0.01, f"{ambiguous:.0%} are")
    asked = statistics.mean(sum(ms) for ms in waits.values())
    db = statistics.mean(request["kinds_ns"]["db"] for request in found.values()) / 1e6
    tap.check("the mean of db is most of what was asked for", 0.6 * asked <= db <= 1.2 * asked, f"{db} of {asked}")


def main():
    tap = Tap()
    with Postgres() as postgres:
        environment = {"POSTGRES_PORT": str(postgres.port), "CONNECTIONS": str(IN_FLIGHT)}
        with Python(APPS / "loops_uvloop.py", env=environment) as server:
            send(server.port, [(IN_FLIGHT, 0, requests(plan("warm", 60)))])
            waits = plan("job", REQUESTS)
            with Record("--port", server.port) as record:
                times = send(server.port, [(IN_FLIGHT, 0, requests(waits))])
        tap.run("uvloop", check, tap, record, times, waits)
    tap.done()


main()
