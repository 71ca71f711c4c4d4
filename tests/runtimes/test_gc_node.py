#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""V8's collector: what is told against --trace-gc."""
import pathlib
import re
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]

from gc_runtimes import APPS, MS, Collected  # noqa: E402
from tap import Tap  # noqa: E402

PAUSE = re.compile(r"^\[.*MB, ([\d.]+) / [\d.]+ ms", re.MULTILINE)


def collects():
    with Collected(tap, ["node", "--trace-gc", APPS / "gc_http.js"]) as seen:
        seen.load([[f"/allocate/100-{client}-{i}" for i in range(30)] for client in range(2)])
    times = [float(ms) * MS for ms in PAUSE.findall(seen.log)]
    seen.agree(len(times), sum(times))
    tap.check("requests are charged for it", seen.sum() > 0.5 * seen.stopped_ns, seen.sum())


def computes():
    with Collected(tap, ["node", "--trace-gc", APPS / "gc_http.js"]) as seen:
        seen.load([[f"/wait/5-{client}-{i}" for i in range(20)] for client in range(2)])
    logged = sum(float(ms) * MS for ms in PAUSE.findall(seen.log))
    tap.check("a busy loop is none", seen.sum() <= 1.3 * logged and seen.sum("compute") > 150 * MS,
              f"gc {seen.sum()}, in the log {logged}, compute {seen.sum('compute')}")


tap = Tap()
tap.run("collects", collects)
tap.run("computes", computes)
tap.done()
