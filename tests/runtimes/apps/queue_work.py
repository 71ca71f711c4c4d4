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


def _waited_for_cpu():
    """Of this thread, so far; in nanoseconds."""
    with open("/proc/thread-self/schedstat", encoding="ascii") as schedstat:
        return int(schedstat.read().split()[1])


def warm():
    """Connects, so that no message waits for that."""
    _cursor().execute("SELECT 1")


def work(name, plan):
    took = {"name": name, "n": plan["n"], "pid": os.getpid(), "tid": threading.get_native_id(), "sleep": 0, "db": 0, "compute": 0}
    cursor = _cursor()
    for kind in plan["order"]:
        delay, began, ran = _waited_for_cpu(), time.monotonic_ns(), time.thread_time_ns()
        if kind == "sleep":
            time.sleep(plan["sleep"] / 1000)
        elif kind == "db":
            cursor.execute("SELECT pg_sleep(%s)", (plan["db"] / 1000,))
        else:
            _compute(plan["compute"])
        cpu, took_ns = time.thread_time_ns() - ran, time.monotonic_ns() - began
        took["compute"] += cpu
        if kind != "compute":
            took[kind] += took_ns - cpu - (_waited_for_cpu() - delay)
    with open(os.environ["LEDGER"], "a", encoding="ascii") as ledger:
        ledger.write(json.dumps(took) + "\n")
    return plan["n"]
