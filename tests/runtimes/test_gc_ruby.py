#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Ruby's collector in Puma: what is told against GC.count, and against a clock at where its threads enter and leave it."""
import pathlib
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]

from gc_runtimes import APPS, MS, Collected, build_directory, get  # noqa: E402
from tap import Tap  # noqa: E402

PUMA = ["puma", "-b", "tcp://127.0.0.1:PORT", "-t", "4:4", APPS / "gc_http.ru"]


def collects():
    library = build_directory() / "gc_clock.so"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, APPS / "gc_clock.c"], check=True)
    with Collected(tap, PUMA, {"GC_CLOCK": str(library)}) as seen:
        before = list(map(int, get(seen.web.port, "/log")[-1].split()))
        for i in range(40):
            get(seen.web.port, f"/allocate/200-{i}")
            # Who comes first shall leave some of each second to others, or the kernel takes it, some 45 ms at once: it sees that in the
            # very call by which Ruby asks for its CPU time, which our clock does not have in it.
            time.sleep(0.01)
        after = list(map(int, get(seen.web.port, "/log")[-1].split()))
    counts, own, ns, times = (now - then for then, now in zip(before, after))
    tap.note(f"by Ruby's own figure, CPU time: {own / MS:.2f} ms; its threads were in it {times} times")
    # What Ruby itself sums up (gc.c, gc_enter_clock() and gc_exit_clock()) is CLOCK_PROCESS_CPUTIME_ID between the same two places: all
    # threads' CPU time, and none in which the host had something else on that CPU. So the sum is held against a clock that goes on.
    seen.agree(counts, ns)
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
