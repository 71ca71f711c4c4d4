#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One sync worker, eight clients, a known service time: `queue` against what the clients saw."""
import pathlib
import statistics
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from threads_truth import APPS, MS, Backends, Job, Measured, compare, observe  # noqa: E402
from services import Gunicorn  # noqa: E402

CLIENTS, REQUESTS, SERVICE_MS = 8, 30, 20

tap = Tap()
with Backends() as backends, Measured() as measured:
    jobs = [[Job(f"/do/sleep/{SERVICE_MS}/{client * REQUESTS + number}") for number in range(REQUESTS)] for client in range(CLIENTS)]
    record, samples, probes = observe(
        measured, lambda: Gunicorn("threads_wsgi:app", cwd=APPS, env=measured.environment(backends)), jobs)
compare(tap, record, samples, probes)

recorded = record.by_path()
seen = {s.path: s.wall_ns - (probes[s.path]["last_ns"] - probes[s.path]["last_runq_ns"] - probes[s.path]["first_ns"])
        for s in samples}
far = [f"{path}: {recorded[path]['kinds_ns']['queue'] / MS:.3f} ms, seen {ns / MS:.3f} ms" for path, ns in seen.items()
       if abs(recorded[path]["kinds_ns"]["queue"] - ns) > 0.3 * MS]
tap.check("95 % of the queueing times are within 0.3 ms of the clients' wall times less the service times",
          len(far) <= 0.05 * len(seen), f"{len(far)} of {len(seen)} are not: {far[:10]}")
# In the long run seven others are served while a client waits.
queue = statistics.mean(recorded[path]["kinds_ns"]["queue"] for path in seen)
wall = statistics.mean(recorded[path]["wall_ns"] for path in seen)
tap.check("seven eighths of the wall time are spent in the queue", abs(queue / wall - 7 / 8) < 0.02, f"{queue / wall:.4f}")
tap.done()
