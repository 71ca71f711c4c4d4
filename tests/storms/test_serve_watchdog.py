#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon's watchdog: with a budget that nothing can keep to it detaches, says so everywhere, and comes back, later each time."""
import json
import os
import pathlib
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "truth" / "apps"))
from counts_servers import free_port  # noqa: E402  (the path comes first)
from serve_daemon import Daemon, Page  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import run  # noqa: E402


def ready(port):
    """What /readyz says: status and text."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def watchdog(tap, directory):
    port, http = free_port(), free_port()
    data = pathlib.Path(directory) / "w.db"
    settings = f"data: {data}\nlisten: 127.0.0.1:{http}\nbackoff: 10s\nselect: {{ports: [{port}]}}\n"
    with Page(port) as page, Daemon(directory, settings + "max_overhead: 0.0001%\n") as serve:
        tap.check("it is ready", ready(http)[0] == 200, ready(http))
        page.ask("/seen", 20)
        line = serve.wait("nothing is observed for")
        tap.check("the log says how much it was, and for how long", "max_overhead" in line and line.endswith("for 10 s"), line)
        status, text = ready(http)
        tap.check("it is not ready, and says why", status == 503 and "max_overhead" in text, text)
        page.ask("/unseen", 20)
        serve.wait("observing, recording into")
        tap.check("it is ready again", ready(http)[0] == 200, ready(http))
        line = serve.wait("nothing is observed for")
        tap.check("the second time it stays away twice as long", line.endswith("for 20 s"), line)
        time.sleep(0.5)
        began = time.monotonic()
        serve.reload(settings)
        serve.wait("observing, recording into")
        tap.check("a budget that is raised ends the pause", time.monotonic() - began < 15, time.monotonic() - began)
        page.ask("/again", 20)
        time.sleep(12)
        tap.check("with a budget of 3 % it stays", ready(http)[0] == 200, ready(http))
        tap.check("it ends well", serve.end() == 0)
    report = json.loads(run("report", data, "--format", "json").stdout)
    found = {endpoint["route"]: endpoint["requests"] for endpoint in report["endpoints"]}
    tap.check("what came meanwhile is not there", found.get("/seen") == 20 and "/unseen" not in found and found.get("/again") == 20, found)
    tap.check("the gap is told", not report["complete"] and 10 <= report["losses"].get("not_observed", 0) <= 60, report["losses"])


def main():
    tap = Tap()
    if os.geteuid():
        tap.skip("the watchdog", "needs root")
    else:
        with tempfile.TemporaryDirectory() as directory:
            tap.run("the watchdog", watchdog, tap, directory)
    tap.done()


if __name__ == "__main__":
    main()
