#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Go's collector: what is told of its stops, and of what goroutines are made to help it with, against what its runtime counts itself
(runtime.MemStats, runtime/metrics) and logs (GODEBUG=gctrace=1)."""
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "apps")]

import go_versions  # noqa: E402
from gc_runtimes import APPS, MS, Collected, build_directory, get, near  # noqa: E402
from tap import Tap  # noqa: E402

# gc 7 @0.9s 4%: 0.021+3.1+0.013 ms clock, 0.042+2.2/3.0/0+0.026 ms cpu, ..: stopped, beside, stopped; of CPUs: stopped, assists, ..
# Two digits of each are there, the rest is cut off.
CYCLE = re.compile(r"^gc \d+ @.*?: ([\d.]+)\+[\d.]+\+([\d.]+) ms clock, [\d.]+\+([\d.]+)/", re.MULTILINE)

# What the runtime leaves out of its sum of assists: each processor (there are two) keeps up to so much, and forgets it with the next cycle.
SLACK = 5000


class Told:
    """What the runtime counts, from when the server is observed on up to the end of the load."""

    def __init__(self, load, **environment):
        with Collected(tap, [program], {"GODEBUG": "gctrace=1", **environment}, named=False) as self.seen:
            before = self.memory()
            self.seen.load(load)
            after = self.memory()
        self.of = {name: after[name] - before[name] for name in after}
        self.has_assists = after["assisted_ns"] >= 0
        cycles = CYCLE.findall(self.seen.log)
        self.logged = len(cycles)
        self.logged_stopped_ns = sum((float(first) + float(last)) * MS for first, last, _ in cycles)
        self.logged_assisted_ns = sum(float(assisted) * MS for _, _, assisted in cycles)
        self.cut_off_ns = sum(10.0 ** -len(assisted.partition(".")[2]) * MS for _, _, assisted in cycles)

    def memory(self):
        return json.loads(get(self.seen.web.port, "/memory")[0])

    def charged(self, name):
        """What requests were charged of `gc` by that name."""
        return sum(request["detail"].get("gc", {}).get(name, {"sum_ns": 0})["sum_ns"] for request in self.seen.record.requests)


def collects():
    told = Told([[f"/allocate/200000-{client}-{i}" for i in range(20)] for client in range(2)])
    seen = told.seen
    seen.agree(told.of["collections"], told.of["stopped_ns"], least=0.999, most=1.001)
    tap.check("the log has the same collections", near(told.logged, told.of["collections"], 0.01, 0), str(told.of))
    tap.note(f"the log has them stop it for {told.logged_stopped_ns / MS:.2f} ms")


def assists():
    """Two goroutines that allocate faster than the collector marks."""
    told = Told([[f"/churn/300000-{client}-{i}" for i in range(30)] for client in range(2)])
    seen, helped = told.seen, told.charged("assist")
    seen.agree(told.of["collections"], told.of["stopped_ns"], least=0.999, most=1.001)
    tap.note(f"assists: {helped / MS:.2f} ms told, {told.logged_assisted_ns / MS:.2f} ms in the log, {told.of['assisted_ns'] / MS:.2f} ms by "
             f"runtime/metrics; {seen.sum() / MS:.2f} ms of gc in requests that took {sum(r['wall_ns'] for r in seen.record.requests) / MS:.0f} ms")
    tap.check("there were assists to speak of", told.logged_assisted_ns > 20 * MS, told.logged_assisted_ns)
    least, most = told.logged_assisted_ns, told.logged_assisted_ns + told.cut_off_ns + 2 * SLACK * told.logged
    tap.check("requests are charged what their goroutines were made to help the collector with", 0.95 * least <= helped <= 1.05 * most,
              f"{helped} ns told, {least} to {most} ns in the log")
    if told.has_assists:
        tap.check("which is what runtime/metrics says", near(helped, told.of["assisted_ns"], 0.05, 0), f"{helped}, {told.of['assisted_ns']}")


def stops():
    """It stops all threads for other things, too."""
    with Collected(tap, [program], {"GODEBUG": "gctrace=1", "GOGC": "off"}, named=False) as seen:
        seen.load([[f"/stats/50-{i}" for i in range(20)]])
    tap.check("a stop that is not for a collection is none", seen.collections == 0 and seen.stopped_ns == 0 and seen.sum() == 0,
              f"{seen.collections}, {seen.stopped_ns}, {seen.sum()}")


def build(version, flags):
    environment = {**os.environ, "GO111MODULE": "off", "GOTOOLCHAIN": "local"}
    go = "go"
    if version:
        environment["GOROOT"] = str(go_versions.root(version))
        go = f"{environment['GOROOT']}/bin/go"
    subprocess.run([go, "build", *flags, "-o", program, APPS / "gc_http.go"], check=True, env=environment)


tap = Tap()
program = build_directory() / "gc_http"
for of_version, ways in {"": ((), ("-ldflags=-s -w",)), "1.21": (("-buildmode=pie",),), "1.22": ((),), "1.24": ((),),
                         "1.27": (("-ldflags=-s -w",),)}.items():
    for way in ways:
        tap.note(f"==== Go {of_version or 'of the host'} {' '.join(way)}")
        try:
            build(of_version, way)
        except go_versions.FetchError as error:
            tap.skip(f"Go {of_version}", str(error))
            continue
        tap.run("collects", collects)
        tap.run("assists", assists)
        tap.run("stops", stops)
tap.done()
