#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A server with a CPU quota: how long `runq` is `throttled`, against what the worker measured and what its control group counts."""
import os
import pathlib
import re
import statistics
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from cgroups import CpuCgroup, Unavailable  # noqa: E402
from tap import Tap  # noqa: E402
from threads_truth import APPS, MS, Backends, Job, Measured, compare, observe, truth  # noqa: E402
from services import Gunicorn  # noqa: E402

QUOTA_MS, PERIOD_MS = 10, 50
# From here on the kernel shows of each task whether it waits for the quota; before, of those only that lost the CPU to it.
TASKS_THROTTLED = (6, 18)


class Limited(Gunicorn):
    """gunicorn, which has the quota, and only these CPUs, once it is ready."""

    def __init__(self, cgroup, cpus=None, **options):
        super().__init__("threads_wsgi:app", cwd=APPS, **options)
        self.cgroup, self.cpus = cgroup, cpus or os.sched_getaffinity(0)

    def start(self):
        super().start()
        for pid in self.pids():
            self.cgroup.add(pid)
            os.sched_setaffinity(pid, self.cpus)
        self.cgroup.before = self.cgroup.throttled_ns()
        return self

    def stop(self):
        if self.directory:
            self.cgroup.counted = self.cgroup.throttled_ns() - self.cgroup.before
        super().stop()


def throttled_ns(record):
    return sum(endpoint["detail"].get("runq", {}).get("throttled", {"sum_ns": 0})["sum_ns"]
               for endpoint in record.report["endpoints"])


def in_mid_request():
    """Each needs two and a half times what a period allows."""
    with CpuCgroup(QUOTA_MS, PERIOD_MS) as cgroup:
        record, samples, probes = observe(
            measured, lambda: Limited(cgroup, env=measured.environment(backends)),
            # When it comes, nothing of the quota is used yet.
            # One that the machine holds up must not be more than 5 % of them.
            [[Job(f"/do/compute/{2.5 * QUOTA_MS}/{number}", pause_ms=1.2 * PERIOD_MS) for number in range(24)]])
        compare(tap, record, samples, probes, percent=5)
        # The rest is what other processes took: the control group counts none of it.
        waited = statistics.mean(truth(s, probes[s.path])["runq"] for s in samples)
        tap.check("a request waits for more than a period", waited > PERIOD_MS * MS, f"{waited / MS:.1f} ms")
        tap.check(f"of {waited * len(samples) / MS:.1f} ms that the worker had to wait {throttled_ns(record) / MS:.1f} ms are throttled",
                  0.5 * waited <= throttled_ns(record) / len(samples) <= 1.02 * waited)
        queued = sum(r["kinds_ns"]["queue"] for r in record.requests)
        # While no request is there it is throttled, too: the next one then finds it busy.
        tap.check(f"the control group counts {cgroup.counted / MS:.1f} ms, of these {throttled_ns(record) / MS:.1f} ms in requests",
                  throttled_ns(record) * 0.95 - 2 * MS <= cgroup.counted <= throttled_ns(record) * 1.05 + queued + 10 * MS)


def without_quota():
    """The same work, and nothing is throttled."""
    record, samples, probes = observe(measured, lambda: Gunicorn("threads_wsgi:app", cwd=APPS, env=measured.environment(backends)),
                                      [[Job(f"/do/compute/{2.5 * QUOTA_MS}/{number}") for number in range(12)]])
    record.check(tap)
    tap.check("nothing is throttled without a quota", throttled_ns(record) == 0, throttled_ns(record))


def on_arrival():
    """Another process of the control group has used the quota up when a request arrives: the idle worker wakes, and waits."""
    if tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups())) < TASKS_THROTTLED:
        tap.skip("throttled from the start", "this kernel does not show it")
        return
    # On one CPU, or the worker could have some of the quota left on its own.
    cpu = {min(os.sched_getaffinity(0))}
    with CpuCgroup(QUOTA_MS, PERIOD_MS) as cgroup, subprocess.Popen(["sh", "-c", "while :; do :; done"]) as burner:
        try:
            cgroup.add(burner.pid)
            os.sched_setaffinity(burner.pid, cpu)
            # How long the worker had waited before its very first request is not known: one of 80.
            record, samples, probes = observe(
                measured, lambda: Limited(cgroup, cpu, env=measured.environment(backends)),
                [[Job(f"/do/compute/1/{number}", pause_ms=13 + 7 * (number % 6)) for number in range(80)]])
        finally:
            burner.kill()
    compare(tap, record, samples, probes, percent=5)
    waited = sum(truth(s, probes[s.path])["runq"] for s in samples)
    tap.check("requests wait for the quota", waited > 5 * MS * len(samples), f"{waited / MS:.1f} ms")
    # When there is quota again, the other process may run first.
    tap.check(f"of {waited / MS:.1f} ms that the worker had to wait {throttled_ns(record) / MS:.1f} ms are throttled",
              0.5 * waited <= throttled_ns(record) <= 1.02 * waited)


tap = Tap()
with Backends() as backends, Measured() as measured:
    for name, test in (("throttled in mid-request", in_mid_request), ("throttled on arrival", on_arrival),
                       ("without a quota", without_quota)):
        tap.note(name)
        try:
            tap.run(name, test)
        except Unavailable as why:
            tap.skip(name, why)
tap.done()
