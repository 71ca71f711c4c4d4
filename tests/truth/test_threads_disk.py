#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Requests that write to a disk and wait until it is there, and that read what is in no cache: the kind `disk` and its names."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from threads_truth import APPS, MS, Backends, Job, Measured, check_probe, observe  # noqa: E402
from services import Gunicorn  # noqa: E402

REQUESTS = 30
# From a wake-up to the moment from which the scheduler counts the thread as one that waits for a CPU: whywait has it in `runq`.
WAKE_UP_NS = 10_000
NAMES = {"fsync_once": {"fsync"}, "read_cold": {"fsync", "read"}}

tap = Tap()
with Backends() as backends, Measured() as measured:
    record, samples, probes = observe(
        measured, lambda: Gunicorn("threads_wsgi:app", cwd=APPS, env=measured.environment(backends)),
        [[Job(f"/do/{operation}/0/{number}", pause_ms=1) for operation in NAMES for number in range(REQUESTS)]])
check_probe(tap, samples, probes)
record.check(tap)
tap.check(f"{len(samples)} requests sent, {len(samples)} recorded", {s.path for s in samples} == set(record.by_path()))
for operation, names in NAMES.items():
    (endpoint,) = [e for e in record.report["endpoints"] if e["route"].startswith(f"/do/{operation}/")]
    detail = endpoint["detail"].get("disk", {})
    paths = [s.path for s in samples if s.path.startswith(f"/do/{operation}/")]
    should_ns, waits = (sum(probes[path][f"disk_{what}"] for path in paths) for what in ("ns", "waits"))
    allowed = sum(0.02 * s.wall_ns + 0.1 * MS for s in samples if s.path in paths)
    is_ns, count = (sum(of[what] for of in detail.values()) for what in ("sum_ns", "count"))
    tap.check(f"{operation}: the handlers waited for the disk", waits >= REQUESTS and should_ns > 0, f"{waits} times")
    tap.check(f"{operation}: {is_ns / MS:.2f} ms of {', '.join(detail)}, measured {should_ns / MS:.2f} ms",
              should_ns - allowed - WAKE_UP_NS * waits <= is_ns <= should_ns + allowed)
    # A wait that is over before the thread has left its CPU takes no time.
    tap.check(f"{operation}: {count} waits, measured {waits}", 0.5 * waits <= count <= 1.02 * waits, detail)
    # A write may find the disk busy, and wait.
    tap.check(f"{operation}: named {', '.join(sorted(names))}", names <= set(detail) <= names | {"write"}, detail)
    tap.check(f"{operation}: all of it", sum(of["sum_ns"] for of in detail.values()) == endpoint["kinds_ns"]["disk"]["sum"], detail)
tap.done()
