#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Stacks cost what they may: the CPU time of whywait with them, less that without, is no more than the share that was asked for, at
a rate of requests at which all of them would cost many times as much."""
import os
import pathlib
import sqlite3
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parents[1] / "truth")]
from stacks_truth import Built, account, folded, load, within  # noqa: E402  (the path comes first)
from services import Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

SECONDS = 15
SETTLE = 3  # until the tables of the program's files are read, which is beside the share
SHARE = 0.005


def used(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(argv, *arguments):
    """CPU seconds of whywait a second, requests, and how many stacks were taken of."""
    port = free_port()
    with Server(argv(port), port=port):
        with Record("--port", port, keep=1, *arguments) as record:
            load(port, "/nap", SETTLE, clients=8)
            before, began = used(record.pid), time.monotonic()
            _, requests = load(port, "/nap", SECONDS, clients=8)
            share = (used(record.pid) - before) / (time.monotonic() - began)
            time.sleep(0.3)
    with sqlite3.connect(record.path) as database:
        taken = database.execute("SELECT sum(sampled), sum(requests) FROM stack_requests").fetchone() if arguments else (0, 0)
    slept = (within(folded(record.path, "--kinds", "sleep"), "nap"), account(record, "sleep", "/nap"))
    return share, requests, taken, slept, sum(endpoint["requests"] for endpoint in record.report["endpoints"])


def judge():
    with Built() as built:
        argv = built.server("-fomit-frame-pointer")
        without, requests, *_ = measure(argv)
        share, requests, (sampled, stand_for), (slept, true), recorded = measure(argv, f"--stacks={100 * SHARE:g}%")
        everything, *_ = measure(argv, "--stacks=all")
    budget = SHARE * os.sysconf("SC_NPROCESSORS_ONLN")
    tap.note(f"{requests} requests, {sampled} of them with stacks: {1000 * without:.0f} ms of CPU time a second without, "
             f"{1000 * share:.0f} with {100 * SHARE:g} % ({1000 * budget:.0f} ms), {1000 * everything:.0f} with all")
    tap.check("stacks cost no more than their share", share - without < 1.25 * budget, f"{share - without:.4f} of a CPU, {budget} may be")
    tap.check("and would cost more", everything - without > 2 * budget, f"{everything - without:.4f}")
    tap.check("some are taken", sampled >= 30, sampled)
    # Sampled by chance: what they stand for is near what there were, by twice the error that so many have.
    tap.check("what they stand for is near what there were", abs(stand_for - recorded) < 4 * recorded / sampled ** 0.5, f"{stand_for} of {recorded}")
    tap.check("and so is the time that they slept", abs(slept - true) < 4 * true / sampled ** 0.5, f"{slept} of {true} ns in the accounts")


tap = Tap()
tap.run("budget", judge)
tap.done()
