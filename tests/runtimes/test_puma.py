#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Puma: its accounts are those that a Rack app's handlers keep of themselves; in one process, or with the word `cluster` in two. At 1,
8 and 64 requests in flight, or at so many as the arguments say; with the word `reactor` only where that reads the requests."""
import pathlib
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from side_by_side import STEPS, Server, Tap, check, free_port  # noqa: E402  (the path comes first)

WORDS = sys.argv[1:]
THREADS = 64  # with fewer than connections that are kept, Puma 5 lets some of those wait until it gives them up


class Puma(Server):
    """The app in this many processes with THREADS threads each; 0: one, without a master."""

    name = "puma"

    def __init__(self, environment, workers):
        super().__init__(env=environment, timeout=60)
        self.workers = workers

    def prepare(self):
        self.port = free_port()
        self.argv = ["puma", "-b", f"tcp://127.0.0.1:{self.port}", "-w", str(self.workers), "-t", f"{THREADS}:{THREADS}",
                     "-e", "production", str(APPS / "puma_work.ru")]


def start(environment):
    return Puma(environment, 2 if "cluster" in WORDS else 0)


steps = tuple(step for step in STEPS if step not in ("pgs", "https", "chan"))
in_flight = tuple(int(word) for word in WORDS if word.isdigit())
tap = Tap()
if "reactor" not in WORDS:
    check(tap, start, steps, in_flight or (1, 8, 64), opened=("lock",))
# Where nothing comes for 0.2 s a thread leaves its connection to the reactor: that reads the next request, for another one; or for the
# first that is done with its own, and was not woken for it. Such requests are in doubt.
check(tap, start, steps, in_flight or (8, 64), "by the reactor, ", opened=("lock",), rest=320, own=0.94)
tap.done()
