#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Requests are counted, and their bytes, by whichever system calls a server reads and writes, in pieces of any size."""
import contextlib
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_client import Connection  # noqa: E402  (the path comes first)
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import HERE, Python, free_port  # noqa: E402
from counts_syscalls import READS, WRITES  # noqa: E402

SIZES = (1, 50, 3000, 100_000)
HEADERS = [("X-Content-Length", "5"), ("X-Long", "l" * 1500), ("Accept", "*/*")]


def requests(case, address):
    with Connection(address) as connection:
        for size in SIZES:
            case.request(connection, "size", size, headers=HEADERS)
            case.request(connection, "size", size, method="POST", body=b"b" * size)
            waiting = [case.prepare("size", size) for _ in range(5)]
            connection.send(b"".join(data for _, data in waiting))
            for exchange, _ in waiting:
                case.answer(connection, exchange)


def main():
    tap = Tap()
    ledger = Ledger()
    pairs = [(read, "send") for read in READS] + [("recv", write) for write in WRITES if write != "send"]
    with contextlib.ExitStack() as stack:
        servers = {}
        for read, write in pairs:
            port = free_port()
            service = Python(HERE / "counts_syscalls.py", f"127.0.0.1:{port}", read, write, port=port)
            servers[read, write] = stack.enter_context(service)
        with Record("--pid", ",".join(str(service.pid) for service in servers.values())) as record:
            for (read, write), service in servers.items():
                case = ledger.case(f"{read}-{write}")
                tap.run(case.name, requests, case, ("127.0.0.1", service.port))
    record.check(tap)
    ledger.compare(tap, record.requests)
    tap.done()


main()
