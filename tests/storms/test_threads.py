#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A server with 2,000 threads that all work at the same time: each request has its own time."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from faults import built  # noqa: E402  (the path comes first)
from counts_client import Connection, allow_many_sockets  # noqa: E402
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from services import Server, free_port  # noqa: E402

THREADS = 2000
ROUNDS = 3
SLEEP_MS = 1500


def slept(request):
    return request["kinds_ns"]["sleep"] >= (SLEEP_MS - 1) * 1e6


def storm(tap, server):
    ledger = Ledger()
    case = ledger.case("threads")
    port = free_port()
    with Server([server, "threads", str(port), str(THREADS)], port=port) as service:
        with Record("--pid", service.pid) as record:
            connections = [Connection(("127.0.0.1", port)) for _ in range(THREADS)]
            for number in range(ROUNDS):
                sent = []
                for connection in connections:
                    exchange, data = case.prepare("sleep" if number == 0 else "size", SLEEP_MS)
                    if number == 0:
                        exchange.expectations.append(("it slept as long as it meant to", slept))
                    connection.send(data)
                    sent.append(exchange)
                for connection, exchange in zip(connections, sent):
                    case.answer(connection, exchange)
            threads = len(list(pathlib.Path(f"/proc/{service.pid}/task").iterdir()))
            for connection in connections:
                connection.close()
            time.sleep(1.2)
    record.check(tap)
    ledger.compare(tap, record.requests)
    tap.check(f"there were {threads} threads", threads == THREADS)
    tids = {request["tid"] for request in record.requests}
    tap.check("each of them answered", len(tids) == THREADS, len(tids))
    flights = max(endpoint["in_flight"]["max"] for endpoint in record.report["endpoints"])
    tap.check("all were in flight at the same time", flights > THREADS * 0.9, flights)
    wrong = [request for request in record.requests if request["attribution"] != "exact"]
    tap.check("whose time it was is exact", not wrong, wrong[:2])


def main():
    allow_many_sockets(THREADS + 100)
    tap = Tap()
    with built("server", "-pthread") as server:
        tap.run("threads", storm, tap, server)
    tap.done()


main()
