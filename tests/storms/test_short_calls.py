#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every read and write moves half of what it was asked to: recording and reading are none the worse for it."""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from faults import built  # noqa: E402  (the path comes first)
from counts_run import Tap  # noqa: E402
from whole import runs  # noqa: E402
from whywait import WHYWAIT  # noqa: E402

# The C library's own streams write by calls that can't be preloaded, and go on after half of one by themselves.
CALLS = {"read": 0, "pread": 2, "pwrite": 3}


def complains(text):
    return "; ".join(line for line in text.splitlines() if "recorded" in line and "nothing lost" not in line)


def main():
    tap = Tap()
    with tempfile.NamedTemporaryFile(prefix="whywait-halves-") as told, built("halves", "-shared", "-fPIC") as library:
        argv = ["env", f"LD_PRELOAD={library}", f"HALVES={told.name}", str(WHYWAIT)]
        runs(tap, argv, complains, seconds=5, start_s=20)
        tap.run("what is read", same, tap, argv)
        counts = [sum(column) for column in zip(*(map(int, line.split()) for line in told.read().decode().splitlines()))]
    for call, column in CALLS.items():
        tap.check(f"{call}() was halved: {counts[column]} times", counts[column])
    tap.done()


def same(tap, argv):
    """What a command prints is the same by the byte, with halves and without."""
    with tempfile.TemporaryDirectory(prefix="whywait-halves-") as name:
        path = os.path.join(name, "none.db")
        subprocess.run([*argv, "record", "-o", path, "-d", "1", "--port", "1"], check=True, capture_output=True)
        for command in (("report", path, "--format", "json"), ("requests", path), ("report", "--help")):
            whole = subprocess.run([WHYWAIT, *command], capture_output=True, check=True).stdout
            halves = subprocess.run([*argv, *command], capture_output=True, check=True).stdout
            tap.check(f"{command[0]} {command[1][-6:]}: the same output", whole == halves, halves[-300:])


main()
