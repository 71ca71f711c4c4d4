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
import signal
import sys
import tempfile
import time

import pika
import redis
import rq

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
            return [json.loads(line) for line in ledger if line.endswith("\n")]

    def finish(self, count):
        wait_until(lambda: len(self.done()) >= count, 60, f"{count} messages\n{self.log()[-2000:]}")


def doubtful(units):
    return [unit for unit in units if unit["attribution"] == "ambiguous" and unit["operations_missing"]]


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


def case(label, worker, submit, names, count=80, warm=8, at_a_time=1, pause=0.004, settle=1.3, blocks=False, elsewhere=False):
    """`submit(plan)` has a message sent. `names`: what the endpoints are, {(method, route)}. `elsewhere`: another process does the work."""
    for plan in plans(warm, 1):
        submit(dict(plan, sleep=60))
    worker.finish(warm)
    # A worker that waits already is not seen to fetch: its next one is, which may take minutes without a message.
    with Record("--pid", worker.pid, "--unit", "queue") as record:
        time.sleep(settle)
        if blocks:
            submit(plans(1, 3)[0])
            worker.finish(warm + 1)
            warm += 1
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
    tap.check(f"{label}: none of them is in doubt", not doubtful(units),
              (len(doubtful(units)), [(unit["kinds_ns"], [o["summary"] for o in unit["operations"]]) for unit in doubtful(units)][:2]))
    if not elsewhere:
        compare(label, units, took, at_a_time)
    return units, took


def lists(dsn, server):
    client = redis.Redis(port=server.port)
    with Worker(dsn, PYTHON, HERE / "apps" / "queue_redis.py", "list", str(server.port)) as worker:
        case("BRPOP", worker, lambda plan: client.lpush("jobs", json.dumps(plan)), {("redis", "jobs")})


def streams(dsn, server):
    client = redis.Redis(port=server.port)
    with Worker(dsn, PYTHON, HERE / "apps" / "queue_redis.py", "stream", str(server.port)) as worker:
        case("XREADGROUP", worker, lambda plan: client.xadd("stream", {"plan": json.dumps(plan)}), {("redis", "stream")})


# Not to be had by the command line: messages are written to a process's pipe while it works on another one.
FAST = ("-c", "import queue_celery; queue_celery.app.Worker(pool='prefork', concurrency=2, optimization='fast', loglevel='INFO').start()")


def celery(dsn, broker, method, pool, at_a_time, start=None, backend=None):
    """Both of its tasks, by turns."""
    os.environ.update(BROKER=broker, BACKEND=backend or "")
    sys.modules.pop("queue_celery", None)
    tasks = importlib.import_module("queue_celery")
    argv = ["-m", "celery", "-A", "queue_celery", "worker", "--pool", pool, "-c", str(at_a_time), "-l", "INFO", "--without-gossip", "--without-mingle"]
    worker = Worker(dsn, PYTHON, *(start or argv), env={"BROKER": broker, "BACKEND": backend or ""})
    worker.ready = lambda: " ready." in worker.log()
    with worker:
        case(f"Celery {method} {pool} {at_a_time}", worker, lambda plan: (tasks.mail, tasks.bill)[plan["n"] % 2].delay(plan),
             {(method, "shop.mail"), (method, "shop.bill")}, count=80 * (1 if at_a_time == 1 else 3), warm=8 * at_a_time,
             at_a_time=at_a_time)


def redis_url(server):
    return f"redis://127.0.0.1:{server.port}/0"


def amqp_url(server):
    return server.url


def celery_redis(pool, at_a_time, start=None):
    return lambda dsn, server: celery(dsn, f"redis://127.0.0.1:{server.port}/0", "redis", pool, at_a_time, start,
                                      backend=f"redis://127.0.0.1:{server.port}/1")


def celery_amqp(pool, at_a_time):
    return lambda dsn, server: celery(dsn, server.url, "amqp", pool, at_a_time)


def unfollowed(broker_of, method, pool, busy=False):
    """Pools in which another thread works on a message than has taken it, or one thread on many: no unit of it may look certain.
    `busy`: more messages wait than it has threads all the while, so that none of these is ever woken."""

    def part(dsn, server):
        broker = broker_of(server)
        os.environ.update(BROKER=broker, BACKEND="")
        sys.modules.pop("queue_celery", None)
        tasks = importlib.import_module("queue_celery")
        argv = ["-m", "celery", "-A", "queue_celery", "worker", "--pool", pool, "-c", "4", "-l", "INFO", "--without-gossip", "--without-mingle"]
        worker = Worker(dsn, PYTHON, *argv, env={"BROKER": broker, "BACKEND": ""})
        worker.ready = lambda: " ready." in worker.log()
        label = f"Celery {method} {pool}{', busy' if busy else ''}"
        count = 1500 if busy else 80
        with worker:
            for plan in plans(count if busy else 8, 1):
                tasks.mail.delay(plan)
            worker.finish(40 if busy else 8)
            with Record("--pid", worker.pid, "--unit", "queue") as record:
                before = len(worker.done())
                time.sleep(1.3)
                for plan in plans(0 if busy else count, 2):
                    tasks.mail.delay(plan)
                    time.sleep(0.004 * (plan["n"] % 3))
                worker.finish(0 if busy else 8 + count)
                time.sleep(0.3)
                took = len(worker.done()) - before
        record.check(tap)
        units, sure = record.requests, [unit for unit in record.requests if unit not in doubtful(record.requests)]
        tap.check(f"{label}: messages are units", len(units) >= (0.8 * took if busy else count - 1), (len(units), took))
        # What is busy shows by what its threads ask for.
        tap.check(f"{label}: all {len(units)} are in doubt, and say so", len(sure) <= (1 if busy else 0), (len(sure), sure[:2]))

    return part


def killed(dsn, server):
    """One of the pool is killed while messages wait in its pipe: nobody takes them, which is counted, and none stays open."""
    broker = f"redis://127.0.0.1:{server.port}/0"
    os.environ.update(BROKER=broker, BACKEND="")
    sys.modules.pop("queue_celery", None)
    tasks = importlib.import_module("queue_celery")
    worker = Worker(dsn, PYTHON, *FAST, env={"BROKER": broker, "BACKEND": ""})
    worker.ready = lambda: " ready." in worker.log()
    plan = {"n": 0, "sleep": 300, "order": ["sleep"]}
    with worker:
        for _ in range(8):
            tasks.mail.delay(dict(plan, sleep=20))
        worker.finish(8)
        with Record("--pid", worker.pid, "--unit", "queue") as record:
            time.sleep(1.3)
            for _ in range(8):
                tasks.mail.delay(plan)
            worker.finish(9)  # by then all of them have been written
            os.kill(worker.done()[-1]["pid"], signal.SIGKILL)
            time.sleep(4)
    record.check(tap, complete=False)
    untaken = record.report["losses"].get("message_untaken", 0)
    tap.check("killed: what waited for it is counted", 1 <= untaken <= 4, record.report["losses"])
    # Celery gives them to another process, then.
    tap.check("killed: all others are units", 8 - untaken <= len(record.requests) <= 8, (len(record.requests), record.report["losses"]))
    aborted = [unit for unit in record.requests if "aborted" in unit["flags"]]
    tap.check("killed: the one that it worked on has ended with it", len(aborted) == 1 and aborted[0]["wall_ns"] < 3000 * MS, aborted)


def pika_worker(way, prefetch=1):
    """`way`: plain, publishes, confirms."""

    def part(dsn, server):
        url = server.url.rstrip("/") + "/%2F"
        with Worker(dsn, PYTHON, HERE / "apps" / "queue_pika.py", url, way, str(prefetch)) as worker:
            connection = pika.BlockingConnection(pika.URLParameters(url))
            channel = connection.channel()
            channel.queue_declare("jobs")
            case(f"pika, {way}", worker, lambda plan: channel.basic_publish("", "jobs", json.dumps(plan)), {("amqp", "jobs")})
            connection.close()

    return part


def rq_worker(way):
    def part(dsn, server):
        with Worker(dsn, PYTHON, HERE / "apps" / "queue_rq.py", str(server.port), way) as worker:
            jobs = rq.Queue("jobs", connection=redis.Redis(port=server.port))
            units, took = case(f"rq, {way}", worker, lambda plan: jobs.enqueue("queue_work.work", "jobs", plan), {("redis", "rq:queue:jobs")},
                               blocks=True, elsewhere=way == "fork")
            if way == "fork":
                worked = mean([did[kind] for did in took for kind in KINDS]) * len(KINDS)
                told = mean([unit["kinds_ns"]["ipc"] for unit in units])
                tap.check("rq, fork: what the process does that is made for a job is `ipc`", worked < told < worked + 200 * MS, (worked, told))

    return part


PARTS = {
    Redis: {"lists": lists, "streams": streams, "redis-solo": celery_redis("solo", 1), "redis-prefork-1": celery_redis("prefork", 1),
            "redis-prefork-8": celery_redis("prefork", 8), "redis-prefork-fast": celery_redis("prefork", 2, FAST), "redis-killed": killed,
            "redis-threads": unfollowed(redis_url, "redis", "threads"), "redis-threads-busy": unfollowed(redis_url, "redis", "threads", busy=True),
            "redis-gevent": unfollowed(redis_url, "redis", "gevent"), "redis-eventlet": unfollowed(redis_url, "redis", "eventlet"),
            "rq-simple": rq_worker("simple"), "rq-fork": rq_worker("fork")},
    RabbitMQ: {"amqp-solo": celery_amqp("solo", 1), "amqp-prefork-1": celery_amqp("prefork", 1),
               "amqp-prefork-8": celery_amqp("prefork", 8), "amqp-threads": unfollowed(amqp_url, "amqp", "threads"),
               "amqp-gevent": unfollowed(amqp_url, "amqp", "gevent"), "pika-plain": pika_worker("plain"), "pika-publishes": pika_worker("publishes"),
               "pika-confirms": pika_worker("confirms")},
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
