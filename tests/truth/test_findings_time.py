#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Findings about kinds of time, on workers: too few of them, locks, timers, slow clients, compute."""
import json
import pathlib
import socket
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from findings_truth import APPS, Found, prefer, send_at_once  # noqa: E402
from services import Gunicorn, Postgres, Redis  # noqa: E402
from whywait import Record, run  # noqa: E402

TABLES = """CREATE TABLE items (id int PRIMARY KEY, price int);
INSERT INTO items SELECT id, id FROM generate_series(1, 50) AS id;
CREATE TABLE log (item int);"""


def starved():
    """Seven clients of two workers, which wait for the database most of the time. They are served in turn: of an even number the quick one
    may come to the same worker each time, which then is the only one that serves its requests."""
    found = Found(tap, web, [["/slow/1"] * 20] * 6 + [["/quick/1"] * 20])
    for page in ("slow", "quick"):
        found.has(page, "pool-starved", {"cause": "too few workers", "threads": 2, "held_by": "GET /slow/{id}",
                                         "held_by_share": lambda share: share > 0.8}, saves_ms=(15, 400))


def served():
    """One client of two workers."""
    found = Found(tap, web, [["/slow/1", "/quick/1"] * 10])
    for page in ("slow", "quick"):
        found.has_not(page, {"pool-starved", "lock-contention", "sleeping", "slow-client"})


def kinds():
    found = Found(tap, web, [["/sleep/20"] * 10 + ["/lock/20"] * 20 + ["/compute/30"] * 10, ["/quick/1"] * 10 + ["/lock/20"] * 20])
    found.has("sleep", "sleeping", {"share": lambda share: share > 0.5}, saves_ms=(20, 100), first=False)
    found.has("lock", "lock-contention", {"detail": "file_lock"}, saves_ms=(5, 100), first=False)
    found.has("compute", "compute-hotspot", saves_ms=(27, 100), first=False)
    found.has_not("sleep", {"lock-contention", "compute-hotspot", "slow-client"})
    found.has_not("lock", {"sleeping", "compute-hotspot"})
    found.has_not("compute", {"lock-contention", "sleeping", "n-plus-one"})
    whatif(found)


def whatif(found):
    """What the recording says would be, of pages whose time is known."""
    done = run("whatif", found.record.path, "--kind", "sleep=10x", "--compute", "10x", "--format", "json")
    told = {end["route"].split("/")[1]: end for end in json.loads(done.stdout)["endpoints"]}
    for page, kind in (("sleep", "sleep"), ("compute", "compute")):
        end = found.endpoint(page)
        off = [end["wall_ns"][name] - told[page]["then"][f"{name}_ns"] for name in ("mean", "p50", "p95")]
        least = min(request["kinds_ns"][kind] for request in found.record.requests if request["route"] == end["route"])
        tap.check(f"/{page}: nine tenths of its {kind} are gone, in each quantile",
                  all(ns > 0.9 * 0.9 * least for ns in off), f"{off} {least}")
    faster = found.endpoint("compute")["verdict"]
    tap.check("what a faster language leaves is the same as what if compute were", faster["faster_from"] == "requests"
              and 0 < faster["faster_language_10x"]["p95_ns"] < found.endpoint("compute")["wall_ns"]["p95"], faster)


def slow_client():
    """Clients that begin to read late."""
    with Record("--port", web.port) as record:
        for _ in range(6):
            with socket.create_connection(("127.0.0.1", web.port)) as client:
                client.sendall(b"GET /large/12 HTTP/1.0\r\n\r\n")
                time.sleep(0.05)
                while client.recv(1 << 20):
                    pass
        send_at_once(web.port, ["/quick/1"] * 6)
    ends = {end["route"].split("/")[1]: [one["id"] for one in end["findings"]] for end in record.report["endpoints"]}
    tap.check("slow-client where the client was slow", "slow-client" in ends["large"] and "slow-client" not in ends["quick"], ends)


tap = Tap()
with Postgres() as database, Redis() as cache, tempfile.TemporaryDirectory() as directory:
    database.sql(TABLES)
    env = {"DSN": database.dsn, "REDIS_PORT": str(cache.port), "LOCK": f"{directory}/lock"}
    with Gunicorn("findings_wsgi:app", cwd=APPS, workers=2, env=env) as web:
        prefer(database, cache, web)
        tap.run("too few workers", starved)
        tap.run("enough workers", served)
        tap.run("kinds", kinds)
        tap.run("slow clients", slow_client)
tap.done()
