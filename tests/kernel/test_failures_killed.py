#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record` killed by SIGKILL under load, and one whose disk fills up: what was recorded stays readable, to the last second."""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "truth" / "apps"))
from counts_failures import Load, small_disk  # noqa: E402  (the path comes first)
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_node  # noqa: E402
from whywait import WHYWAIT, run, sum_error  # noqa: E402

LAST = 1.6        # seconds before the kill that may be missing: one, and what a busy machine makes of it
MOMENTS = 4       # random ones, seconds after observation began
SOON = (0.0, 0.02)  # and these


def read(path):
    """The requests of a recording, after both readers have read it."""
    run("report", path)
    report = json.loads(run("report", path, "--format", "json").stdout)
    requests = [json.loads(line) for line in run("requests", path, "--format", "json").stdout.splitlines()]
    return report, requests


def sound(tap, name, report, requests):
    """Nothing is half recorded."""
    wrong = [error for request in requests if (error := sum_error(request["kinds_ns"], request["wall_ns"]))]
    tap.check(f"{name}: the kinds of each of {len(requests)} requests sum to the wall time", not wrong, "\n".join(wrong[:5]))
    counted = sum(endpoint["requests"] for endpoint in report["endpoints"])
    tap.check(f"{name}: the report counts the same requests", counted == len(requests), f"{counted}, {len(requests)} kept")


def killed(tap, site, directory, moment):
    name = f"killed after {moment:.2f} s"
    path = directory / "killed.db"
    with Load(site.ipv4) as load:
        record = Record("--pid", ",".join(map(str, site.pids)), path=path)
        with record:
            began = time.monotonic()
            time.sleep(moment)
            run("requests", path, "--slowest", 3)  # while it is written
            os.kill(record.pid, signal.SIGKILL)
            died = time.monotonic()
        time.sleep(0.1)
    tap.check(f"{name}: the server did not notice", not load.failed, load.failed)
    report, requests = read(path)
    sound(tap, name, report, requests)
    recorded = {request["path"] for request in requests}
    must = [sent for sent, when in load.times.items() if began < when < died - LAST]
    missing = [sent for sent in must if sent not in recorded]
    tap.check(f"{name}: the {len(must)} requests until {LAST} s before are there", not missing, f"{len(missing)} are missing")
    again, _ = read(path)
    tap.check(f"{name}: it reads the same again", again["endpoints"] == report["endpoints"])


def full_disk(tap, site):
    """A recording on a disk that fills: it says so, and ends or goes on without it, but what was written can be read."""
    with small_disk("800k") as disk, Load(site.ipv4, pause=0.001) as load:  # full after some seconds, not in the first
        path = disk / "full.db"
        recorder = subprocess.Popen([WHYWAIT, "record", "-o", str(path), "--keep", "all", "-d", "20",
                                     "--pid", ",".join(map(str, site.pids))], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, text=True)
        _, stderr = recorder.communicate(timeout=40)
        errors = [line for line in stderr.splitlines() if str(path) in line]
        tap.check("full disk: exit status 2", recorder.returncode == 2, f"{recorder.returncode}: {stderr}")
        tap.check("full disk: one line says which file and why", len(errors) == 1 and "full" in errors[0].lower(), stderr)
        report, requests = read(path)
        sound(tap, "full disk", report, requests)
        tap.check("full disk: what was recorded before is there", len(requests) > 100, len(requests))
    tap.check("full disk: the server did not notice", not load.failed, load.failed)


def main():
    tap = Tap()
    draw = random.Random()
    seed = int(os.environ.get("WHYWAIT_TEST_SEED", draw.randrange(1 << 30)))
    tap.note(f"WHYWAIT_TEST_SEED={seed}")
    draw.seed(seed)
    site = start_node()
    try:
        with tempfile.TemporaryDirectory(prefix="whywait-killed-") as name:
            for moment in [*SOON, *(draw.uniform(1.8, 5.0) for _ in range(MOMENTS))]:
                tap.run(f"killed after {moment:.2f} s", killed, tap, site, pathlib.Path(name), moment)
        tap.run("full disk", full_disk, tap, site)
    finally:
        site.stop()
    tap.done()


main()
