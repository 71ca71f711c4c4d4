#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Calls to an HTTP server are operations of the request that makes them, as the handler has done them; those that an event loop makes
at the same time overlap, and are charged once."""
import collections
import concurrent.futures
import itertools
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tools"), str(ROOT / "tests/truth")]
from ledgers_truth import check, fetch  # noqa: E402
from services import Gunicorn, Python, Redis  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

APPS = ROOT / "tests/truth/apps"
MS = 1_000_000
tap = Tap()


def one_after_the_other(upstream):
    with Gunicorn("operations_http:app", cwd=APPS, env={"UPSTREAM_PORT": str(upstream.port)}) as web:
        with Record("--port", web.port) as record:
            ledgers = {path: fetch(web.port, path) for number in range(4)
                       for path in (f"/{name}/{number}" for name in ("simple", "errors", "once", "slow"))}
            time.sleep(0.2)
        record.check(tap)
        check(tap, "http.client", record, ledgers)


def overlap(a, b):
    return a["start_ns"] < b["start_ns"] + b["duration_ns"] and b["start_ns"] < a["start_ns"] + a["duration_ns"]


def together(upstream):
    host = f"127.0.0.1:{upstream.port}"
    with Redis() as server, Python(APPS / "operations_loop.py",
                                   env={"UPSTREAM_PORT": str(upstream.port), "REDIS_PORT": str(server.port)}) as web:
        paths = [f"/{name}/{number}" for number in range(30, 36) for name in ("together", "after", "mixed")]
        with Record("--port", web.port) as record:
            for path in paths:
                fetch(web.port, path)
            # Several requests at the same time share the loop.
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                list(pool.map(lambda number: fetch(web.port, f"/after/{number}"), range(10, 30)))
            time.sleep(0.2)
    record.check(tap)
    requests = record.by_path()
    wrong, apart, twice, partly, whole = [], [], [], 0, 0
    for path, request in requests.items():
        name = path.split("/")[1]
        operations = [each for each in request["operations"] if each["summary"] != "connect"]
        found = collections.Counter(each["summary"] for each in operations)
        calls = [each for each in operations if each["system"] == "http"]
        should = collections.Counter({f"GET {host} /delay/{{id}}": 1, "GET": 5} if name == "mixed" else {f"GET {host} /delay/{{id}}": 3})
        ms = 10 if name == "mixed" else int(path.split("/")[2])
        if name != "after" and found != should:
            # Whose some of the Tasks were that gather() made is not told with certainty; there is nobody else's.
            partly += 1
            if found - should:
                wrong.append(f"{path}: {found}")
            continue
        if found != should or min(each["duration_ns"] for each in calls) < ms * MS:
            wrong.append(f"{path}: {found}; {calls}")
        elif name != "mixed" and any(overlap(a, b) != (name == "together") for a, b in itertools.combinations(calls, 2)):
            apart.append(f"{path}: {calls}")
        if name == "together":
            whole += 1
            if not ms * MS * 0.8 < request["kinds_ns"]["net"] < 2 * ms * MS:
                twice.append(f"{path}: {request['kinds_ns']}")
    tap.note(f"of {partly} of {len(requests)} requests not all calls are told, of {whole} of those that gather() they are")
    tap.check("aiohttp: there is one with calls at the same time", whole)
    tap.check(f"aiohttp: the calls of {len(requests)} requests", len(requests) == len(paths) + 20 and not wrong, "\n".join(wrong[:5]))
    tap.check("aiohttp: calls overlap where they were made at the same time, and only there", not apart, "\n".join(apart[:5]))
    tap.check("aiohttp: calls at the same time are charged once", not twice, "\n".join(twice[:5]))


with Python(APPS / "operations_upstream.py") as server:
    tap.run("one after the other", one_after_the_other, server)
    tap.run("together", together, server)
tap.done()
