# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the workers of queues do for a message, and measure themselves: a plan is {"n", "sleep", "db", "compute"}, of milliseconds.
Each worker appends what it did to the file that LEDGER names, one line of JSON a message."""
import json
import os
import threading
import time

import psycopg2

_own = threading.local()


def _cursor():
    if not hasattr(_own, "cursor"):
        connection = psycopg2.connect(os.environ["DSN"])
        connection.autocommit = True
        _own.cursor = connection.cursor()
    return _own.cursor


def _compute(ms):
    end = time.thread_time_ns() + ms * 1_000_000
    while time.thread_time_ns() < end:
        sum(range(200))


def warm():
    """Connects, so that no message waits for that."""
    _cursor().execute("SELECT 1")


def work(name, plan):
    took = {"name": name, "n": plan["n"], "pid": os.getpid(), "tid": threading.get_native_id(), "sleep": 0, "db": 0, "compute": 0}
    cursor = _cursor()
    for kind in plan["order"]:
        began, ran = time.monotonic_ns(), time.thread_time_ns()
        if kind == "sleep":
            time.sleep(plan["sleep"] / 1000)
        elif kind == "db":
            cursor.execute("SELECT pg_sleep(%s)", (plan["db"] / 1000,))
        else:
            _compute(plan["compute"])
        # What a query or a sleep computes is not its wait.
        cpu = time.thread_time_ns() - ran
        took[kind] += cpu if kind == "compute" else time.monotonic_ns() - began - cpu
    with open(os.environ["LEDGER"], "a", encoding="ascii") as ledger:
        ledger.write(json.dumps(took) + "\n")
    return plan["n"]
