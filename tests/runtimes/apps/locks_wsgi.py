# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Endpoints that share a lock: /report/MS/.. holds it for so long, /lookup/.. needs it, /tail/MS/.. holds it, and goes on for ten
times as long. A thread of the program's own, "flusher-7", holds another one, which /flushed/.. needs, for 20 ms of every 40.

$LOCKS_LOG has for each request that had to wait {"path": .., "waits": {who: ns}}: for whom it did so, by when they had the lock.
"""
import json
import os
import threading
import time

LOG = open(os.environ["LOCKS_LOG"], "a", buffering=1)


class Lock:
    """Remembers who had it when."""

    def __init__(self):
        self.lock = threading.Lock()
        self.tenures = []

    def acquire(self, who, path=None):
        """What is had at once is not waited for."""
        begin = time.monotonic_ns()
        if not self.lock.acquire(blocking=False):
            self.lock.acquire()
            now = time.monotonic_ns()
            waits = {}
            for holder, since, until in reversed(self.tenures[-50:]):
                ns = min(until, now) - max(since, begin)
                if ns > 0:
                    waits[holder] = waits.get(holder, 0) + ns
            if path:
                LOG.write(json.dumps({"path": path, "waits": waits}) + "\n")
        self.since = time.monotonic_ns()
        self.who = who

    def release(self):
        self.tenures.append((self.who, self.since, time.monotonic_ns()))
        self.lock.release()


LOCK, OTHER = Lock(), Lock()


def flush():
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as comm:
        comm.write("flusher-7")
    while True:
        OTHER.acquire("flusher")
        time.sleep(0.02)
        OTHER.release()
        time.sleep(0.02)


def app(environ, start_response):
    path = environ["PATH_INFO"]
    _, page, ms, *_ = path.split("/")
    if not STARTED:
        STARTED.append(threading.Thread(target=flush, daemon=True))
        STARTED[0].start()
    lock = OTHER if page == "flushed" else LOCK
    lock.acquire(page, path)
    if float(ms):
        time.sleep(float(ms) / 1000)
    lock.release()
    if page == "tail":
        time.sleep(10 * float(ms) / 1000)
    body = b"done\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


STARTED = []
