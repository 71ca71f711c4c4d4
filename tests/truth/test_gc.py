#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What CPython's garbage collector takes of requests, as its own callbacks tell; and what is none of it."""
import json
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]

from findings_truth import prefer  # noqa: E402
from gc_truth import APPS, MS, get, get_at_once, near  # noqa: E402
from services import Python  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402


def on_its_own_thread():
    """One request after the other: each is charged for what was collected in it."""
    paths = [f"/{what}/{size}/{i}" for i in range(6) for what, size in (("collect", 60), ("allocate", 40), ("wait", 5))]
    with Record("--port", web.port) as record:
        get(web.port, *paths)
        log = json.loads(get(web.port, "/log")[0])
    record.check(tap)
    wrong, told, sums = [], record.by_path(), [0, 0]
    for path in paths:
        cpu = sum(entry[3] for entry in log if entry[0] == path)
        gc = told[path]["kinds_ns"]["gc"]
        sums[0] += gc
        sums[1] += cpu
        # The callbacks run outside of the probes; thread clocks are read by a call, and may leave out what a hypervisor takes.
        if not near(gc, cpu, 0.15, 0.02 * MS * (1 + sum(entry[0] == path for entry in log))):
            wrong.append(f"{path}: {gc} ns told, {cpu} ns by the thread's clock in its collections")
    # A slice whose beginning the kernel did not report is charged to runq, which is counted.
    tap.check("each request's gc is what its collections took", len(wrong) <= record.report["losses"].get("switch_unseen", 0),
              "\n".join(wrong))
    tap.check("and so is that of all", near(*sums, 0.1, 0), sums)
    tap.check("there was some", sum(one["kinds_ns"]["gc"] for one in record.requests) > 10 * MS)
    tap.check("and none where nothing was collected", all(told[path]["kinds_ns"]["gc"] < 0.2 * MS for path in paths
                                                            if path.startswith("/wait")))
    found = {end["route"].split("/")[1]: {one["id"] for one in end["findings"]} for end in record.report["endpoints"]}
    tap.check("garbage is a finding where it takes the time, and not where it does not", "gc-pressure" in found["collect"]
              and "gc-pressure" not in found["wait"], found)
    tap.check("it is certain", all(one["attribution"] == "exact" for one in record.requests))


def stopped():
    """Others wait for the interpreter lock while one collects: that is gc; while one computes, it is lock."""
    with Record("--port", web.port) as record:
        get_at_once(web.port, [[f"/collect/300/{i}" for i in range(3)], [f"/wait/5/{i}" for i in range(30)]])
    record.check(tap)
    waits = [one for one in record.requests if one["path"].startswith("/wait")]
    stopped_ns = sum(one["kinds_ns"]["gc"] for one in waits)
    tap.check("who waited for the collecting thread's lock is charged gc", stopped_ns > 10 * MS, f"{stopped_ns} ns")
    with Record("--port", web.port) as record:
        get_at_once(web.port, [[f"/wait/30/{client}{i}" for i in range(3)] for client in range(2)])
    record.check(tap)
    sums = {kind: sum(one["kinds_ns"][kind] for one in record.requests) for kind in ("gc", "lock")}
    tap.check("a convoy at the interpreter lock is none", sums["lock"] > 20 * MS and sums["gc"] < 0.01 * sums["lock"], sums)


tap = Tap()
with Python(APPS / "gc_httpserver.py") as web:
    prefer(web)
    tap.run("on its own thread", on_its_own_thread)
    tap.run("stopped", stopped)
tap.done()
