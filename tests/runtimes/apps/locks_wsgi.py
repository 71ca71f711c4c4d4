# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Endpoints that share a lock: /report/MS/.. holds it for so long, /lookup/.. needs it, /tail/MS/.. holds it and then goes on for ten
times as long, /spin/MS/.. computes. A thread of the program's own, "flusher", holds another lock, which /flushed/.. needs, for 20 ms of
every 50. LOCKS_LOG has, per request, what it waited for either lock: {"path", "wait_ns", "before": who had it then}."""
import json
import os
import threading
import time

LOCK, OTHER = threading.Lock(), threading.Lock()
LOG = open(os.environ["LOCKS_LOG"], "a", buffering=1)


def flush():
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as comm:
        comm.write("flusher-7")
    while True:
        with OTHER:
            time.sleep(0.02)
        time.sleep(0.03)


def start():
    threading.Thread(target=flush, daemon=True).start()


def acquire(lock, path):
    """A lock that is had at once is not waited for."""
    begin = time.perf_counter_ns()
    if not lock.acquire(blocking=False):
        lock.acquire()
        LOG.write(json.dumps({"path": path, "wait_ns": time.perf_counter_ns() - begin}) + "\n")


def app(environ, start_response):
    path = environ["PATH_INFO"]
    _, page, ms, *_ = path.split("/")
    seconds = float(ms) / 1000
    if page == "spin":
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass
    elif page == "flushed":
        acquire(OTHER, path)
        OTHER.release()
    else:
        acquire(LOCK, path)
        time.sleep(seconds)
        LOCK.release()
        if page == "tail":
            time.sleep(10 * seconds)
    body = b"done\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
