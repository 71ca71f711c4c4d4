#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Collectors without probes that stop threads by signals: Boehm's and D's, against what they tell of themselves; and threads that wait
for one another in other ways, which is no collector's stop."""
import pathlib
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]

from gc_runtimes import APPS, FIRST, MS, build_directory, get, get_at_once  # noqa: E402
from services import Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402


def recorded(argv, lists, environment=None, first=True):
    """Records of the requests, and what the server says of its collections meanwhile."""
    port = free_port()
    with Server([*(FIRST if first else []), *argv, str(port)], port=port, env=environment or {}) as web:
        with Record("--port", port) as record:
            time.sleep(0.5)
            before = [int(word) for word in get(port, "/log")[0].split()]
            get_at_once(port, lists)
            told = [int(word) - old for word, old in zip(get(port, "/log")[0].split(), before)]
    record.check(tap)
    return [one for one in record.requests if one["path"] != "/log"], *told


def total(requests, kind="gc", page=""):
    return sum(one["kinds_ns"][kind] for one in requests if one["path"].startswith(page))


def collects(argv, environment=None):
    # Who is stopped is known when it has read a request: the others begin before.
    lists = [["/compute/30-first", *(f"/allocate/20000-{i}" for i in range(8))]] + [[f"/compute/2-{client}-{i}" for i in range(400)] for client in range(2)]
    requests, count, ns, *cpu_ns = recorded(argv, lists, environment)
    own, stopped = total(requests, page="/allocate"), total(requests, page="/compute")
    tap.note(f"{count} collections, {ns / MS:.2f} ms by the runtime's own figure, {sum(cpu_ns) / MS:.2f} ms of CPU; told {own / MS:.2f} ms of who collects, "
             f"{stopped / MS:.2f} ms of two others (runq {total(requests, 'runq') / MS:.2f} ms, lock "
             f"{total(requests, 'lock') / MS:.2f} ms, other {total(requests, 'other') / MS:.2f} ms)")
    tap.check("there were some", count >= 5, count)
    # It waits for a CPU in between, on a busy machine, and for what helps it.
    low = 0.85 * cpu_ns[0] if cpu_ns else 0.6 * ns
    tap.check("who collects is charged for it", low <= own <= 1.05 * ns, f"{own}, {ns}, {cpu_ns}")
    tap.check("who is stopped is", 0.1 * ns < stopped <= 2.1 * ns, f"{stopped}, {ns}")
    with_gc = [one for one in requests if one["kinds_ns"]["gc"]]
    tap.check("such requests say that it is inferred", all(one["attribution"] == "inferred" for one in with_gc))
    tap.check("the wait for the signal is in nothing else", total(requests, "other") < 0.02 * ns, total(requests, "other"))


def waits(page, argument, clients=3, kind="lock", least=20 * MS):
    requests, count, *_ = recorded([LIBGC], [[f"/{page}/{argument}-{client}-{i}" for i in range(10)] for client in range(clients)], first=False)
    tap.check(f"{page}: that is no collector's stop", total(requests) == 0 and count == 0, f"gc {total(requests)}, {count} collections")
    tap.check(f"{page}: it is {kind}", total(requests, kind) > least, total(requests, kind))
    tap.check(f"{page}: of that nothing is inferred", all(one["attribution"] == "exact" for one in requests))


tap = Tap()
LIBGC, D = build_directory() / "gc_signals", build_directory() / "gc_signals_d"
subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", LIBGC, APPS / "gc_signals.c", "-lgc", "-lpthread"], check=True)
subprocess.run(["gdc", "-O2", "-o", D, APPS / "gc_signals.d"], check=True)
for program in (LIBGC, D):
    subprocess.run(["strip", program], check=True)
tap.run("libgc, one marker", collects, [LIBGC], {"GC_MARKERS": "1"})
tap.run("libgc", collects, [LIBGC])
tap.run("D", collects, [D])
tap.run("lock", waits, "lock", 5)
tap.run("barrier", waits, "barrier", 5)
tap.run("refresh", waits, "refresh", 5)
tap.run("signal", waits, "signal", 5, 1, "other")
tap.done()
