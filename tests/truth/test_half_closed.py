#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Clients that send all their requests and say at once that no more will come: the server reads the end of the stream together with
them, and all of them are counted."""
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_client import Connection  # noqa: E402  (the path comes first)
from counts_run import count, slug  # noqa: E402

MANY = 8
BODY = b"b" * 5000


def half_close(case, address, sends, keeps_alive):
    """`sends`: for each request what prepare() takes. All are in the server's socket, the end behind them, before it reads any."""
    with Connection(address) as connection:
        if keeps_alive:
            case.request(connection, "size", 16)
        yield
        exchanges = []
        for send in sends:
            exchange, data = case.prepare(**send)
            connection.send(data)
            exchanges.append(exchange)
        connection.finish_sending()
        yield
        for exchange in exchanges:
            case.answer(connection, exchange, 200)


def cases(_tap, ledger, sites):
    for site in sites:
        for name, address in (("ipv4", site.ipv4), ("ipv6", site.ipv6), ("unix", site.unix)):
            case = ledger.case(f"half-closed-{slug(site.name)}-{name}")
            shapes = [[{"action": "size", "argument": 16}]]
            if site.pipelines:
                shapes.append([{"action": "size", "argument": 16}] * 3)
            if site.echo_status == 200:
                shapes.append([{"action": "echo", "method": site.echo_method, "body": BODY}])
                shapes.append([{"action": "echo", "method": site.echo_method, "body": BODY, "chunk": 1000}])
            halves = [half_close(case, address, shape, site.keeps_alive) for _ in range(MANY) for shape in shapes]
            for half in halves:
                next(half)
            for pid in site.pids:
                os.kill(pid, signal.SIGSTOP)
            try:
                for half in halves:
                    next(half)
            finally:
                for pid in site.pids:
                    os.kill(pid, signal.SIGCONT)
            for half in halves:
                next(half, None)


# aiohttp answers nobody who has closed his half.
count(["nginx", "gunicorn-sync", "node", "http.server"], cases)
