#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where in the code: functions that measure themselves have in stacks the time that they had, computing and waiting; of a sample
of the requests as of all; and what can't be followed to its start says so. (tests/runtimes/test_stacks_shares.py does it for
longer, and to the point.)"""
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]
from stacks_truth import Built, account, folded, judge_shares, load, python, within  # noqa: E402  (the path comes first)
from services import Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record, WHYWAIT  # noqa: E402


def judge_hang_and_depth(argv):
    """One request of many that hangs weighs what it took; a stack that is too deep is marked."""
    port = free_port()
    with Server(argv(port), port=port):
        with Record("--port", port, "--stacks=all", keep=1) as record:
            load(port, "/nap", 0.3)
            truth, requests = load(port, "/hang", 0.1, clients=1)
            load(port, "/deep", 0.1, clients=1)
            time.sleep(0.3)
    told = within(folded(record.path, "--endpoint", "/hang", "--kinds", "sleep"), "nap")
    tap.check(f"{requests} hanging request weighs what it took", abs(told - truth["nap"]) < 0.01 * truth["nap"],
              f"{told} ns, {truth['nap']} ns measured")
    deep = folded(record.path, "--endpoint", "/deep", "--kinds", "sleep")
    tap.check("a stack that is deeper than what is kept is marked", deep and all(frames[2] == "[truncated]" for frames, _ in deep),
              deep[:1])
    tap.check("and has its innermost functions", within(deep, "dive") == sum(us for _, us in deep) * 1000)
    whole = folded(record.path, "--endpoint", "/nap")
    slow = folded(record.path, "--endpoint", "/nap", "--slower-than", "p90")
    tap.check("the slowest have less time than all, and some", 0 < sum(us for _, us in slow) < 0.6 * sum(us for _, us in whole))


def judge_sample(argv):
    """So small a share that few are taken: what they stand for is what the accounts have."""
    port = free_port()
    with Server(argv(port), port=port):
        with Record("--port", port, "--stacks=0.1%", keep=1) as record:
            _, requests = load(port, "/nap", 4, clients=4)
            time.sleep(0.3)
    stacks = folded(record.path, "--kinds", "sleep")
    told, true = within(stacks, "nap"), account(record, "sleep", "/nap")
    with sqlite3.connect(record.path) as database:
        sampled = database.execute("SELECT sum(sampled) FROM stack_requests").fetchone()[0] or 0
    tap.note(f"{sampled} of {requests} requests; {told / 1e6:.0f} ms of {true / 1e6:.0f} ms")
    tap.check("of a sample of the requests stacks are taken", 5 <= sampled < requests / 3, sampled)
    tap.check("they stand for all", abs(told - true) < 4 * true / sampled ** 0.5, f"{told} ns, {true} ns in the account")


def judge_refusal():
    """Where the kernel does not give what stacks take, that is said, and nothing is recorded without them."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run([WHYWAIT, "record", "--stacks", "-d", "1", "-o", f"{directory}/none.db"], capture_output=True, text=True,
                              env={**os.environ, "WHYWAIT_WITHOUT": "storage"}, check=False)
        tap.check("on an older kernel stacks are refused in one line", done.returncode == 3 and "Linux 5.15" in done.stderr
                  and done.stderr.count("\n") == 1, done.stderr)


tap = Tap()
with Built() as built:
    plain = built.server("-fomit-frame-pointer")
    tap.run("C without frame pointers", judge_shares, tap, "C", plain, 3, 9)
    tap.run("Python", judge_shares, tap, "Python", python, 3, 9)
    tap.run("a hang, and a deep stack", judge_hang_and_depth, plain)
    tap.run("a sample", judge_sample, plain)
tap.run("refused", judge_refusal)
tap.done()
