#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record --allocations`: what a C server and one of CPython counted themselves is what is told, request for request where the
window is open all the time, on the mean where there are short ones."""
import http.client
import json
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parents[2] / "tools")]

from services import Gunicorn, Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record, run  # noqa: E402

APPS = pathlib.Path(__file__).resolve().parent / "apps"


def wait_for(port):
    """Until somebody listens there."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as connection:
            if not connection.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)


def build(directory, name, *flags, as_name=None):
    made = pathlib.Path(directory, as_name or name)
    subprocess.run(["gcc", "-O1", "-g", "-fno-builtin", *flags, "-o", made, APPS / f"{name}.c"], check=True)
    return made


class Client:
    """One connection, and what was answered on it by endpoint: [(calls, ns or calls between)]."""

    def __init__(self, port):
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.answers = {}

    def get(self, name, calls):
        self.connection.request("GET", f"/{name}/{calls}")
        answer = tuple(map(int, self.connection.getresponse().read().split()))
        self.answers.setdefault(f"/{name}/{{id}}", []).append(answer)
        return answer


def told(record):
    return {endpoint["route"]: endpoint.get("allocations") for endpoint in record.report["endpoints"]}


def mean(numbers):
    return sum(numbers) / len(numbers)


tap = Tap()
with tempfile.TemporaryDirectory() as directory:
    program = build(directory, "allocations_server", "-pthread")
    port = free_port()
    next_program = build(directory, "allocations_server", "-pthread", "-static", as_name="static_server")
    with Server([program, str(port)], port=port, env={"NEXT": str(next_program)}):
        client = Client(port)
        # The process is known by its first answer, and its probes come with the next look.
        with Record("--port", port, "--allocations=all") as record:
            client.get("first", 1)
            time.sleep(0.5)
            for name, calls in (("none", 0), ("few", 7), ("some", 100), ("many", 3000)) * 10:
                client.get(name, calls)
        record.check(tap)
        counts = told(record)
        for name, calls in (("none", 0), ("few", 7), ("some", 100), ("many", 3000)):
            tap.check(f"all the time: {calls} calls a request are told", counts[f"/{name}/{{id}}"] ==
                      {"requests": 10, "per_request": float(calls)}, counts)
        text = run("report", record.path, "--endpoint", "*many*").stdout
        tap.check("the table tells them", "3000 allocations" in text or "3,000 allocations" in text, text[:300])
        text = run("report", record.path, "--baseline").stdout
        tap.check("so does the baseline", "| net | allocations |" in text and "| 3,000 |" in text, text)

        # The same process as another program, whose malloc() is its own: it was linked statically.
        with Record("--port", port, "--allocations=all") as record:
            client.get("first", 1)
            time.sleep(0.5)
            client.get("exec", 0)
            client.connection.close()
            time.sleep(0.3)  # the old one listens no longer
            wait_for(port)
            client.get("first", 1)
            time.sleep(1)
            for _ in range(10):
                client.get("after", 7)
        tap.check("a process that runs another program is known anew", told(record)["/after/{id}"] ==
                  {"requests": 10, "per_request": 7.0}, told(record))

        # Requests that allocate more take longer, so fewer of them lie within a window.
        draw = random.Random(7)
        windows = []
        for _ in range(2):
            client.answers.clear()
            with Record("--port", port, "--allocations=25%") as record:
                end = time.monotonic() + 8
                while time.monotonic() < end:
                    client.get("mixed", draw.randrange(1, 1500))
                    time.sleep(0.001)
            record.check(tap)
            windows.append(record.path)
        counted, answers = told(record)["/mixed/{id}"], client.answers["/mixed/{id}"]
        real = mean([calls for calls, _ in answers])
        tap.check("in windows: a part of the requests is counted", 0.02 * len(answers) < counted["requests"] < 0.4 * len(answers),
                  (counted, len(answers)))
        tap.check("and stands for all of them", abs(counted["per_request"] / real - 1) < 0.15, (counted, real))
        figure = json.loads(run("compare", *windows, "--format", "json").stdout)["endpoints"][0]["figures"]["allocations"]
        tap.check("compare has them, with how far they may be off", figure["certainty"] in ("noise", "same")
                  and figure["change_low"] < figure["change"] < figure["change_high"], figure)

        with Record("--port", port) as record:
            client.get("mixed", 100)
        tap.check("without the option nothing is told", told(record)["/mixed/{id}"] is None, told(record))

    shim = build(directory, "allocations_shim", "-shared", "-fPIC")
    with Gunicorn("allocations_wsgi:app", cwd=APPS, env={"SHIM": str(shim)}) as web:
        answers = {}

        def ask(name, calls):
            # gunicorn's sync worker ends the connection with the answer.
            client = Client(web.port)
            answers.setdefault(f"/{name}/{{id}}", []).append(client.get(name, calls))
            client.connection.close()

        with Record("--port", web.port, "--allocations=all") as record:
            ask("first", 1)
            time.sleep(0.5)
            for name, calls in (("none", 0), ("many", 3000)) * 10:
                ask(name, calls)
        record.check(tap)
        counts = told(record)
        for name in ("none", "many"):
            own, between = (mean(numbers) for numbers in zip(*answers[f"/{name}/{{id}}"][1:]))
            found = counts[f"/{name}/{{id}}"]["per_request"]
            # Between them other libraries ask for some of their own.
            tap.check(f"CPython, {name}: what its handler asked of the C library, and little more than came between two handlers",
                      own <= found <= between + 20, (own, found, between))
tap.done()
