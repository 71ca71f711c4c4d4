#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`capacity` from a recording at a fraction of the load: the rate at which it says that the workers saturate, against the rate that
they serve when more clients than workers ask all the time."""
import http.client
import json
import pathlib
import sys
import tempfile
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parents[2] / "tools")]

from services import Gunicorn  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record, run  # noqa: E402

APPS = pathlib.Path(__file__).resolve().parents[1] / "truth/apps"
WORKERS, PLANTED_MS, SECONDS = 3, 40, 5


def drive(port, clients, seconds, pause=0.0):
    """Each client asks again as soon as it has its answer and has paused; returns the answers per second."""
    counts = [0] * clients
    end = time.monotonic() + seconds

    def client(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        time.sleep(pause * number / clients)
        while time.monotonic() < end:
            connection.request("GET", f"/page/{number}")
            connection.getresponse().read()
            counts[number] += 1
            time.sleep(pause)
        connection.close()
    began = time.monotonic()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)


tap = Tap()
with tempfile.TemporaryDirectory() as directory:
    planted = pathlib.Path(directory, "planted")
    planted.write_text(str(PLANTED_MS))
    with Gunicorn("compare_wsgi:app", cwd=APPS, workers=WORKERS, env={"PLANTED": str(planted)}) as web:
        with Record("--port", web.port) as record:
            calm = drive(web.port, WORKERS, SECONDS, pause=0.1)
        full = drive(web.port, 3 * WORKERS, SECONDS)

status = run("capacity", record.path, "--rate", calm, "--format", "json")
plan = json.loads(status.stdout)
service = plan["services"][0]
tap.check("each worker was seen", service["threads"] == WORKERS and service["threads_are"] == "workers", service)
tap.check("workers saturate first", service["saturates_first"] == "workers", service)
predicted = service["saturates_at_per_s"]
tap.check("at the rate at which they do, within 15 %", abs(predicted / full - 1) < 0.15,
          f"predicted {predicted:.1f}/s, measured {full:.1f}/s, from {calm:.1f}/s")
tap.note(f"predicted {predicted:.1f}/s, measured {full:.1f}/s, from {calm:.1f}/s")
held = sum(request["wall_ns"] - request["kinds_ns"]["queue"] - request["kinds_ns"]["runq"] for request in record.requests) / 1e9
tap.check("at the recorded rate it holds as many workers as it did", abs(service["held"] - held / record.report["window"]["duration_s"]
          * calm / service["recorded_per_s"]) < 0.01, (service["held"], held))
text = run("capacity", record.path, "--rate", 2 * full).stdout
tap.check("twice as many can not be served", "can NOT be served" in " ".join(text.split()), text)
tap.check("within 80 columns", max(map(len, text.splitlines())) <= 80, text)
tap.note(text)
tap.done()
