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
from whywait import Record, WHYWAIT, run  # noqa: E402


def judge_c(argv):
    """Its functions; one request of many that hangs weighs what it took; a stack that is too deep is marked."""
    truth = {}

    def also(port):
        load(port, "/nap", 0.3)
        truth["hang"], truth["hanging"] = load(port, "/hang", 0.1, clients=1)
        load(port, "/deep", 0.1, clients=1)

    record = judge_shares(tap, "C", argv, SECONDS, POINTS, also=also, computed_s=COMPUTED_S)
    told, took = within(folded(record.path, "--endpoint", "/hang", "--kinds", "sleep"), "nap"), truth["hang"]["nap"]
    tap.check(f"{truth['hanging']} hanging request weighs what it took", abs(told - took) < 0.01 * took, f"{told} ns, {took} ns measured")
    deep = folded(record.path, "--endpoint", "/deep", "--kinds", "sleep")
    tap.check("a stack that is deeper than what is kept is marked", deep and all(frames[2] == "[truncated]" for frames, _ in deep),
              deep[:1])
    tap.check("and has its innermost functions", within(deep, "dive") == sum(us for _, us in deep) * 1000)
    whole = folded(record.path, "--endpoint", "/nap")
    slow = folded(record.path, "--endpoint", "/nap", "--slower-than", "p90")
    tap.check("the slowest have less time than all, and some", 0 < sum(us for _, us in slow) < 0.6 * sum(us for _, us in whole))


def judge_python():
    """Its functions; and where the stack can't be followed, its own functions are known all the same."""
    record = judge_shares(tap, "Python", python, SECONDS, POINTS, also=lambda port: load(port, "/select", 0.2), computed_s=COMPUTED_S)
    waits = folded(record.path, "--endpoint", "/select", "--kinds", "sleep")
    tap.check("Python: what can't be followed is marked, and has the functions of Python that led there",
              waits and all("[truncated]" in frames and any(frame.startswith("Handler.do_GET (") or frame.startswith("do_GET (") for frame in frames)
                            for frames, _ in waits) and within(waits, "select_nap") == sum(us for _, us in waits) * 1000, waits[:1])


def judge_sample(argv):
    """So small a share that few are taken: what they stand for is what the accounts have."""
    port = free_port()
    with Server(argv(port), port=port):
        with Record("--port", port, "--stacks=0.1%", keep=1) as record:
            _, requests = load(port, "/nap", 1.5, clients=4)
            time.sleep(0.3)
    stacks = folded(record.path, "--kinds", "sleep")
    told, true = within(stacks, "nap"), account(record, "sleep", "/nap")
    with sqlite3.connect(record.path) as database:
        taken = database.execute("SELECT wall_ns, sum(requests), sum(sampled) FROM stack_requests GROUP BY interval, wall_ns").fetchall()
    sampled = sum(row[2] for row in taken)
    # The standard error of a sum of which each part was chosen by a chance of its own, for the part of it that is sleep.
    error = sum(wall ** 2 * stand_for * (stand_for / chosen - 1) for wall, stand_for, chosen in taken) ** 0.5
    error *= true / sum(endpoint["wall_ns"]["sum"] for endpoint in record.report["endpoints"])
    tap.note(f"{sampled} of {requests} requests; {told / 1e6:.0f} ms of {true / 1e6:.0f} ms, standard error {error / 1e6:.0f} ms")
    tap.check("of a sample of the requests stacks are taken", 5 <= sampled < requests / 3, sampled)
    tap.check("they stand for all, within the error of the sample", abs(told - true) < 4 * error, f"{told} ns, {true} ns in the account")
    noted = run("stacks", record.path, check=False).stderr
    tap.check("how large that is is said", "requests were taken, by chance" in noted, noted)


def judge_refusal():
    """Where the kernel does not give what stacks take, that is said, and nothing is recorded without them."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run([WHYWAIT, "record", "--stacks", "-d", "1", "-o", f"{directory}/none.db"], capture_output=True, text=True,
                              env={**os.environ, "WHYWAIT_WITHOUT": "storage"}, check=False)
        tap.check("on an older kernel stacks are refused in one line", done.returncode == 3 and "Linux 5.15" in done.stderr
                  and done.stderr.count("\n") == 1, done.stderr)


SECONDS = 15  # at most
COMPUTED_S = 1.5
POINTS = 10
tap = Tap()
with Built() as built:
    plain = built.server("-fomit-frame-pointer")
    tap.run("C without frame pointers", judge_c, plain)
    tap.run("Python", judge_python)
    tap.run("a sample", judge_sample, plain)
tap.run("refused", judge_refusal)
tap.done()
