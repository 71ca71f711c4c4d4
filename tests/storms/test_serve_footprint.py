#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the daemon takes before nginx with 1,000 routes at some 10,000 requests/s: memory in all (footprint.py), and CPU time in user
space. Every request is counted. Prints a line of docs/serve.md's table."""
import os
import pathlib
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / part) for part in ("faults", "lib", "truth/apps", "bench", "../tools")]

import footprint  # noqa: E402  (the path comes first)
from faults import lost  # noqa: E402
from counts_load import Wrk  # noqa: E402
from counts_servers import free_port, start_nginx  # noqa: E402
from procfs import run_ns  # noqa: E402
from serve_daemon import Daemon, ask, requests_of  # noqa: E402
from tap import Tap  # noqa: E402

MIB = 1 << 20
MOST_MIB = 64
MOST_CPU = 0.03  # of one CPU
SECONDS, ASK_S = 60, 10
ROUTES, CONNECTIONS = 1000, 64
DELAY_MS = 6  # of each connection, between an answer and the next request
BUSY = 8000  # requests/s from which on it is what is promised
SETTINGS = """data: {data}
listen: 127.0.0.1:{http}
user: nobody
max_overhead: 20%
limits: {{routes: 2500}}
select: {{ports: [{port}]}}
"""


def measure(tap, serve, http):
    """Every ten seconds, right after /metrics, the most of it."""
    pid, most = serve.process.pid, {"all": 0}
    began, cpu = time.monotonic(), run_ns([pid])
    while time.monotonic() - began < SECONDS:
        time.sleep(ASK_S)
        ask(http, "/metrics")
        parts = footprint.in_all(pid)
        tap.note(", ".join(f"{part} {size / MIB:.1f} MiB" for part, size in parts.items()))
        most = max(most, parts, key=lambda one: one["all"])
    return most, (run_ns([pid]) - cpu) / 1e9 / (time.monotonic() - began)


def under_load(tap, directory):
    nginx, http = start_nginx(locations="location ~ ^/[a-z]+$ { return 200 ok; }"), free_port()
    settings = SETTINGS.format(data=pathlib.Path(directory) / "data" / "w.db", http=http, port=nginx.port)
    try:
        with Daemon(directory, settings) as serve:
            with Wrk(nginx.port, "/", CONNECTIONS, TESTS / "bench/routes.lua",
                     {**os.environ, "ROUTES": str(ROUTES), "DELAY_MS": str(DELAY_MS)}) as load:
                most, cpu = measure(tap, serve, http)
            time.sleep(2)
            counted, losses = requests_of(ask(http, "/metrics"))
            tap.check("it ends well", serve.end() == 0, serve.log.read_text())
    finally:
        nginx.stop()
    tap.note(f"{load.rate:.0f} requests/s, {100 * cpu:.1f} % of one CPU in user space, {most['all'] / MIB:.1f} MiB")
    tap.check("every request is counted", load.counted <= counted <= load.counted + 2 * CONNECTIONS and not lost({"losses": losses}),
              f"{load.counted} answered, {counted} counted, lost {losses}")
    if load.rate < BUSY:
        tap.skip("memory and CPU time", f"this machine is too slow or too busy for {BUSY} requests/s: what is promised was not tried")
        return
    tap.check(f"it takes {MOST_MIB} MiB in all at most", most["all"] <= MOST_MIB * MIB,
              ", ".join(f"{part} {size / MIB:.1f}" for part, size in most.items()))
    tap.check(f"and {100 * MOST_CPU:.0f} % of a CPU", cpu <= MOST_CPU, f"{100 * cpu:.2f} %")


def main():
    tap = Tap()
    if os.geteuid():
        tap.skip("the footprint", "needs root")
    else:
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            tap.run("the footprint", under_load, tap, directory)
    tap.done()


if __name__ == "__main__":
    main()
