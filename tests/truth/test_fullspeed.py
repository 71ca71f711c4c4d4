#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""wrk against nginx as fast as the machine goes: every request that nginx served is counted, and nothing is lost.

WHYWAIT_FULLSPEED_SECONDS sets how long each of the two runs takes (10).
"""
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_load import Status, losing  # noqa: E402  (the path comes first)
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_nginx  # noqa: E402

SECONDS = int(os.environ.get("WHYWAIT_FULLSPEED_SECONDS", "10"))
CONNECTIONS = 64


def wrk(site, path):
    """(requests that wrk counted, requests/s, errors it saw)"""
    text = subprocess.run(["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{SECONDS}", f"http://127.0.0.1:{site.port}{path}"],
                          capture_output=True, text=True, check=True).stdout
    counted = int(re.search(r"(\d+) requests in", text)[1])
    errors = re.findall(r"Socket errors: .*|Non-2xx.*", text)
    return counted, float(re.search(r"Requests/sec: +([\d.]+)", text)[1]), errors


def run(tap, name, sites, path, routes):
    """`sites` serve one route each for every request of wrk: `routes` say which."""
    pids = [pid for site in sites for pid in site.pids]
    statuses = [Status(site) for site in sites]
    before = [status.served() for status in statuses]
    with Record("--pid", ",".join(map(str, pids)), keep=100) as record:
        counted, rate, errors = wrk(sites[0], path)
        end = time.monotonic() + 5
        while any(status.busy() for status in statuses[:1]) and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(0.2)
    truths = [status.served() - served for status, served in zip(statuses, before)]
    record.check(tap)
    tap.note(f"{name}: wrk counted {counted} requests, {rate:.0f}/s; nginx served {truths}")
    tap.check(f"{name}: wrk saw no error", not errors, errors)
    losses = record.report["losses"]
    tap.check(f"{name}: losses are 0", record.report["complete"] is True and not losing(losses), losses)
    for route, truth in zip(routes, truths):
        endpoints = [e for e in record.report["endpoints"] if e["route"] == route]
        recorded = sum(e["requests"] for e in endpoints)
        tap.check(f"{name}: {route}: recorded = served", recorded == truth, f"{recorded} recorded, {truth} served")
        whole = sum(e["status"].get("200", 0) for e in endpoints)
        tap.check(f"{name}: {route}: recorded = what wrk counted, and those in flight at its end",
                  counted <= whole <= counted + CONNECTIONS and recorded - whole <= CONNECTIONS,
                  f"{whole} with status 200 of {recorded}; wrk {counted}")
    for site in sites:
        tap.check(f"{name}: nginx logged no error", not site.service.errors(), "\n".join(site.service.errors()[:5]))


def main():
    tap = Tap()
    back = start_nginx()
    front = start_nginx(
        extra=f"upstream back {{ server 127.0.0.1:{back.port}; keepalive 64; keepalive_requests 100000000; }}",
        locations='location ^~ /proxied/ { proxy_pass http://back/file/; proxy_http_version 1.1; '
                  'proxy_set_header Connection ""; }')
    try:
        tap.run("file", run, tap, "file", [back], "/file/size/1000/x", ["/file/size/{id}/x"])
        tap.run("proxy", run, tap, "proxy", [front, back], "/proxied/size/1000/x",
                ["/proxied/size/{id}/x", "/file/size/{id}/x"])
    finally:
        front.stop()
        back.stop()
    tap.done()


main()
