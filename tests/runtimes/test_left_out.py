#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What `--no-handoffs` and `--no-collectors` leave out is not told, and said to be missing: requests that other threads of CPython's or
tasks of tokio's work for, collections."""
import pathlib
import sys
import tempfile

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
import python_truth  # noqa: E402  (the path comes first)
import side_by_side  # noqa: E402
from loops_run import send  # noqa: E402
from services import Gunicorn, Postgres, Python, Redis, Rust, Upstream  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

WAYS = ("submit", "map", "thread", "queue")


def handoffs(tap, label, start, plan):
    """Each request either says that operations are missing, or has asked for nothing by others."""
    with Postgres(settings={"max_connections": 300}) as postgres, Redis() as redis, Upstream() as upstream, \
            tempfile.TemporaryDirectory(prefix="whywait-runtimes-") as scratch:
        environment = {"POSTGRES_DSN": postgres.dsn, "REDIS_PORT": str(redis.port), "UPSTREAM_PORT": str(upstream.port), "SCRATCH": scratch,
                       "REALTIME": "0", "TRUTH_DSN": postgres.dsn, "TRUTH_REDIS": str(redis.port), "TRUTH_UPSTREAM": str(upstream.port),
                       "TRUTH_SCRATCH": scratch, "WORKERS": "2"}
        with start(environment) as server:
            send(server.port, [(8, 0, plan("warm", 40))])
            with Record("--port", server.port, "--no-handoffs") as record:
                send(server.port, [(8, 0, plan("lead", 40))])
                send(server.port, [(8, 0, plan("all", 200))])
    record.check(tap)
    requests = [request for path, request in record.by_path().items() if path.rpartition("/")[2].startswith("all")]
    sure = [request["path"] for request in requests if not request["operations_missing"]]
    tap.check(f"{label}: {len(requests) - len(sure)} of {len(requests)} requests say that operations are missing",
              len(requests) == 200 and len(sure) <= 2, sure[:5])


def collectors(tap):
    with Python(APPS.parents[1] / "truth/apps/gc_httpserver.py") as server:
        found = {}
        for words in ((), ("--no-collectors",)):
            with Record("--port", server.port, *words) as record:
                send(server.port, [(1, 0, [(f"c{at}", f"/collect/20/c{at}") for at in range(8)])])
            record.check(tap)
            found[words] = [request["kinds_ns"]["gc"] for request in record.requests]
    tap.check("collections are told, but for --no-collectors", sum(ns > 0 for ns in found[()]) >= 7 and not any(found["--no-collectors",]), found)


tap = Tap()
tap.run("CPython's threads", handoffs, tap, "CPython's threads",
        lambda environment: Gunicorn("python_pools:app", cwd=APPS, worker_class="gthread", threads=64, env=environment),
        lambda name, number: python_truth.plan(name, number, WAYS))
tap.run("tokio's tasks", handoffs, tap, "tokio's tasks", lambda environment: Rust(APPS / "tokio_server", env=environment),
        lambda name, number: side_by_side.plan(name, number, ["cpu", "sleep", "pg", "redis", "http"]))
tap.run("collectors", collectors, tap)
tap.done()
