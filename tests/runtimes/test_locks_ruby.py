#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Ruby's locks in Puma: its own is told from a Mutex, both waited for on the same condition, against what a probe in it measured; and
who held the Mutex."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib"), str(HERE.parent / "truth")]

from services import Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from threads_truth import MS, Job, Measured, check_interpreter, observe  # noqa: E402


def judge(jobs):
    def server():
        port = free_port()
        return Server(["puma", "-b", f"tcp://127.0.0.1:{port}", "-t", "6:6", HERE / "apps/locks.ru"], port=port,
                      env={"LD_PRELOAD": f"{measured.memory}/probe.so", "TRUTH_LOG": f"{measured.memory}/log", "TRUTH_RUBY": "1"})

    with Measured() as measured:
        # Which mutex it is the probe sees when two threads have waited with it.
        warm = [Job(f"/spin/1/warm-{i}") for i in range(20)]
        record, samples, probes = observe(measured, server, jobs, before=warm)
    record.check(tap)
    wall = sum(s.wall_ns for s in samples) / len(samples)
    check_interpreter(tap, record, samples, probes, "gvl", 0.03 * wall + 0.2 * MS)
    return {end["route"].split("/")[1]: end["detail"].get("lock", {}) for end in record.report["endpoints"]}


def computes():
    lock = judge([[Job(f"/spin/{6 + client}/{1000 * client + i}") for i in range(20)] for client in range(4)])["spin"]
    gvl, own = lock.get("gvl", {"sum_ns": 0})["sum_ns"], sum(row["sum_ns"] for name, row in lock.items() if name != "gvl")
    tap.check("they wait for nothing else", gvl > 200 * MS and own < 0.05 * gvl, lock)


def holds():
    lock = judge([[Job(f"/hold/10/{i}") for i in range(25)], [Job(f"/await/0/{i}", pause_ms=3) for i in range(40)]])["await"]
    own = sum(row["sum_ns"] for name, row in lock.items() if name != "gvl")
    held = lock.get("held by GET /hold/{id}/{id}", {"sum_ns": 0})["sum_ns"]
    tap.check("a Mutex is no interpreter's lock, and who held it is told", own > 100 * MS and held > 0.9 * own, lock)


tap = Tap()
tap.run("computes", computes)
tap.run("holds", holds)
tap.done()
