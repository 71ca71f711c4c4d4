#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Puma: its accounts are those that a Rack app's handlers keep of themselves; in one process, or with the word `cluster` in two. At 1,
8 and 64 requests in flight, or at so many as the arguments say."""
import pathlib
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from side_by_side import STEPS, Server, compare, free_port  # noqa: E402  (the path comes first)

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


compare(lambda environment: Puma(environment, 2 if "cluster" in WORDS else 0),
        tuple(step for step in STEPS if step not in ("pgs", "https", "chan")),
        tuple(int(word) for word in WORDS if word.isdigit()) or (1, 8, 64), opened=("lock",))
