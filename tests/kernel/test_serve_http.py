#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the daemon tells over HTTP of a real server's requests: metrics, API and the recording say the same."""
import http.client
import json
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))

from serving import Serve  # noqa: E402
from services import Python, wait_until  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import KINDS, run  # noqa: E402

REQUESTS = 25
SAMPLE = re.compile(r'^(\w+)\{(.*)\} (\S+)$')


def samples(text):
    """{(name, labels as a sorted tuple): value as text}"""
    found = {}
    for line in text.splitlines():
        if match := SAMPLE.match(line):
            key = match.group(1), tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2))))
            assert key not in found, f"{key} twice"
            found[key] = match.group(3)
    return found


def ns(text):
    """Of seconds with all their digits."""
    whole, _, digits = text.partition(".")
    return int(whole) * 10**9 + int(digits.ljust(9, "0"))


def of(found, name, **labels):
    return {key: value for key, value in found.items() if key[0] == name and labels.items() <= dict(key[1]).items()}


def main():
    tap = Tap()
    with Python(ROOT / "tests/truth/apps/threads_httpserver.py") as web, Serve("--port", web.port) as daemon:
        connection = http.client.HTTPConnection("127.0.0.1", web.port)
        for number in range(REQUESTS):
            connection.request("GET", f"/do/sleep/4/{number}")
            connection.getresponse().read()
        connection.close()
        wait_until(lambda: sum(map(int, of(samples(daemon.get("/metrics")[2]), "whywait_requests_total").values())) >= REQUESTS, 10, "metrics")
        found = samples(daemon.get("/metrics")[2])
        told = daemon.api("endpoints")
        report = json.loads(run("report", daemon.recording, "--format", "json").stdout)["endpoints"]
        requests = daemon.api("requests", limit=5)["requests"]
        tap.check("there is one endpoint", len(report) == len(told["endpoints"]) == 1, told)
        e, t = report[0], told["endpoints"][0]
        tap.check("with every request", e["requests"] == t["requests"] == REQUESTS, (e["requests"], t["requests"]))
        tap.check("of status 200", list(of(found, "whywait_requests_total", status="200").values()) == [str(REQUESTS)], found)
        kinds = {dict(key[1])["kind"]: ns(value) for key, value in of(found, "whywait_request_seconds_total").items()}
        tap.check("metrics have the report's time, to the nanosecond", kinds == {kind: e["kinds_ns"][kind]["sum"] for kind in KINDS}, kinds)
        tap.check("and so has the API", dict(zip(KINDS, t["kinds_ns"])) == kinds, t)
        total = [ns(value) for value in of(found, "whywait_request_duration_seconds_sum").values()]
        tap.check("the kinds add up to the histogram's sum", total == [sum(kinds.values())] == [e["wall_ns"]["sum"]], total)
        buckets = [int(value) for value in of(found, "whywait_request_duration_seconds_bucket").values()]
        tap.check("its buckets only grow, to all requests", buckets == sorted(buckets) and buckets[-1] == REQUESTS and len(buckets) == 15, buckets)
        tap.check("the slowest requests come first", len(requests) == 5 and [r["wall_ns"] for r in requests] == sorted((r["wall_ns"] for r in requests), reverse=True))
        tap.check("their kinds add up", all(sum(r["kinds_ns"].values()) == r["wall_ns"] for r in requests))
        series = daemon.api("series", last=300)["steps"]
        tap.check("so does the series", sum(step["requests"] for step in series) == REQUESTS, series)
        page = daemon.get("/")
        tap.check("there is a page, of one origin", page[0] == 200 and "connect-src 'self'" in page[1]["Content-Security-Policy"] and "https://" not in page[2], page[1])
        began = time.monotonic()
    tap.check("it ends soon", time.monotonic() - began < 5)
    tap.done()


main()
