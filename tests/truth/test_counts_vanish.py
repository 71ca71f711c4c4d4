#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Clients that vanish in the middle of a request, by FIN and by RST: recorded once, as aborted, and nobody else suffers."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_cases import SETTLE  # noqa: E402  (the path comes first)
from counts_client import Connection, Gone  # noqa: E402
from counts_run import count, side_by_side, slug  # noqa: E402
from counts_servers import STARTERS  # noqa: E402

TIMES = 4  # each way, on each server
LARGE = 20 << 20
DEPTH = 150

# These answer what was cut short: to http.server and gunicorn the client's FIN is the end of the head or of the body; Node
# says 400. Their response may be whole.
FIN_ENDS_HEAD = ("http.server", "node")
FIN_ENDS_BODY = ("http.server", "gunicorn-sync", "gunicorn-gthread", "node")


def leave(connection, how):
    time.sleep(SETTLE)
    if how == "rst":
        connection.reset()
    else:
        connection.close()
    time.sleep(SETTLE)


def in_the_request_line(case, site, address, how):
    """Nobody can tell what it was to be: it is no request. The next client's is."""
    for cut_at in (1, 3, 10, 40):
        connection = Connection(address)
        connection.send(b"GET /not-a-request/while/its/line/has/no/end"[:cut_at])
        leave(connection, how)
    case.once(address, "size", 16)


def in_the_head(case, site, address, how):
    for _ in range(TIMES):
        exchange, data = case.prepare("size", 16)
        connection = Connection(address)
        exchange.bytes_in = connection.send(data[:data.index(b"\r\n") + 8])
        exchange.aborted = None if how != "rst" and site.name in FIN_ENDS_HEAD else True
        leave(connection, how)
    case.once(address, "size", 16)


def in_the_second_head(case, site, address, how):
    """The first request of the connection is whole."""
    for _ in range(TIMES):
        connection = Connection(address)
        case.request(connection, "size", 16)
        exchange, data = case.prepare("size", 16)
        exchange.bytes_in = connection.send(data[:-4])
        exchange.aborted = None if how != "rst" and site.name in FIN_ENDS_HEAD else True
        leave(connection, how)
    case.once(address, "size", 16)


def in_the_body(case, site, address, how):
    for _ in range(TIMES):
        exchange, data = case.prepare("echo", 0, method=site.echo_method, body=b"b" * 5000)
        connection = Connection(address)
        exchange.bytes_in = connection.send(data[:-2000])
        exchange.aborted = None if how != "rst" and site.name in FIN_ENDS_BODY else True
        leave(connection, how)
    case.once(address, "size", 16)


def while_it_is_worked_on(case, site, address, how):
    """After a FIN the server may hand over its whole response all the same; after an RST it can't."""
    for _ in range(TIMES):
        exchange, data = case.prepare("sleep", 120)
        connection = Connection(address)
        connection.send(data)
        exchange.aborted = None if how != "rst" else True
        leave(connection, how)
    time.sleep(0.2)
    case.once(address, "size", 16)


def in_the_response(case, site, address, how):
    for _ in range(TIMES):
        exchange, data = case.prepare("size", LARGE)
        with Connection(address, receive_buffer=65536) as connection:
            connection.send(data)
            exchange.status = connection.reply(body=False).status
            connection.drop(100_000)
            leave(connection, how)
        exchange.aborted = True
    case.once(address, "size", 16)


def behind_each_other(case, site, address, how):
    """Many pipelined requests, none of them answered yet. Node reads them all, and works on all at once."""
    connection = Connection(address)
    for _ in range(DEPTH):
        exchange, data = case.prepare("sleep", 300)
        exchange.aborted = True
        connection.send(data)
    time.sleep(0.1)
    leave(connection, how)
    time.sleep(0.5)
    case.once(address, "size", 16)


def half_closed(case, site):
    """A client that has said all it will, and listens: nothing is aborted."""
    for _ in range(TIMES):
        exchange, data = case.prepare("size", 1000)
        with Connection(site.ipv4) as connection:
            connection.send(data)
            connection.finish_sending()
            try:
                case.answer(connection, exchange)
            except (AssertionError, Gone):
                exchange.aborted = None  # the server took it for the end: asyncio does


# Each with the servers that it makes no sense for.
WAYS = {
    in_the_request_line: (),
    in_the_head: (),
    in_the_second_head: ("gunicorn-sync",),
    in_the_body: (),
    while_it_is_worked_on: ("nginx",),
    in_the_response: (),
    behind_each_other: ("nginx", "gunicorn-sync", "gunicorn-gthread", "aiohttp", "http.server"),
}


def cases(tap, ledger, sites):
    def work(site):
        for way, but in WAYS.items():
            # A unix socket has no RST; what is left unread when it is closed makes no difference to these.
            for address, how in ((site.ipv4, "fin"), (site.ipv4, "rst"), (site.unix, "unix")):
                if site.name not in but:
                    case = ledger.case(f"{slug(site.name)}-{way.__name__.replace('_', '-')}-{how}")
                    tap.run(case.name, way, case, site, address, how)
        case = ledger.case(f"{slug(site.name)}-half-closed")
        tap.run(case.name, half_closed, case, site)

    side_by_side(sites, work)
    time.sleep(2.5)  # the end of a unix socket is only found by looking, once a second


count(STARTERS, cases, report=False)
