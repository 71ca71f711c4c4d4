#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Processes and workers that start, fork, exec, are killed and end while they are observed, under steady requests."""
import http.client
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_client import Connection, Gone  # noqa: E402  (the path comes first)
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import free_port, start_gunicorn, start_threading, wait_until  # noqa: E402
from counts_steady import Steady  # noqa: E402
from services import Server, accepts, descendants  # noqa: E402


def workers(gunicorn, number):
    """Waits until there are so many, each at work."""
    wait_until(lambda: len(gunicorn.worker_pids()) == number, 10, f"{number} workers")
    time.sleep(0.3)


def more_and_fewer(tap, ledger, site):
    """TTIN twice, TTOU, HUP (all workers anew), under load: every request is counted, whoever answered it."""
    gunicorn = site.service
    before = set(gunicorn.worker_pids())
    with Steady(ledger.case("more-and-fewer"), site.ipv4) as steady:
        for number, name in ((2, signal.SIGTTIN), (3, signal.SIGTTIN), (2, signal.SIGTTOU)):
            os.kill(gunicorn.pid, name)
            workers(gunicorn, number)
        os.kill(gunicorn.pid, signal.SIGHUP)
        wait_until(lambda: not before & set(gunicorn.worker_pids()), 10, "the old worker's end")
        time.sleep(0.5)
    tap.check("no request failed while workers came and went", not steady.failed, "\n".join(steady.failed[:5]))
    tap.check("several workers answered", len(steady.pids) >= 3, steady.pids)
    return steady.pids


def killed(tap, ledger, site):
    """kill -9 of a worker in the middle of a request: recorded as aborted; its successor's requests are counted."""
    gunicorn = site.service
    os.kill(gunicorn.pid, signal.SIGTTOU)
    workers(gunicorn, 1)
    case = ledger.case("killed")
    for _ in range(3):
        (worker,) = gunicorn.worker_pids()
        exchange, data = case.prepare("sleep", 5000)
        exchange.aborted = True
        exchange.expectations.append(("its time ends with the worker", lambda r: 100e6 < r["wall_ns"] < 1500e6))
        connection = Connection(site.ipv4)
        connection.send(data)
        time.sleep(0.2)
        os.kill(worker, signal.SIGKILL)
        try:
            connection.reply()
            tap.check("a killed worker does not answer", False)
        except (Gone, OSError):
            pass
        wait_until(lambda old=worker: gunicorn.worker_pids() and old not in gunicorn.worker_pids(), 10, "a new worker")
        for _ in range(5):
            case.once(site.ipv4, "size", 16)


def new_binary(tap, ledger, site):
    """USR2: the master forks and executes itself anew; then the old one ends."""
    gunicorn = site.service
    old = set(gunicorn.worker_pids())
    os.kill(gunicorn.pid, signal.SIGUSR2)

    def new_workers():
        return {pid for child in descendants(gunicorn.pid) for pid in descendants(child)} - old

    wait_until(new_workers, 10, "the new master's workers")
    time.sleep(0.5)
    with Steady(ledger.case("new-binary"), site.ipv4) as steady:
        time.sleep(0.5)
        successors = new_workers()
        os.kill(gunicorn.pid, signal.SIGTERM)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in old), 10, "the old workers' end")
        time.sleep(0.5)
    tap.check("no request failed while the binary was replaced", not steady.failed, "\n".join(steady.failed[:5]))
    tap.check("the new workers answered", steady.pids & successors, steady.pids)


class Late(Server):
    """A shell that becomes a server by exec, some time after it has started."""

    name = "late"

    def prepare(self):
        script = pathlib.Path(__file__).resolve().parent / "apps" / "counts_threading.py"
        self.argv = ["sh", "-c", f"sleep 0.3; exec /usr/bin/python3 {script} 127.0.0.1:{self.port}"]


def started_later(tap, ledger, port):
    """A server that starts while it is observed already, and ends before observation does."""
    case = ledger.case("started-later")
    with Late(port=port):
        for _ in range(20):
            case.once(("127.0.0.1", port), "size", 16)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.connect()
    tap.check("it has ended", not accepts(("127.0.0.1", port)))


def main():
    tap = Tap()
    ledger = Ledger()
    site = start_gunicorn("sync", arguments=["--graceful-timeout", "5"])
    beside = start_threading()
    late_port = free_port()
    try:
        with Record("--port", f"{site.port},{late_port}") as record:
            tap.run("more and fewer workers", more_and_fewer, tap, ledger, site)
            tap.run("killed workers", killed, tap, ledger, site)
            tap.run("a new binary", new_binary, tap, ledger, site)
            tap.run("a server that starts later", started_later, tap, ledger, late_port)
            ledger.case("not-selected").once(beside.ipv4, "size", 16)[0].absent = True
    finally:
        site.stop()
        beside.stop()
    record.check(tap)
    ledger.compare(tap, record.requests)
    services = {request["service"] for request in record.requests if not request["path"].startswith("/started-later")}
    tap.check("all workers were one service", len(services) == 1, services)

    # The same by process: its children are meant, too, those that come later included.
    ledger = Ledger()
    site = start_gunicorn("sync")
    try:
        with Record("--pid", site.service.pid) as record:
            pids = more_and_fewer(tap, ledger, site)
    finally:
        site.stop()
    record.check(tap)
    ledger.compare(tap, record.requests)
    tap.check("selected by the master's pid, all workers' requests are there", {r["pid"] for r in record.requests} == pids,
              f"{pids} answered")
    tap.done()


main()
