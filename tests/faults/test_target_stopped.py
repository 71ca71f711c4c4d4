#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""SIGSTOP of the server in the middle of a request, whatever it does just then; and its threads moved from CPU to CPU under load. That time
has a name, and none of it is lost."""
import itertools
import os
import pathlib
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from faults import Served, recorded  # noqa: E402  (the path comes first)
from counts_client import Connection  # noqa: E402
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_gunicorn, start_nginx  # noqa: E402

MS = 1_000_000
WORK_MS = 400
BEGUN_MS = 150  # into the work
STOP_MS = 1000
LATE_MS = 250   # by which this machine may be late with anything
EARLY_MS = 50   # a signal takes effect when its thread gets a CPU; a switch that was not reported is told by what came next


def stopped_ms(request):
    """Milliseconds in which the process is said to have been stopped."""
    return request["detail"].get("other", {}).get("stopped", {"sum_ns": 0})["sum_ns"] / MS


def freeze(pids, seconds):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def expect(exchange, what, holds):
    exchange.expectations.append((what, holds))


def about(ms, truth):
    return truth - EARLY_MS <= ms <= truth + LATE_MS


def in_mid_request(case, site):
    """While it computes, sleeps, waits for more of the request, and before it has read any of it."""
    worker = site.service.worker_pids()
    with Connection(site.ipv4) as connection:
        exchange, data = case.prepare("burn", WORK_MS)
        connection.send(data)
        time.sleep(BEGUN_MS / 1000)
        freeze(worker, STOP_MS / 1000)
        case.answer(connection, exchange)
    expect(exchange, "computing: stopped as long as it was", lambda r: about(stopped_ms(r), STOP_MS))
    expect(exchange, "computing: it computed as long as it meant to", lambda r: about(r["kinds_ns"]["compute"] / MS, WORK_MS))

    with Connection(site.ipv4) as connection:
        exchange, data = case.prepare("sleep", WORK_MS)
        connection.send(data)
        time.sleep(BEGUN_MS / 1000)
        freeze(worker, STOP_MS / 1000)
        case.answer(connection, exchange)
    # Its timer runs on meanwhile.
    expect(exchange, "sleeping: stopped as long as it was", lambda r: about(stopped_ms(r), STOP_MS))
    expect(exchange, "sleeping: it slept before", lambda r: about(r["kinds_ns"]["sleep"] / MS, BEGUN_MS))

    with Connection(site.ipv4) as connection:
        exchange, data = case.prepare("echo", 0, method="POST", body=b"b" * 1000)
        connection.send(data[:-500])
        freezing = threading.Thread(target=freeze, args=(worker, STOP_MS / 1000))
        time.sleep(BEGUN_MS / 1000)
        freezing.start()
        time.sleep(BEGUN_MS / 1000)
        connection.send(data[-500:])
        case.answer(connection, exchange)
        freezing.join()
    expect(exchange, "reading: it waited for its client before", lambda r: about(r["kinds_ns"]["client"] / MS, BEGUN_MS))
    expect(exchange, "reading: stopped as long as it was", lambda r: about(stopped_ms(r), STOP_MS))

    with Connection(site.ipv4) as connection:
        case.request(connection, "size", 16)
    with Connection(site.ipv4) as connection:
        for pid in worker:
            os.kill(pid, signal.SIGSTOP)
        exchange, data = case.prepare("size", 16)
        connection.send(data)
        time.sleep(STOP_MS / 1000)
        for pid in worker:
            os.kill(pid, signal.SIGCONT)
        case.answer(connection, exchange)
    # Nobody has picked it up, or the one who was about to is stopped.
    expect(exchange, "before it was read: queue, or stopped", lambda r: about(stopped_ms(r) + r["kinds_ns"]["queue"] / MS, STOP_MS))


def several_times(case, site):
    """Stopped and continued quickly, in all of what it does."""
    worker = site.service.worker_pids()
    ended = threading.Event()

    def flicker():
        while not ended.is_set():
            freeze(worker, 0.003)
            time.sleep(0.007)

    flickering = threading.Thread(target=flicker)
    flickering.start()
    try:
        for action, argument in 5 * (("burn", 50), ("sleep", 50), ("size", 100000)):
            exchange, _ = case.once(site.ipv4, action, argument)
            expect(exchange, "flickering: it is as long as its kinds", lambda r: sum(r["kinds_ns"].values()) == r["wall_ns"])
            if action == "burn":
                expect(exchange, "flickering: what it computed", lambda r: 40 <= r["kinds_ns"]["compute"] / MS <= 80)
                expect(exchange, "flickering: and was stopped", lambda r: stopped_ms(r) > 5)
    finally:
        ended.set()
        flickering.join()


def stopped(tap):
    ledger = Ledger()
    site = start_gunicorn("sync")
    try:
        with Record("--pid", site.service.pid) as record:
            in_mid_request(ledger.case("stopped"), site)
            several_times(ledger.case("flickering"), site)
    finally:
        site.stop()
    record.check(tap)
    ledger.compare(tap, record.requests)
    named = sum(endpoint["detail"].get("other", {}).get("stopped", {"sum_ns": 0})["sum_ns"] for endpoint in record.report["endpoints"])
    tap.check("the report names it", named > 3 * STOP_MS * MS, f"{named / MS:.0f} ms")


def moved(tap):
    """Each worker, and the observer, is bound to one CPU after the other, hundreds of times a second."""
    site = start_nginx()
    cpus = sorted(os.sched_getaffinity(0))
    moves = 0
    try:
        with Record("--pid", ",".join(map(str, site.pids)), keep=100) as record:
            with Served(site) as load:
                end = time.monotonic() + 3
                for cpu in itertools.cycle(cpus):
                    for pid in (*site.pids, record.pid):
                        os.sched_setaffinity(pid, {cpu})
                    moves += 1
                    if time.monotonic() > end:
                        break
                    time.sleep(0.002)
                for pid in (*site.pids, record.pid):
                    os.sched_setaffinity(pid, cpus)
        load.unharmed(tap, "moved")
    finally:
        site.stop()
    if len(cpus) < 2:
        tap.skip("moved", "there is one CPU only")
    record.check(tap)
    tap.check(f"moved {moves} times: recorded = served", recorded(record.report) == load.requests,
              f"{recorded(record.report)}, {load.requests} served")


def main():
    tap = Tap()
    tap.run("stopped", stopped, tap)
    tap.run("moved", moved, tap)
    tap.done()


main()
