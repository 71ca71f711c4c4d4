#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The server of test_go.py, built by other versions of Go and in other ways, with 8 requests in flight: by all of Debian's
compilers, or as the arguments say (1.27, 1.27/stripped, host/PIE)."""
import json
import os
import pathlib
import subprocess
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
ROOT = APPS.parents[2]
sys.path.insert(0, str(APPS))
import go_versions  # noqa: E402  (the path comes first)
from side_by_side import STEPS, check  # noqa: E402
from services import Go  # noqa: E402
from tap import Tap  # noqa: E402


# How it is built, and what is not used of what is known of it.
WAYS = {"": {}, "stripped": {"flags": ("-ldflags=-s -w",)}, "by its debug information": {"without": "golayouts"},
        "PIE": {"flags": ("-buildmode=pie",)}}


def version(tap, number, way):
    try:
        root = go_versions.root(number) if number != "host" else None
    except go_versions.FetchError as error:
        tap.skip(f"Go {number}", str(error))
        return
    name = f"Go {number}, {way}" if way else f"Go {number}"
    tap.note(f"==== {name}")
    if "without" in WAYS[way]:
        os.environ["WHYWAIT_WITHOUT"] = WAYS[way]["without"]
    check(tap, lambda environment: Go(APPS / "go_server.go", root=root, flags=WAYS[way].get("flags", ()), env=environment),
          tuple(STEPS), (8,), f"{name}: ")
    os.environ.pop("WHYWAIT_WITHOUT", None)


def doctor(tap):
    """What it says of a program that runs, and of one whose version it does not know."""
    with Go(APPS / "gc_http.go", flags=("-ldflags=-s -w",)):
        for without, state, says in (("", "ok", "followed: program (1."), ("golayouts", "degraded", "not followed: program (1.")):
            said = subprocess.run([ROOT / "build/whywait", "doctor", "--format", "json"], capture_output=True, text=True, check=False,
                                  env={**os.environ, "WHYWAIT_WITHOUT": without})
            rows = {row["name"]: row for row in json.loads(said.stdout)["features"]}
            row = rows["Go programs"]
            tap.check(f"doctor: a stripped program is {says.partition(':')[0]}", row["state"] == state and says in row["found"], str(row))
            row, where = rows["exact goroutines"], "in" if state == "ok" else "not in"
            tap.check(f"doctor: exact goroutines are {where} it", row["state"] == state and f"{where}: program (1." in row["found"], str(row))


def main():
    tap = Tap()
    tap.run("doctor", doctor, tap)
    wanted = [(number, "") for number in sys.argv[1:] or go_versions.SUITES]
    if not sys.argv[1:]:
        wanted += [(number, way) for number in ("host", "1.27") for way in WAYS if way]
    for number, way in ((number.partition("/")[0], number.partition("/")[2] or way) for number, way in wanted):
        tap.run(f"Go {number} {way}", version, tap, number, way)
    tap.done()


main()
