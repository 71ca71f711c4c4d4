#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record --unit queue`: a message of a Redis list is a unit of work, and so is one of AMQP, however its frames are read: their beginnings in
several pieces, or hundreds of them at once. (Real RabbitMQ, Celery, pika and rq: tests/runtimes/test_units_queues.py.)"""
import contextlib
import json
import pathlib
import socket
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parents[1] / "tools")]

from tap import Tap  # noqa: E402
from services import PYTHON, Redis, Server, wait_until  # noqa: E402
from whywait import Record  # noqa: E402

MS = 1_000_000
COUNT = 12
WORKER = HERE / "apps" / "queue_worker.py"
PLANS = [{"sleep": 3 + n % 4, "compute": 2 + n % 3} for n in range(COUNT)]


def frame(kind, payload):
    return bytes([kind, 0, 1]) + len(payload).to_bytes(4, "big") + payload + b"\xce"


def delivery(plan, bodies):
    """basic.deliver of the queue `jobs`, and the message in so many frames."""
    deliver = b"\0\x3c\0\x3c" + b"\x01c" + bytes(8) + b"\0" + b"\0" + b"\x04jobs"
    text = json.dumps(plan).encode().ljust(40 + bodies)
    parts = [text[:41]] + [text[at:at + 1] for at in range(41, len(text))]
    return frame(1, deliver) + frame(2, b"\0\x3c\0\0" + len(text).to_bytes(8, "big") + b"\0\0") + b"".join(frame(3, part) for part in parts)


class Broker:
    """Gives its one client a message as soon as it has acknowledged the one before."""

    def __init__(self, bodies):
        self.bodies, self.listener = bodies, socket.create_server(("127.0.0.1", 0))
        self.port, self.go, self.client = self.listener.getsockname()[1], threading.Event(), None
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        client, _ = self.listener.accept()
        self.client = client
        client.recv(8, socket.MSG_WAITALL)
        self.go.wait()
        for plan in PLANS:
            client.sendall(delivery(plan, self.bodies))
            client.recv(21, socket.MSG_WAITALL)
            time.sleep(0.005)


def ledger(worker):
    return [json.loads(line) for line in worker.log().splitlines()]


def judge(name, units, done, method):
    # AMQP's last one ends when the next one comes, or where the worker waits without one.
    missing = 1 if method == "amqp" else 0
    tap.check(f"{name}: {COUNT} messages, as many units", COUNT - missing <= len(units) <= COUNT, len(units))
    found = {(unit["protocol"], unit["method"], unit["route"]) for unit in units}
    # Where the number of the method itself comes in two reads, the name behind it is not looked for.
    split = {("queue", method, "(unnamed)")} if "pieces" in name else set()
    tap.check(f"{name}: of that queue", ("queue", method, "jobs") in found and found <= {("queue", method, "jobs")} | split, found)
    for kind, slack in (("sleep", 0.3 * MS), ("compute", 1.5 * MS)):
        off = [(unit["kinds_ns"][kind], did[kind]) for unit, did, plan in zip(units, done, PLANS)
               if not plan[kind] * 0.98 * MS <= unit["kinds_ns"][kind] <= did[kind] + slack]
        tap.check(f"{name}: each has its own {kind}", len(off) <= 1, off)


def start(stack, name, *argv):
    worker = stack.enter_context(Server([PYTHON, WORKER, *map(str, argv)], ready=lambda: True))
    worker.name = name
    return worker


def judge_all():
    import redis

    with contextlib.ExitStack() as stack:
        server, pieces, whole = stack.enter_context(Redis()), Broker(3), Broker(400)
        client = redis.Redis(port=server.port)
        workers = [start(stack, "Redis", "redis", server.port), start(stack, "AMQP in pieces", "pieces", pieces.port, len(delivery(PLANS[0], 3))),
                   start(stack, "AMQP in one read", "whole", whole.port, len(delivery(PLANS[0], 400)))]
        wait_until(lambda: client.info("clients")["blocked_clients"] == 1 and pieces.client and whole.client, 10, "the workers")
        late = start(stack, "late", "late", server.port)
        with Record(*[word for worker in [*workers, late] for word in ("--pid", worker.pid)], "--unit", "queue") as record:
            time.sleep(1)  # up to the next fetch of Redis, the first one that is seen
            for plan in PLANS:
                client.lpush("jobs", json.dumps(plan))
            client.lpush("first", json.dumps(PLANS[0]))
            client.lpush("late", json.dumps(PLANS[0]))
            pieces.go.set()
            whole.go.set()
            wait_until(lambda: all(len(ledger(worker)) >= COUNT for worker in workers), 20, "messages")
            wait_until(lambda: late._process.poll() is not None, 5, "the late thread")
        record.check(tap)
        first = [(unit["attribution"], unit["operations_missing"]) for unit in record.requests if unit["route"] == "late"]
        tap.check("a thread's first message: what others sent before it took any says nothing of it", first == [("exact", 0)], first)
        for worker in workers:
            units = sorted((unit for unit in record.requests if unit["pid"] == worker.pid), key=lambda unit: unit["start"])
            judge(worker.name, units, ledger(worker), "redis" if worker.name == "Redis" else "amqp")


tap = Tap()
judge_all()
tap.done()
