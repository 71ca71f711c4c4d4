#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What stands in for what another kernel does not give (storage of tasks and sockets, atomics, bpf_loop, programs that are not
preempted) counts and charges as that does: the test of every way to read and write, and that of a program that becomes a server, without them.
"""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
from tap import Tap  # noqa: E402  (the path comes first)
from whywait import Record  # noqa: E402


def main():
    tap = Tap()
    for without, word in (("", None), ("storage", "tables"), ("loop", "plain loops")):
        os.environ["WHYWAIT_WITHOUT"] = without
        with Record("--port", "9") as record:
            pass
        told = record.report["host"]["stand_ins"]
        tap.check(f"the recording says what stands in without {without or 'nothing'}", word in told if word else not told, told)
    for without in ("storage", "loop", "whole"):
        for test in ("test_counts_syscalls.py", "test_exec.py"):
            done = subprocess.run([sys.executable, HERE / test], env={**os.environ, "WHYWAIT_WITHOUT": without},
                                  capture_output=True, text=True, check=False)
            bad = [line for line in done.stdout.splitlines() if line.startswith(("not ok", "#"))]
            tap.check(f"{test} without {without}", done.returncode == 0 and "1.." in done.stdout and
                      not any(line.startswith("not ok") for line in bad), "\n".join(bad[:6] + [done.stderr[-300:]]))
    tap.done()


main()
