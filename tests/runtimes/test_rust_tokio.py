#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The accounts of a hyper server on tokio are those that it keeps of itself, with two workers at 1, 8 and 64 requests in flight, with
one thread for all at 8, and stripped at 8; with futures that wake by wakers of their own (`unordered`), requests say so. Arguments: ways
(workers, thread, stripped, unordered), numbers in flight."""
import pathlib
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from side_by_side import STEPS, check  # noqa: E402  (the path comes first)
from services import Rust  # noqa: E402
from tap import Tap  # noqa: E402

STEPS["task"] = (2, 40)
UNORDERED = {"unordered": (6, 40), "handles": (6, 40)}

WAYS = {"workers": (2, False, (1, 8, 64)), "thread": (0, False, (1, 8)), "stripped": (2, True, (8,)), "unordered": (2, False, (1, 8, 64))}


def way(tap, name, parts):
    workers, strip, usual = WAYS[name]
    tap.note(f"==== {name}")
    for part in parts or usual:
        # A runtime that is too busy to sleep has no timeout that tells of tasks' timers.
        steps = [step for step in STEPS if step not in ("lock", "chan") and (part < 64 or step != "sleep")]
        if name == "unordered":
            STEPS.update(UNORDERED)
            steps = ["cpu", "pg", "redis", "http", "after", *UNORDERED]
        measure(tap, name, workers, strip, steps, part)


def measure(tap, name, workers, strip, steps, part):
    check(tap, lambda environment: Rust(APPS / "tokio_server", strip=strip, env={**environment, "WORKERS": str(workers)}),
          steps, (part,), f"{name}: ", lead=30, doubted=name == "unordered")


def main():
    tap = Tap()
    words = sys.argv[1:]
    parts = tuple(int(word) for word in words if word.isdigit())
    for name in [word for word in words if not word.isdigit()] or WAYS:
        tap.run(name, way, tap, name, parts)
    tap.done()


main()
