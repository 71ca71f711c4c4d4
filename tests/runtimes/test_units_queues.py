#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record --unit queue`: each message that a worker takes from Redis or RabbitMQ is a unit of work, from its delivery to the next fetch. Real
workers measure themselves what they do for each; units are held against that, one by one and in the mean. What the program around a
task computes and asks for shows by the messages that only ask for sleep."""
import collections
import importlib
import json
import os
import pathlib
import random
import sys
import tempfile
import time

import redis

HERE = pathlib.Path(__file__).resolve().parent
os.environ.update(DSN="", LEDGER="")
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parents[1] / "tools"), str(HERE / "apps")]

from tap import Tap  # noqa: E402
from services import Postgres, RabbitMQ, Redis, Server, wait_until  # noqa: E402
from whywait import Record  # noqa: E402

PYTHON = "/usr/bin/python3"
MS = 1_000_000
KINDS = ("sleep", "db", "compute")


def plans(count, seed):
    """A quarter of them only asks for sleep."""
    chance = random.Random(seed)
    return [{"n": n, **{kind: chance.randint(4, 12) for kind in KINDS}, "order": chance.sample(KINDS, 3) if n % 4 else ["sleep"]}
            for n in range(count)]


class Worker(Server):
    """A program that works on messages, and the ledger of what it did."""

    name = "worker"

    def __init__(self, dsn, *argv, ready=lambda: True, env=None):
        super().__init__(argv, ready=ready, env={"DSN": dsn, "PYTHONPATH": str(HERE / "apps"), **(env or {})})

    def prepare(self):
        self.env["LEDGER"] = str(self.directory / "ledger")
        open(self.env["LEDGER"], "w", encoding="ascii").close()

    def done(self):
        with open(self.env["LEDGER"], encoding="ascii") as ledger:
            return [json.loads(line) for line in ledger]

    def finish(self, count):
        wait_until(lambda: len(self.done()) >= count, 60, f"{count} messages\n{self.log()[-2000:]}")


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
    around = {kind: mean([unit["kinds_ns"][kind] - did[kind] for unit, did in pairs if not did["db"]]) for kind in ("compute", "db")}
    busy = [(unit, did) for unit, did in pairs if did["db"]]
    for kind in KINDS:
        got = mean([unit["kinds_ns"][kind] for unit, _ in busy]) - around.get(kind, 0)
        wanted = mean([did[kind] for _, did in busy])
        tap.check(f"{label}: {kind} {got / MS:.2f} ms where {wanted / MS:.2f} ms were", abs(got - wanted) <= share * wanted + slack)
    own = [[o for o in unit["operations"] if o["system"] == "postgresql"] for unit, _ in pairs]
    # It may be longer: when the answer is there, the worker may wait for a CPU.
    right = [len(asked) == (1 if did["db"] else 0) and all(one["duration_ns"] > did["db"] - MS for one in asked)
             for asked, (_, did) in zip(own, pairs)]
    tap.check(f"{label}: its own queries only", all(right), [(asked, did, unit["kinds_ns"]) for ok, asked, (unit, did) in zip(right, own, pairs) if not ok][:3])
    other = mean([unit["kinds_ns"]["other"] + unit["kinds_ns"]["lock"] for unit, _ in pairs])
    tap.check(f"{label}: {other / MS:.3f} ms of it are `other` or `lock`", other < 0.03 * mean([u["wall_ns"] for u, _ in pairs]) + slack,
              [(unit["kinds_ns"], did) for unit, did in pairs if unit["kinds_ns"]["other"] + unit["kinds_ns"]["lock"] > MS][:3])


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


def celery(dsn, broker, method, pool, at_a_time, *options, backend=None):
    """Both of its tasks, by turns."""
    os.environ.update(BROKER=broker, BACKEND=backend or "")
    sys.modules.pop("queue_celery", None)
    tasks = importlib.import_module("queue_celery")
    worker = Worker(dsn, PYTHON, "-m", "celery", "-A", "queue_celery", "worker", "--pool", pool, "-c", str(at_a_time), "-l", "INFO",
                    "--without-gossip", "--without-mingle", *options, env={"BROKER": broker, "BACKEND": backend or ""})
    worker.ready = lambda: " ready." in worker.log()
    with worker:
        case(f"Celery {method} {pool} {at_a_time}", worker, lambda plan: (tasks.mail, tasks.bill)[plan["n"] % 2].delay(plan),
             {(method, "shop.mail"), (method, "shop.bill")}, count=80 * (1 if at_a_time == 1 else 3), warm=8 * at_a_time,
             at_a_time=at_a_time)


def celery_redis(pool, at_a_time):
    return lambda dsn, server: celery(dsn, f"redis://127.0.0.1:{server.port}/0", "redis", pool, at_a_time,
                                      backend=f"redis://127.0.0.1:{server.port}/1")


def celery_amqp(pool, at_a_time):
    return lambda dsn, server: celery(dsn, server.url, "amqp", pool, at_a_time)


PARTS = {
    Redis: {"lists": lists, "streams": streams, "redis-solo": celery_redis("solo", 1), "redis-prefork-1": celery_redis("prefork", 1),
            "redis-prefork-8": celery_redis("prefork", 8)},
    RabbitMQ: {"amqp-solo": celery_amqp("solo", 1), "amqp-prefork-1": celery_amqp("prefork", 1),
               "amqp-prefork-8": celery_amqp("prefork", 8)},
}

tap = Tap()
with Postgres() as database:
    for kind, parts in PARTS.items():
        chosen = {name: part for name, part in parts.items() if name in (sys.argv[1:] or parts)}
        if chosen:
            with kind() as broker:
                for name, part in chosen.items():
                    tap.run(name, part, database.dsn, broker)
tap.done()
