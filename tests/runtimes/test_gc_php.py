#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""PHP's collector of cycles: what is told against gc_status(), and a clock around one run."""
import json
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]

from gc_runtimes import APPS, MS, Collected, get  # noqa: E402
from tap import Tap  # noqa: E402

PHP = ["php", "-S", "127.0.0.1:PORT", APPS / "gc_http.php"]


def collects():
    with Collected(tap, PHP) as seen:
        answers = [json.loads(get(seen.web.port, f"/cycles/30-{i}")[0]) for i in range(30)]
    # One run more than it tells, before it looks for the first time.
    runs = sum(answer["runs"] for answer in answers) + len(answers)
    tap.check("as many collections as gc_status() has", abs(seen.collections - runs) <= 0.01 * runs, f"{seen.collections}, {runs}")
    tap.check("requests are charged for all of it", 0.95 * seen.stopped_ns <= seen.sum() <= 1.01 * seen.stopped_ns,
              f"{seen.stopped_ns}, {seen.sum()}")
    last = sum(answer["last_ns"] for answer in answers)
    tap.check("which is more than the last run of each", last < 1.05 * seen.stopped_ns < 20 * last, f"{seen.stopped_ns}, {last}")


def one_run():
    """Below what makes it run by itself there is the one run that is asked for, which is measured."""
    with Collected(tap, PHP) as seen:
        answers = [json.loads(get(seen.web.port, f"/cycles/9-{i}")[0]) for i in range(30)]
    last = sum(answer["last_ns"] for answer in answers)
    tap.note(f"{seen.stopped_ns / MS:.2f} ms told, {last / MS:.2f} ms by PHP's clock, {seen.collections} runs")
    tap.check("the time of one run is PHP's own", abs(seen.stopped_ns - last) <= 0.05 * last + 0.005 * MS * len(answers),
              f"{seen.stopped_ns}, {last}")


tap = Tap()
tap.run("collects", collects)
tap.run("one run", one_run)
tap.done()
