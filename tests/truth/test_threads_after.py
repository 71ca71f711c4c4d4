#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A handler that works on when its response is out: the request that has ended is not charged for it, and the next one that
comes meanwhile is in a queue."""
import pathlib
import statistics
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from threads_truth import APPS, MS, Backends, Job, Measured, compare, observe  # noqa: E402
from services import Gunicorn, Python  # noqa: E402

AFTER_MS = 10  # of computing, and as much of sleep
COUNT = 100


def judge(name, server, path, keep_alive=False, queued=True, clients=1):
    """`queued`: the next request has to wait for the thread that works on. Otherwise it is sent when that is over: it would get another
    thread, which then waits for the interpreter's lock.
    """
    tap.note(name)
    pause_ms = 0 if queued else 3 * AFTER_MS
    jobs = [Job(f"/after/{AFTER_MS}/{path}/{number}", pause_ms=pause_ms) for number in range(COUNT)]
    record, samples, probes = observe(measured, server, [jobs[client::clients] for client in range(clients)], keep_alive)
    compare(tap, record, samples, probes)
    slept = [request["path"] for request in record.requests if request["kinds_ns"]["sleep"]]
    tap.check("no request has slept", not slept, slept[:10])
    compute = statistics.median(request["kinds_ns"]["compute"] for request in record.requests)
    tap.check("nor has it computed what came afterwards", compute < AFTER_MS * MS / 2, f"median {compute} ns")
    undrawn = [request["path"] for request in record.requests
               if sum(segment["duration_ns"] for segment in request["segments"]) != request["wall_ns"]]
    tap.check("every time line ends with its request", not undrawn, f"{len(undrawn)} do not: {undrawn[:10]}")
    if queued:
        queue = statistics.median(request["kinds_ns"]["queue"] for request in record.requests)
        tap.check("the next request has waited for the end of that", queue > 2 * AFTER_MS * MS, f"median {queue} ns")


tap = Tap()
with Backends() as backends, Measured() as measured:
    def gunicorn(**options):
        return lambda: Gunicorn("threads_wsgi:app", cwd=APPS, env=measured.environment(backends), **options)

    def python(protocol):
        return lambda: Python(APPS / "threads_httpserver.py", env={**measured.environment(backends), "TRUTH_PROTOCOL": protocol})

    tap.run("gunicorn sync", judge, "gunicorn sync", gunicorn(), "length")
    tap.run("a backlog", judge, "a backlog", gunicorn(), "length", False, True, 3)
    gthread = gunicorn(worker_class="gthread", threads=4)
    tap.run("gunicorn gthread", judge, "gunicorn gthread", gthread, "length", False, False)
    tap.run("gthread, connection kept", judge, "gthread, connection kept", gthread, "length", True)
    tap.run("ThreadingHTTPServer", judge, "ThreadingHTTPServer", python("HTTP/1.1"), "length", True)
    tap.run("chunked", judge, "chunked", python("HTTP/1.1"), "chunked", True)
    tap.run("response ended by close", judge, "response ended by close", python("HTTP/1.0"), "close", False, False)
tap.done()
