#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Heads and chunk framing cut at every byte boundary, in requests and in responses."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_cases import cut_everywhere  # noqa: E402  (the path comes first)
from counts_client import Connection  # noqa: E402
from counts_run import count, slug  # noqa: E402
from counts_servers import STARTERS  # noqa: E402

# A header that ends in the name of another one, and one that carries it as its value.
DECOYS = [("X-Content-Length", "7"), ("X-Note", "Content-Length: 9"), ("Accept", "*/*")]


def heads(case, site):
    """A client for each byte boundary of a request with a body."""
    def one():
        exchange, data = case.prepare("echo", 0, method=site.echo_method, headers=DECOYS, body=b"12345")
        return [exchange], data

    # A sync worker reads one head at a time, and waits for it.
    cut_everywhere(case, site.ipv4, together=site.name != "gunicorn-sync", prepare=one, status=site.echo_status)


def request_chunks(case, site):
    """A chunked body, cut everywhere, with what looks like a request inside."""
    def one():
        exchange, data = case.prepare("echo", 0, method=site.echo_method, body=b"GET /x HTTP/1.1\r\n\r\n0\r\n\r\n", chunk=16)
        return [exchange], data

    cut_everywhere(case, site.ipv4, together=site.name != "gunicorn-sync", prepare=one, status=site.echo_status)


def byte_by_byte(case, site):
    """A whole request a byte at a time, twice on one connection where it stays open."""
    with Connection(site.ipv4) as connection:
        for _ in range(2 if site.keeps_alive else 1):
            exchange, data = case.prepare("echo", 0, method=site.echo_method, headers=DECOYS, body=b"12345")
            for at in range(len(data)):
                connection.send(data[at:at + 1])
                time.sleep(0.0005)
            case.answer(connection, exchange, site.echo_status)


def responses(case, site, action, status, length):
    """A response cut by its server at each place, followed by another on the same connection."""
    with Connection(site.ipv4) as connection:
        for place in range(length):
            case.request(connection, action, place, status)
            if not place % 10:
                case.request(connection, "size", 16)


def cases(tap, ledger, sites):
    for site in sites:
        for way in (heads, request_chunks, byte_by_byte):
            case = ledger.case(f"{slug(site.name)}-{way.__name__.replace('_', '-')}")
            tap.run(case.name, way, case, site)
    for action, status, length in (("split", 200, 68), ("splitchunked", 200, 82), ("splitinterim", 404, 88),
                                   ("split204", 204, 49), ("split304", 304, 62), ("bare", 200, 38), ("plain", 200, 73),
                                   ("upper", 200, 119)):
        case = ledger.case(f"responses-{action}")
        tap.run(case.name, responses, case, sites["http.server"], action, status, length)


count(STARTERS, cases)
