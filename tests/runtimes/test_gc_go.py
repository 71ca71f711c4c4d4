#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Go's collector: what is told of its stops against GODEBUG=gctrace=1."""
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "apps")]

import go_versions  # noqa: E402
from gc_runtimes import APPS, MS, Collected, build_directory  # noqa: E402
from tap import Tap  # noqa: E402

CYCLE = re.compile(r"^gc \d+ @.*?: ([\d.]+)\+[\d.]+\+([\d.]+) ms clock", re.MULTILINE)


def collects():
    with Collected(tap, [program], {"GODEBUG": "gctrace=1"}, named=False) as seen:
        seen.load([[f"/allocate/200000-{client}-{i}" for i in range(20)] for client in range(2)])
    cycles = CYCLE.findall(seen.log)
    # Its log has the time that it takes to wake the other threads up in it: they do not wait then.
    seen.agree(len(cycles), sum((float(first) + float(last)) * MS for first, last in cycles), slack_ns=0.06 * MS * len(cycles))


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
for of_version, ways in {"": ((), ("-ldflags=-s -w",)), "1.24": ((),), "1.27": (("-ldflags=-s -w",),)}.items():
    for way in ways:
        tap.note(f"==== Go {of_version or 'of the host'} {' '.join(way)}")
        try:
            build(of_version, way)
        except go_versions.FetchError as error:
            tap.skip(f"Go {of_version}", str(error))
            continue
        tap.run("collects", collects)
        tap.run("stops", stops)
tap.done()
