#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""HotSpot's collectors, all of which stop all threads: what is told against -Xlog:gc, and what requests are charged."""
import pathlib
import re
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]

from gc_runtimes import APPS, MS, Collected, build_directory  # noqa: E402
from tap import Tap  # noqa: E402

PAUSE = re.compile(r"^\[(\d+)ns\].* Pause .* ([\d.]+)ms$", re.MULTILINE)


def pauses(log, joined):
    """[start, end, ns] of each. Serial's young collection that is not enough goes on as a full one at once, at the same stop: that is
    one to the probes, and two lines of the log."""
    spans = []
    for end, ms in PAUSE.findall(log):
        start, end = int(end) - float(ms) * MS, int(end)
        if joined and spans and start - spans[-1][1] < 0.5 * MS:
            spans[-1][1:] = [end, spans[-1][2] + float(ms) * MS]
        else:
            spans.append([start, end, float(ms) * MS])
    return spans


def collects(collector):
    tap.note(collector)
    argv = ["java", f"-XX:+Use{collector}GC", "-Xmx256m", "-Xlog:gc:stdout:uptimenanos", "-cp", classes, "GcHttpServer"]
    with Collected(tap, argv) as seen:
        seen.load([[f"/allocate/3000-{client}-{i}" for i in range(20)] for client in range(2)] + [[f"/wait/2-{i}" for i in range(60)]])
    spans = pauses(seen.log, collector == "Serial")
    seen.agree(len(spans), sum(span[2] for span in spans))
    # A request lives through a pause at the most as a whole: none was in more than there were.
    most = max(one["kinds_ns"]["gc"] for one in seen.record.requests)
    tap.check("requests are charged for it", seen.sum(page="/allocate") > 0.3 * seen.stopped_ns, seen.sum(page="/allocate"))
    tap.check("and no request for more than all pauses", most <= 1.05 * seen.stopped_ns, f"{most}, {seen.stopped_ns}")


def convoy():
    """Threads that hold one another up, and collect nothing."""
    argv = ["java", "-XX:+UseG1GC", "-Xmx256m", "-Xlog:gc:stdout:uptimenanos", "-cp", classes, "GcHttpServer"]
    with Collected(tap, argv, first=False) as seen:
        seen.load([[f"/lock/20-{client}-{i}" for i in range(5)] for client in range(4)])
    tap.check("a convoy at a lock is none", seen.sum("lock") > 20 * MS and seen.sum() < 0.02 * seen.sum("lock"),
              f"gc {seen.sum()}, lock {seen.sum('lock')}")


tap = Tap()
classes = build_directory()
subprocess.run(["javac", "-d", classes, APPS / "GcHttpServer.java"], check=True)
for name in ("G1", "Serial", "Parallel"):
    tap.run(name, collects, name)
tap.run("convoy", convoy)
tap.done()
