#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record --unit queue`: each message that a worker takes from Redis is a unit of work, from its delivery to the next fetch. Real
workers measure themselves what they do for each; units are held against that, one by one and in the mean. What the program around a
task computes shows by the messages that ask for nothing."""
import collections
import json
import pathlib
import random
import sys
import tempfile
import time

import redis

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parents[1] / "tools"), str(HERE / "apps")]

from tap import Tap  # noqa: E402
from services import Postgres, Redis, Server, wait_until  # noqa: E402
from whywait import Record  # noqa: E402

PYTHON = "/usr/bin/python3"
MS = 1_000_000
KINDS = ("sleep", "db", "compute")


def plans(count, seed):
    """A quarter of them asks for nothing."""
    chance = random.Random(seed)
    return [{"n": n, **{kind: chance.randint(4, 12) for kind in KINDS}, "order": chance.sample(KINDS, 3) if n % 4 else []}
            for n in range(count)]


class Worker(Server):
    """A program that works on messages, and the ledger of what it did."""

    name = "worker"

    def __init__(self, dsn, *argv, cwd=None):
        super().__init__(argv, cwd=cwd, ready=lambda: True, env={"DSN": dsn, "PYTHONPATH": str(HERE / "apps")})

    def prepare(self):
        self.env["LEDGER"] = str(self.directory / "ledger")
        open(self.env["LEDGER"], "w", encoding="ascii").close()

    def done(self):
        with open(self.env["LEDGER"], encoding="ascii") as ledger:
            return [json.loads(line) for line in ledger]

    def finish(self, count):
        wait_until(lambda: len(self.done()) >= count, 90, f"{count} messages\n{self.log()[-2000:]}")


def mean(values):
    return sum(values) / max(len(values), 1)


def compare(label, units, took, at_a_time):
    """Units and what the workers did, each in the order of its thread."""
    share, slack = (0.03, 0.2 * MS) if at_a_time == 1 else (0.06, 0.5 * MS)
    by_thread, pairs = collections.defaultdict(list), []
    for unit in sorted(units, key=lambda unit: unit["start"]):
        by_thread[unit["pid"], unit["tid"]].append(unit)
    for did in took:
        queue = by_thread[did["pid"], did["tid"]]
        if queue:
            pairs.append((queue.pop(0), did))
    tap.check(f"{label}: each unit is on the thread that did it", len(pairs) == len(took), f"{len(pairs)} of {len(took)}")
    idle = [unit["kinds_ns"]["compute"] for unit, did in pairs if not did["sleep"]]
    busy = [(unit, did) for unit, did in pairs if did["sleep"]]
    for kind in KINDS:
        got = mean([unit["kinds_ns"][kind] for unit, _ in busy]) - (mean(idle) if kind == "compute" else 0)
        wanted = mean([did[kind] for _, did in busy])
        tap.check(f"{label}: {kind} {got / MS:.2f} ms where {wanted / MS:.2f} ms were", abs(got - wanted) <= share * wanted + slack)
    own = [[o for o in unit["operations"] if o["system"] == "postgresql"] for unit, _ in pairs]
    right = [len(asked) == (1 if did["sleep"] else 0) and (not asked or abs(asked[0]["duration_ns"] - did["db"]) < 0.1 * did["db"] + 3 * MS)
             for asked, (_, did) in zip(own, pairs)]
    tap.check(f"{label}: its own queries only", all(right), f"{len(right) - sum(right)} of {len(right)} are not")
    other = mean([unit["kinds_ns"]["other"] + unit["kinds_ns"]["lock"] for unit, _ in pairs])
    tap.check(f"{label}: {other / MS:.3f} ms of it are `other` or `lock`", other < 0.03 * mean([u["wall_ns"] for u, _ in pairs]) + slack)


def case(label, worker, submit, names, count=80, warm=8, at_a_time=1, pause=0.004, settle=1.3):
    """`submit(plan)` has a message sent. `names`: what the endpoints are, {(method, route)}."""
    for plan in plans(warm, 1):
        submit(dict(plan, sleep=60))
    worker.finish(warm)
    # A worker that waits already is not seen to fetch: its next one is.
    with Record("--pid", worker.pid, "--unit", "queue") as record:
        time.sleep(settle)
        for plan in plans(count, 2):
            submit(plan)
            time.sleep(pause * (plan["n"] % 3))
        worker.finish(warm + count)
        time.sleep(settle)
    record.check(tap)
    units, took = record.requests, worker.done()[warm:]
    tap.check(f"{label}: {count} messages, as many units", len(units) == count, len(units))
    found = {(unit["protocol"], unit["method"], unit["route"]) for unit in units}
    tap.check(f"{label}: they are called as they are", found == {("queue", *name) for name in names}, found)
    compare(label, units, took, at_a_time)
    return units


def lists(dsn, server):
    client = redis.Redis(port=server.port)
    with Worker(dsn, PYTHON, HERE / "apps" / "queue_redis.py", "list", str(server.port)) as worker:
        case("BRPOP", worker, lambda plan: client.lpush("jobs", json.dumps(plan)), {("redis", "jobs")})


def streams(dsn, server):
    client = redis.Redis(port=server.port)
    with Worker(dsn, PYTHON, HERE / "apps" / "queue_redis.py", "stream", str(server.port)) as worker:
        case("XREADGROUP", worker, lambda plan: client.xadd("stream", {"plan": json.dumps(plan)}), {("redis", "stream")})


tap = Tap()
with Postgres() as database:
    for named, part in (("lists", lists), ("streams", streams)):
        if sys.argv[1:] and named not in sys.argv[1:]:
            continue
        with Redis() as broker:
            tap.run(named, part, database.dsn, broker)
tap.done()
