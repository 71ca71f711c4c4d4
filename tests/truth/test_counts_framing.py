#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Spellings of a message's framing that are allowed and rare; tunnels, and targets that are no path."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_client import Connection  # noqa: E402  (the path comes first)
from counts_run import count, slug  # noqa: E402

BODY = b"GET /nowhere/x/0/0 HTTP/1.1\r\n\r\n"
# Header lines and body of a request; {n} is the body's length.
LENGTHS = (
    "content-LENGTH: {n}\r\n",
    "Content-Length:{n}\r\n",
    "Content-Length:    {n}   \r\n",
    "Content-Length: 000{n}\r\n",
    "X-Empty:\r\nContent-Length: {n}\r\nX-Empty:\r\n",
    "Content-Lengths: 5\r\nContent-Length: {n}\r\nContent-Lengt: 6\r\n",
)
CHUNKED = (
    ("transfer-encoding: CHUNKED\r\n", b"%x\r\n%s\r\n0\r\n\r\n"),
    ("TRANSFER-ENCODING:chunked\r\n", b"%X\r\n%s\r\n000\r\n\r\n"),
    ("Transfer-Encoding: chunked \r\n", b"000%X;name=value\r\n%s\r\n0;last\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nX-Transfer-Encoding: identity\r\n",
     b'%x;a="b;c"\r\n%s\r\n0\r\nTrailer: x\r\nAnother: y\r\n\r\n'),
)
# Only http.server takes these: the coding goes before the length, and chunked is the last of several codings.
LAST_CODING = (
    ("Transfer-Encoding: gzip, chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n"),
    ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"%x\r\n%s\r\n0\r\n\r\n"),
)


def send(case, site, connection, lines, body):
    path = case.path("echo")
    exchange = case.sent("POST", path)
    data = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode() + body
    exchange.bytes_in = connection.send(data)
    case.answer(connection, exchange, site.echo_status)
    case.request(connection, "size", 16)


def lengths(case, site):
    with Connection(site.ipv4) as connection:
        for lines in LENGTHS:
            send(case, site, connection, lines.format(n=len(BODY)), BODY)


def codings(case, site):
    with Connection(site.ipv4) as connection:
        for lines, form in CHUNKED + (LAST_CODING if site.name == "http.server" else ()):
            send(case, site, connection, lines, form % (len(BODY), BODY))


def head_of_chunked(case, site):
    """HEAD of what GET would give in chunks: no body, whatever the head says."""
    with Connection(site.ipv4) as connection:
        for _ in range(3):
            case.request(connection, "chunked", 5000, method="HEAD")
            case.request(connection, "chunked", 5000)


def asterisk(case, site):
    """OPTIONS of the server as a whole."""
    exchange = case.sent("OPTIONS", "*")
    exchange.routed = False
    with Connection(site.ipv4) as connection:
        exchange.bytes_in = connection.send(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n")
        case.answer(connection, exchange, 204)
        case.request(connection, "size", 16)


def tunnel(case, site):
    """The account of a CONNECT ends when its tunnel opens; what goes through it is none of the server's requests."""
    for number in range(3):
        exchange = case.sent("CONNECT", f"host-{number}.example:443")
        exchange.routed = False
        exchange.expectations.append(("it ends at the tunnel's beginning",
                                      lambda r: "upgraded" in r["flags"] and r["wall_ns"] < 150_000_000))
        with Connection(site.ipv4) as connection:
            exchange.bytes_in = connection.send(f"CONNECT {exchange.path} HTTP/1.1\r\nHost: {exchange.path}\r\n\r\n".encode())
            reply = connection.reply(body=False)
            exchange.status, exchange.bytes_out = reply.status, reply.received
            time.sleep(0.2)
            for inner in (b"GET /not-a-request/through/the/tunnel HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00"):
                connection.send(inner)
                connection.drop(len(inner))
    case.once(site.ipv4, "size", 16)


def cases(tap, ledger, sites):
    def run(way, *names):
        for site in sites:
            if site.name in names:
                case = ledger.case(f"{slug(site.name)}-{way.__name__.replace('_', '-')}")
                tap.run(case.name, way, case, site)

    run(lengths, "node", "gunicorn-gthread", "http.server")
    run(codings, "node", "http.server")
    run(head_of_chunked, "node")
    run(asterisk, "http.server")
    run(tunnel, "http.server")


count(("node", "gunicorn-gthread", "http.server"), cases)
