#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Ruby's collector in Puma: what is told against GC.count and GC.stat(:time)."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]

from gc_runtimes import APPS, MS, Collected, get  # noqa: E402
from tap import Tap  # noqa: E402

PUMA = ["puma", "-b", "tcp://127.0.0.1:PORT", "-t", "4:4", APPS / "gc_http.ru"]


def collects():
    with Collected(tap, PUMA) as seen:
        before, after = (list(map(int, get(seen.web.port, *paths)[-1].split())) for paths in
                         (["/log"], [f"/allocate/200-{i}" for i in range(40)] + ["/log"]))
    # It measures the CPU time of all its threads, and what it does around each of its hundreds of sweeps.
    seen.agree(after[0] - before[0], (after[1] - before[1]) * MS, least=0.75)
    tap.check("requests are charged for it", seen.sum() > 0.9 * seen.stopped_ns, seen.sum())


def waits():
    """Others wait for its lock while one collects; and while one computes."""
    with Collected(tap, PUMA) as seen:
        seen.load([[f"/allocate/200-{i}" for i in range(10)], [f"/wait/2-{i}" for i in range(60)]])
    tap.check("who waited for the collecting thread's lock is charged gc", seen.sum(page="/wait") > 10 * MS, seen.sum(page="/wait"))
    with Collected(tap, PUMA) as seen:
        seen.load([[f"/wait/120-{client}-{i}" for i in range(3)] for client in range(2)])
    tap.check("a convoy at its lock is none", seen.sum("lock") > 20 * MS and seen.sum() < 0.05 * seen.sum("lock"),
              f"gc {seen.sum()}, lock {seen.sum('lock')}")


tap = Tap()
tap.run("collects", collects)
tap.run("waits", waits)
tap.done()
