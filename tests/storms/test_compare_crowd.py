#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`compare` beside other programs' work: of pairs of recordings alike no more than one in twenty has anything sure. PAIRS says of how
many (8; each takes half a minute); a third of the recordings has a twentieth more of one wait, which is found in some at the least.
SECONDS says how long each of the three recordings of a pair is (10), NEIGHBOURS=0 that nobody else is asked to want the CPUs."""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "truth"), str(HERE.parent / "lib"), str(HERE.parents[1] / "tools")]

from compare_truth import load  # noqa: E402
from services import Gunicorn  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record, run  # noqa: E402

PAIRS, SECONDS = int(os.environ.get("PAIRS", "8")), int(os.environ.get("SECONDS", "10"))
NEIGHBOURS = os.environ.get("NEIGHBOURS", "1") != "0"
FIGURES = "sleep", "mean", "p50"
APPS = HERE.parent / "truth" / "apps"


def neighbours(stop):
    """None to two that want a CPU, for as long as chance says."""
    while not stop.is_set():
        busy = [subprocess.Popen(["nice", "timeout", str(random.uniform(0.5, 15)), "sh", "-c", "while :; do :; done"])
                for _ in range(random.choice([0, 1, 1, 2]))]
        for program in busy:
            program.wait()
        stop.wait(random.uniform(0, 4))


def sure(before, after):
    told = json.loads(run("compare", before, after, "--format", "json").stdout)
    return {name for endpoint in told["endpoints"] for name, figure in endpoint["figures"].items() if figure["certainty"] == "sure"}


tap = Tap()
stop = threading.Event()
thread = threading.Thread(target=neighbours, args=(stop,))
false, found = [], dict.fromkeys(FIGURES, 0)
if NEIGHBOURS:
    thread.start()
try:
    with tempfile.TemporaryDirectory() as directory:
        planted = pathlib.Path(directory, "planted")
        planted.write_text("0")
        with Gunicorn("compare_wsgi:app", cwd=APPS, workers=3, env={"PLANTED": str(planted)}) as web:
            load(web.port, 1)
            for pair in range(PAIRS):
                paths = []
                for number, plant in enumerate(("0", "0", "0.7")):
                    planted.write_text(plant)
                    paths.append(pathlib.Path(directory, f"{pair}-{number}.db"))
                    with Record("--port", web.port, keep=10, path=paths[-1], timeout=60):
                        load(web.port, SECONDS)
                alike, planted_is = sure(*paths[:2]), sure(*paths[1:])
                tap.note(f"pair {pair}: sure of what is alike {sorted(alike)}, of what is not {sorted(planted_is)}, load {os.getloadavg()[0]:.1f}")
                false += [alike] if alike else []
                for figure in FIGURES:
                    found[figure] += figure in planted_is
finally:
    stop.set()
    if NEIGHBOURS:
        thread.join()
tap.note(f"of {PAIRS} pairs {len(false)} alike have something sure; of what was planted found {found}")
tap.check("of recordings alike nothing is sure, but for one pair in twenty", len(false) <= max(PAIRS // 20, 1), false)
tap.check("what was planted is found in some", found["sleep"] >= PAIRS / 5, found)
tap.done()
