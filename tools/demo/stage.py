# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the demo and the walk-through play on: visitors (wrk), `whywait record` beside them, and their end."""
import os
import pathlib
import re
import signal
import subprocess
import sys

DEMO = pathlib.Path(__file__).resolve().parent
ROOT = DEMO.parents[1]
sys.path.insert(0, str(ROOT / "tools"))
from services import wait_until  # noqa: E402

WHYWAIT = os.environ.get("WHYWAIT", ROOT / "build/whywait")


class StageError(Exception):
    """What went wrong, and the exit status that says so."""

    def __init__(self, text, status=1):
        super().__init__(text)
        self.status = status


def end(process, how):
    """Ends a process of ours and waits until it has."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def start_visitors(stack, port, groups, seconds):
    """A wrk for each group: how many, the mean pause between two requests in milliseconds, and what they ask for. Returns the
    processes."""
    started = []
    for count, pause, requests in groups:
        visitors = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "wrk", f"-t{count}", f"-c{count}", f"-d{seconds}s", "-s", DEMO / "load.lua",
             f"http://127.0.0.1:{port}", "--", str(pause), *requests], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)
        stack.callback(end, visitors, signal.SIGKILL)
        started.append(visitors)
    return started


def requests_answered(visitors, seconds):
    """What wrk counted, once the visitors are through."""
    total = 0
    for process in visitors:
        text = process.communicate(timeout=seconds + 30)[0]
        found = re.search(r"(\d+) requests in", text)
        if process.returncode or not found:
            raise StageError(f"wrk did not end well:\n{text}")
        failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        if failed:
            raise StageError(f"{failed.group(1)} requests were answered by an error:\n{text}")
        total += int(found.group(1))
    return total


def start_recorder(stack, ports, recording, *arguments):
    """whywait record, ready to see everything that happens from now on."""
    command = ["setpriv", "--pdeathsig", "INT", WHYWAIT, "record", "--port", ",".join(map(str, ports)), "--replace",
               "-o", recording, *arguments]
    said = recording.with_suffix(".log")
    with open(said, "w", encoding="utf-8") as log:
        recorder = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    stack.callback(end, recorder, signal.SIGINT)
    wait_until(lambda: "observing" in said.read_text() or recorder.poll() is not None, 30, "whywait record")
    if recorder.poll() is not None:
        raise StageError(said.read_text().strip(), recorder.returncode)
    return recorder


def observe(stack, recording, seconds, visits, *arguments):
    """Records what the visitors ask of each port for so long; {port: groups of visitors}. Returns how many were answered."""
    recorder = start_recorder(stack, visits, recording, *arguments)
    visitors = [process for port, groups in visits.items() for process in start_visitors(stack, port, groups, seconds)]
    answered = requests_answered(visitors, seconds)
    end(recorder, signal.SIGINT)
    if recorder.returncode:
        raise StageError(f"whywait record: {recording.with_suffix('.log').read_text().strip()}", recorder.returncode)
    return answered
