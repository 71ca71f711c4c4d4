#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record` that is stopped for seconds under load, and one whose clock is set: what the ring could not hold is counted, every account
that it could is whole."""
import mmap
import os
import pathlib
import signal
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from faults import Served, built, lost, recorded  # noqa: E402  (the path comes first)
from counts_client import Connection  # noqa: E402
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_nginx, start_threading  # noqa: E402
from procfs import cpu_ns  # noqa: E402
from whywait import run  # noqa: E402

STALL_S = 5
SLOW_MS = 500


def stall(record, seconds):
    os.kill(record.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(record.pid, signal.SIGCONT)


def under_load(tap, site):
    """More ends within the stall than the ring holds."""
    with Record("--pid", ",".join(map(str, site.pids)), keep=100) as record:
        with Served(site) as load:
            time.sleep(0.5)
            stall(record, STALL_S)
            time.sleep(1)
    load.unharmed(tap, "stalled under load")
    record.check(tap, complete=False)
    report = record.report
    full = report["losses"].get("account_ring_full", 0)
    tap.check("stalled under load: provoked", full > 1000, report["losses"])
    tap.check("stalled under load: recorded + lost = served", recorded(report) + full == load.requests,
              f"{recorded(report)} + {full}, {load.requests} served")
    tap.check("stalled under load: nothing else is lost", lost(report) == full, report["losses"])
    tap.check("stalled under load: every output says so", report["complete"] is False and "account_ring_full" in record.stderr and
              "NOT COMPLETE" in run("report", record.path).stdout, record.stderr)


def with_little_to_do(tap, site):
    """Nothing is lost when the ring holds what ends meanwhile; requests that begin before the stall or end after it are whole."""
    ledger = Ledger()
    case = ledger.case("stalled")
    slow = ledger.case("stalled-slow")
    with Record("--pid", site.service.pid) as record:
        with Connection(site.ipv4) as across, Connection(site.ipv4) as beside:
            os.kill(record.pid, signal.SIGSTOP)
            for _ in range(3):
                exchange, _ = slow.request(across, "sleep", SLOW_MS)
                exchange.expectations.append(("they took as long as they slept",
                                              lambda r: SLOW_MS * 1e6 <= r["wall_ns"] < 4 * SLOW_MS * 1e6))
                for _ in range(50):
                    case.request(beside, "size", 16)
            exchange, data = slow.prepare("sleep", SLOW_MS)
            across.send(data)
            os.kill(record.pid, signal.SIGCONT)
            slow.answer(across, exchange)
    record.check(tap)
    ledger.compare(tap, record.requests)


class Clock:
    """A CLOCK_REALTIME of `record`'s own, which is set like a host's: that of this host is everybody's."""

    def __init__(self, library, directory):
        self.path = pathlib.Path(directory, "offset")
        self.path.write_bytes(bytes(8))
        with open(self.path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(library), "WHYWAIT_TEST_CLOCK": str(self.path)}

    def set(self, seconds):
        """So far from the host's."""
        self.memory[:] = struct.pack("q", round(seconds * 1e9))


def clock_steps(tap, site):
    """Set forward and back, by less and more than a second and than an interval of the recording."""
    ledger = Ledger()
    case = ledger.case("clock")
    with built("clock", "-shared", "-fPIC") as library, tempfile.TemporaryDirectory(prefix="whywait-clock-") as directory:
        clock = Clock(library, directory)
        os.environ.update(clock.environment)
        try:
            record = Record("--pid", site.service.pid)
            record.__enter__()
        finally:
            for name in clock.environment:
                del os.environ[name]
        cpu = cpu_ns([record.pid])
        began, began_unix = time.monotonic(), time.time()
        for offset in (7, -8.5, 0.4, 3600, -3600):
            clock.set(offset)
            end = time.monotonic() + 0.7
            with Connection(site.ipv4) as connection:
                while time.monotonic() < end:
                    case.request(connection, "size", 16)
                    time.sleep(0.01)
        took = time.monotonic() - began
        cpu = cpu_ns([record.pid]) - cpu
        has = [str(path) in pathlib.Path(f"/proc/{record.pid}/maps").read_text() for path in (library, clock.path)]
        record.__exit__()
    tap.check("clock: it had that clock", all(has), has)
    record.check(tap)
    ledger.compare(tap, record.requests)
    times = {request["path"]: request["start"] for request in record.requests}
    order = [times.get(exchange.path) for exchange in case.exchanges]
    tap.check("clock: the requests' times are in the order in which they were sent", order == sorted(order), order[:3])
    window = record.report["window"]
    tap.check("clock: the recording is as long as it took", took <= window["duration_s"] < took + 3, f"{window}, took {took:.1f} s")
    first = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(began_unix)), time.strftime("%Y-%m-%dT%H:%M", time.gmtime(began_unix + took))
    tap.check("clock: its times go on from when it began", order[0][:16] in first and order[-1][:16] in first, (order[0], order[-1]))
    tap.check("clock: it waits as before", cpu < 0.1e9 * took, f"{cpu / 1e6:.0f} ms of CPU time in {took:.1f} s")


def main():
    tap = Tap()
    nginx, threading = start_nginx(), start_threading()
    try:
        tap.run("under load", under_load, tap, nginx)
        tap.run("with little to do", with_little_to_do, tap, threading)
        tap.run("clock steps", clock_steps, tap, threading)
    finally:
        nginx.stop()
        threading.stop()
    tap.done()


main()
