#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Another program gets the process id of one that was observed: neither is taken for the other, and who selected the first does not get the
second."""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from faults import HERE  # noqa: E402  (the path comes first)
from counts_client import Connection, Gone  # noqa: E402
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_threading  # noqa: E402
from services import Node, Python, ServiceError, accepts, free_port  # noqa: E402

APPS = HERE.parent / "truth" / "apps"
LAST_PID = pathlib.Path("/proc/sys/kernel/ns_last_pid")
TRIES = 20
GENERATIONS = 3


def start_as(pid, make):
    """make().start(), as the process of that id: others start processes, too, so it takes some tries."""
    for _ in range(TRIES):
        server = make()
        LAST_PID.write_text(str(pid - 1))
        server.start()
        if server.pid == pid:
            return server
        server.stop()
    raise ServiceError(f"process {pid}: somebody else always got the id")


def threads_server(port):
    return Python(APPS / "counts_threading.py", f"127.0.0.1:{port}", port=port)


def node_server(port, directory):
    unix = f"{directory}/http-{time.monotonic_ns()}.sock"  # one that was stopped leaves its own
    return Node(APPS / "counts_node.js", f"127.0.0.1:{port}", f"[::1]:{free_port()}", unix, port=port,
                ready=lambda: accepts(("127.0.0.1", port)))


def work(case, port, count=10):
    for _ in range(count):
        case.once(("127.0.0.1", port), "size", 16)


def die_in_mid_request(case, server, port):
    """Its last request is ended by SIGKILL; the client keeps its connection."""
    connection = Connection(("127.0.0.1", port))
    exchange, data = case.prepare("sleep", 5000)
    exchange.aborted = True
    exchange.expectations.append(("its time ends with the process", lambda r: r["wall_ns"] < 2e9))
    connection.send(data)
    time.sleep(0.1)
    os.kill(server.pid, signal.SIGKILL)
    try:
        connection.reply()
    except (Gone, OSError):
        pass
    server.stop()
    return connection


def by_port(tap, directory):
    ports = [free_port(), free_port()]
    ledger = Ledger()
    pids, services = set(), {}
    server = threads_server(ports[0])
    with Record("--port", ",".join(map(str, ports))) as record:
        try:
            server.start()
            pid = server.pid
            for number in range(GENERATIONS):
                name = f"generation-{number}"
                case = ledger.case(name)
                port = ports[number % 2]
                pids.add(server.pid)
                work(case, port)
                connection = die_in_mid_request(case, server, port)
                port = ports[(number + 1) % 2]
                following = (lambda: node_server(port, directory)) if number % 2 == 0 else (lambda: threads_server(port))
                server = start_as(pid, following)
                connection.close()
        finally:
            server.stop()
    record.check(tap)
    ledger.compare(tap, record.requests)
    tap.check("all of them had one process id", len(pids) == 1 and {r["pid"] for r in record.requests} == pids, pids)
    for request in record.requests:
        services.setdefault(request["path"].split("/")[1], set()).add(request["service"].split(":")[0])
    expected = {f"generation-{number}": {"counts_threading.py" if number % 2 == 0 else "counts_node.js"} for number in range(GENERATIONS)}
    tap.check("each was the service that it was", services == expected, f"{services}, not {expected}")


def by_pid(tap, directory):
    """Beside one that lives on, so that observation does."""
    ledger = Ledger()
    steady = start_threading()
    port = free_port()
    server = threads_server(port).start()
    pid = server.pid
    try:
        with Record("--pid", f"{server.pid},{steady.service.pid}") as record:
            work(ledger.case("selected"), port)
            server.stop()
            server = start_as(pid, lambda: node_server(port, directory))
            case = ledger.case("not-selected")
            work(case, port)
            for exchange in case.exchanges:
                exchange.absent = True
            work(ledger.case("beside"), steady.port)
    finally:
        server.stop()
        steady.stop()
    record.check(tap)
    ledger.compare(tap, record.requests)


def main():
    tap = Tap()
    if not os.access(LAST_PID, os.W_OK):
        tap.skip("process ids", f"{LAST_PID} can't be written: a kernel without CONFIG_CHECKPOINT_RESTORE")
        tap.done()
    site = start_threading()  # for its directory
    try:
        tap.run("by port", by_port, tap, site.directory.name)
        tap.run("by pid", by_pid, tap, site.directory.name)
    finally:
        site.stop()
    tap.done()


main()
