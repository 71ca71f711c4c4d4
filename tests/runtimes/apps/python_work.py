# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the handlers of Python servers do, and the ledger that they keep of it.

run(name, steps) does the steps, "pg:5,cpu:2,..", one after the other in the thread that calls it: cpu, sleep, pg, http (ms), redis,
fsync. ledger() is {name: {"operations": [[system, start, end]], "waits": {kind: ns}, "cpu": ns, "delay": ns}}: a wait is as long as
the peer, or the timer, took by its own clock. What it took to go on after that (interpreter lock, CPU) is not in it.

Environment: TRUTH_DSN, TRUTH_REDIS (port), TRUTH_UPSTREAM (port), TRUTH_SCRATCH (a directory), REALTIME (CLOCK_REALTIME -
CLOCK_MONOTONIC, ns).
"""
import gc
import http.client
import os
import tempfile
import threading
import time

import psycopg2
import redis

REALTIME = int(os.environ["REALTIME"])
SLEEP = "SELECT pg_sleep(%s), (extract(epoch FROM clock_timestamp()) * 1e6)::bigint"

gc.disable()  # handlers don't know of collections, so there is to be none
_own = threading.local()
_left = []  # connections of threads that have ended
_ledgers = {}


def _run_delay():
    if not hasattr(_own, "schedstat"):
        _own.schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    return int(os.pread(_own.schedstat, 100, 0).split()[1])


def _connections():
    """Of the thread's own."""
    if not hasattr(_own, "pg") and _left:
        _own.pg, _own.redis, _own.http, _own.file = _left.pop()
    if not hasattr(_own, "pg"):
        _own.pg = psycopg2.connect(os.environ["TRUTH_DSN"])
        _own.pg.autocommit = True
        _own.redis = redis.Redis(port=int(os.environ["TRUTH_REDIS"]))
        _own.redis.ping()
        _own.http = http.client.HTTPConnection("127.0.0.1", int(os.environ["TRUTH_UPSTREAM"]))
        _own.http.connect()
        _own.file = tempfile.TemporaryFile(dir=os.environ["TRUTH_SCRATCH"])
    return _own


def _cpu(ms, _):
    end = time.thread_time_ns() + ms * 1e6
    while time.thread_time_ns() < end:
        pass


def _sleep(ms, wait):
    start = time.monotonic_ns()
    time.sleep(ms / 1000)
    wait("sleep", start, start + int(ms * 1e6))


def _pg(ms, wait):
    cursor = _own.pg.cursor()
    start = time.monotonic_ns()
    cursor.execute(SLEEP, (ms / 1000,))
    wait("postgres", start, cursor.fetchone()[1] * 1000 - REALTIME)


def _redis(_, wait):
    start = time.monotonic_ns()
    seconds, us = _own.redis.time()
    wait("redis", start, (seconds * 1000000 + us) * 1000 - REALTIME)


def _http(ms, wait):
    start = time.monotonic_ns()
    _own.http.request("GET", f"/delay/{ms}/2")
    response = _own.http.getresponse()
    ready = int(response.headers["X-Sent-Ns"])
    response.read()
    wait("http", start, ready)


def _fsync(_, wait):
    os.pwrite(_own.file.fileno(), os.urandom(4096), 0)
    start = time.monotonic_ns()
    os.fsync(_own.file.fileno())
    wait("fsync", start, time.monotonic_ns())


_STEPS = {"cpu": _cpu, "sleep": _sleep, "pg": _pg, "redis": _redis, "http": _http, "fsync": _fsync}
_KINDS = {"postgres": "db", "redis": "db", "http": "net", "sleep": "sleep", "fsync": "disk"}


def run(name, steps):
    ledger = _ledgers.setdefault(name, {"operations": [], "waits": {}, "cpu": 0, "delay": 0})
    setup = time.monotonic_ns()
    _connections()
    if time.monotonic_ns() - setup > 1e6:
        ledger["operations"].append(["connect", setup, time.monotonic_ns()])

    def wait(system, start, ready):
        kind = _KINDS[system]
        ledger["waits"][kind] = ledger["waits"].get(kind, 0) + max(0, ready - start)
        if kind in ("db", "net"):
            ledger["operations"].append([system, start, time.monotonic_ns()])

    cpu, delay = time.thread_time_ns(), _run_delay()
    for step in steps.split(","):
        step, _, ms = step.partition(":")
        _STEPS[step](float(ms or 0), wait)
    ledger["cpu"] += time.thread_time_ns() - cpu
    ledger["delay"] += _run_delay() - delay
    return name


def leave():
    """The thread ends: another one goes on with its connections."""
    os.close(_own.schedstat)
    _left.append((_own.pg, _own.redis, _own.http, _own.file))


def ledger():
    return _ledgers


def _nobodys():
    """A thread whose timer and connections are no request's."""
    client = redis.Redis(port=int(os.environ["TRUTH_REDIS"]))
    while True:
        client.get("nobody")
        time.sleep(0.02)


def start():
    """A background thread that works all the time."""
    threading.Thread(target=_nobodys, daemon=True).start()
