#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""As many short-lived connections as this machine gives, ten thousand idle ones, and a process for each: every request is counted, and what
was kept of connections and processes goes with them.

WHYWAIT_STORM_SECONDS sets how long the first and the last take (6).
"""
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from faults import PATH, built, recorded  # noqa: E402  (the path comes first)
from counts_client import Connection, allow_many_sockets, head  # noqa: E402
from counts_load import Status  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import Nginx, free_port, start_nginx  # noqa: E402
from procfs import memory  # noqa: E402
from services import Server  # noqa: E402

SECONDS = int(os.environ.get("WHYWAIT_STORM_SECONDS", "6"))
AT_ONCE = 64
IDLE = 10000
MIB = 1 << 20


def churn(program, port, path, connections=AT_ONCE):
    """(responses, failures, responses per second)"""
    began = time.monotonic()
    text = subprocess.run([program, str(port), str(SECONDS * 1000), str(connections), path], capture_output=True, text=True,
                          check=True).stdout
    answered, failed = map(int, text.split())
    return answered, failed, answered / (time.monotonic() - began)


def short_lived(tap, program):
    site = start_nginx()
    status = Status(site)
    try:
        before = status.served()
        with Record("--port", site.port, keep=10) as record:
            answered, failed, rate = churn(program, site.port, PATH)
            time.sleep(0.3)
        served = status.served() - before
        tap.check("short-lived: nginx logged no error", not site.service.errors(), site.service.errors()[:5])
    finally:
        site.stop()
    tap.note(f"{answered} connections, {rate:.0f}/s")
    tap.check("short-lived: the service did not notice", answered and not failed, f"{answered} answered, {failed} failed")
    record.check(tap)
    tap.check(f"short-lived: all of {served} requests are recorded", recorded(record.report) == served == answered,
              f"{recorded(record.report)} recorded, {served} served, {answered} answered")


class Roomy(Nginx):
    conf = Nginx.conf.replace("worker_connections 4096", f"worker_connections {2 * IDLE}").replace(
        "worker_rlimit_nofile 8192", f"worker_rlimit_nofile {2 * IDLE}").replace("access_log off;", "access_log off; keepalive_timeout 300;")


def idle(tap):
    """Each is used once, waits, and is used again."""
    nginx = Roomy().start()
    request = head("GET", PATH)
    connections, failed = [], []
    try:
        with Record("--pid", ",".join(map(str, nginx.pids())), keep=10) as record:
            for _ in range(IDLE):
                connection = Connection(("127.0.0.1", nginx.port))
                connection.send(request)
                failed += [status for status in [connection.reply().status] if status != 200]
                connections.append(connection)
            resident = memory(record.pid)["rss"]
            time.sleep(3)  # some sweeps
            for connection in connections:
                connection.send(request)
            for connection in connections:
                failed += [status for status in [connection.reply().status] if status != 200]
            again = memory(record.pid)["rss"]
            for connection in connections:
                connection.close()
            time.sleep(1.5)
        tap.check("idle: nginx logged no error", not nginx.errors(), nginx.errors()[:5])
    finally:
        nginx.stop()
    tap.check("idle: the service did not notice", not failed, failed[:5])
    record.check(tap)
    tap.check(f"idle: both requests of each of {IDLE} connections are recorded", recorded(record.report) == 2 * IDLE,
              recorded(record.report))
    # It knows nothing of idle connections: what the kernel keeps goes with the socket.
    tap.check(f"idle: its memory does not grow by them: {resident / MIB:.1f} MiB, then {again / MIB:.1f}", again - resident < 4 * MIB)


def forks(tap, churner, server, selection):
    """A server that starts a process for every connection, while another program starts some for nothing."""
    port = free_port()
    with Server([server, "forks", str(port)], port=port) as service:
        # /bin/true does nothing, as often as it can be started.
        storm = subprocess.Popen(["sh", "-c", "while :; do ( : ); done"])
        try:
            select = ("--pid", service.pid) if selection == "pid" else ("--port", port)
            with Record(*select, keep=10) as record:
                began = int(pathlib.Path("/proc/stat").read_text().partition("\nprocesses ")[2].split()[0])
                answered, failed, rate = churn(churner, port, "/forked/size/16/0", 16)
                started = int(pathlib.Path("/proc/stat").read_text().partition("\nprocesses ")[2].split()[0]) - began
                resident = memory(record.pid)["rss"]
                time.sleep(1.2)
        finally:
            storm.kill()
            storm.wait()
    name = f"forks, by {selection}"
    tap.note(f"{name}: {rate:.0f} requests/s in processes of their own, {started / SECONDS:.0f} processes/s on this host")
    tap.check(f"{name}: the service did not notice", answered and not failed, f"{answered} answered, {failed} failed")
    record.check(tap)
    tap.check(f"{name}: all of {answered} requests are recorded", recorded(record.report) == answered, recorded(record.report))
    services = {request["service"] for request in record.requests}
    tap.check(f"{name}: they are one service", len(services) == 1, services)
    tap.check(f"{name}: its memory stays small: {resident / MIB:.1f} MiB", resident < 48 * MIB, json.dumps(record.report["services"]))


def main():
    allow_many_sockets(IDLE + 100)
    tap = Tap()
    with built("churn") as churner, built("server", "-pthread") as server:
        tap.run("short-lived", short_lived, tap, churner)
        tap.run("idle", idle, tap)
        for selection in ("pid", "port"):
            tap.run("forks", forks, tap, churner, server, selection)
    tap.done()


main()
