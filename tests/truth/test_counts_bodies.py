#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every framing of a message: lengths, chunks, none, wrong ones; counted, and measured to the byte."""
import pathlib
import random
import select
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_cases import cut  # noqa: E402  (the path comes first)
from counts_client import Connection  # noqa: E402
from counts_run import count, slug  # noqa: E402
from counts_servers import STARTERS  # noqa: E402

BODIES = (0, 1, 100, 1023, 8191, 8192, 8193, 65535, 65536, 300000, 1 << 20)
RESPONSES = (0, 1, 16, 1000, 4096, 65536, 300000, 1 << 20)
TEMPTING = b"GET /nowhere/x/0/0 HTTP/1.1\r\nHost: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
# What few servers let through; gunicorn lets anything through that is made of letters, digits, "_" and "-".
RARE = {"node": ("MKCALENDAR", "UNSUBSCRIBE", "M-SEARCH", "NOTIFY"),
        "gunicorn-sync": ("BASELINE-CONTROL", "X-CUSTOM", "LINK_2"),
        "gunicorn-gthread": ("BASELINE-CONTROL", "X-CUSTOM", "LINK_2")}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Line:
    """One connection after the other, as long as each lasts."""

    def __init__(self, site, address=None):
        self.site = site
        self.address = address or site.ipv4
        self.connection = None

    def __call__(self):
        if self.connection and self.site.keeps_alive:
            return self.connection
        self.end()
        self.connection = Connection(self.address)
        return self.connection

    def end(self):
        if self.connection:
            self.connection.close()
            self.connection = None


def bodies(case, site):
    draw = random.Random(1)
    line = Line(site)
    for size in BODIES:
        case.request(line(), "echo", size, site.echo_status, method=site.echo_method, body=draw.randbytes(size))
    for size, chunk in ((0, 1), (1, 1), (2000, 1), (5000, 700), (65536, 8192), (300000, 65536), (1 << 20, 1 << 20)):
        case.request(line(), "echo", size, site.echo_status, method=site.echo_method, body=draw.randbytes(size), chunk=chunk)
    for chunk in (0, 7, 1000):
        case.request(line(), "echo", 0, site.echo_status, method=site.echo_method, body=TEMPTING, chunk=chunk)
    exchange, data = case.prepare("echo", 0, method=site.echo_method, body=b"x" * 50, chunk=20, headers=[("Trailer", "A")])
    data = data[:-2] + b"A: b\r\n\r\n"
    exchange.bytes_in = len(data)
    connection = line()
    connection.send(data)
    case.answer(connection, exchange, site.echo_status)
    line.end()


def responses(case, site):
    line = Line(site)
    for size in RESPONSES:
        case.request(line(), "size", size)
        case.request(line(), "size", size, method="HEAD")
        case.request(line(), "chunked", size)
    line.end()


def without_body(case, site):
    line = Line(site)
    for _ in range(3):
        case.request(line(), "status", 204, 204)
        if site.name == "nginx":
            case.request(line(), "size", 1000, 304, headers=[("If-Modified-Since", "Fri, 31 Dec 2100 00:00:00 GMT")])
        else:
            case.request(line(), "status", 304, 304)
        case.request(line(), "echo", 0, site.echo_status, method=site.echo_method, body=b"")
    line.end()


def response_headers(case, site):
    """Heads of up to 30 KB."""
    with Connection(site.ipv4) as connection:
        for number in (0, 1, 10, 30, 100, 250, 260, 600):
            case.request(connection, "headers", number)


def expect_continue(case, site):
    """The body waits for the interim response, which is not the response."""
    line = Line(site)
    for size in (1, 5000, 300000):
        exchange, data = case.prepare("echo", size, method=site.echo_method, body=b"z" * size,
                                      headers=[("Expect", "100-continue")])
        connection = line()
        connection.send(data[:-size])
        assert select.select([connection.sock], [], [], 5)[0], "no interim response"
        connection.send(data[-size:])
        reply = case.answer(connection, exchange, site.echo_status)
        assert reply.interim == [100], reply.interim
    line.end()


def old_versions(case, site):
    case.once(site.ipv4, "size", 1000, version="1.0")
    if site.name == "http.server":
        return
    case.once(site.ipv4, "chunked", 4096, version="1.0")
    if site.keeps_alive:
        with Connection(site.ipv4) as connection:
            for _ in range(3):
                case.request(connection, "size", 16, version="1.0", headers=[("Connection", "keep-alive")])


def targets_and_methods(case, site):
    line = Line(site)
    case.request(line(), "size", 16, origin="http://localhost")
    case.request(line(), "size", 16, suffix="?token=" + "q" * 1000)
    exchange, _ = case.request(line(), "size", 16, suffix="/" + "a" * 1500)
    exchange.expectations.append(("a long target is cut, and said to be", lambda r: "target_truncated" in r["flags"]))
    case.request(line(), "size", 16, headers=[("Cookie", "c" * 6000)])
    case.request(line(), "size", 16, headers=[(f"X-{n}", "v" * 40) for n in range(80)])
    exchange, _ = case.request(line(), "size", 16, headers=[("traceparent", TRACE)])
    exchange.expectations.append(("the trace context is kept", lambda r: r.get("traceparent") == TRACE))
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
        case.request(line(), "size", 16, 405 if site.name == "nginx" else 200, method=method)
    for method in RARE.get(site.name, ()):
        case.request(line(), "size", 16, method=method)
    case.request(line(), "size", 100, method="GET", body=TEMPTING)
    line.end()


def odd_line_ends(case, site):
    """Bare line feeds."""
    with Connection(site.ipv4) as connection:
        for at in (0, 1, 5, 30):
            exchange, data = case.prepare("size", 16)
            data = data.replace(b"\r\n", b"\n")
            exchange.bytes_in = len(data)
            cut(connection, data, *([len(data) - at] if at else []))
            case.answer(connection, exchange)


def empty_line_first(case, site):
    """A line end before the request line, as some clients send after a body."""
    with Connection(site.ipv4) as connection:
        for _ in range(3):
            exchange, data = case.prepare("size", 16)
            exchange.bytes_in = None  # whose these two bytes are is nobody's concern
            connection.send(b"\r\n" + data)
            case.answer(connection, exchange)


def answered_early(case, site):
    """The response comes before the request's body has been read; what comes late is no request."""
    with Connection(site.ipv4) as connection:
        for size in (100, 300000):
            for cut_at in (0, 60000):
                exchange, data = case.prepare("unread", 0, method="POST", body=(TEMPTING * size)[:size])
                exchange.bytes_in = None  # the account ends with the response
                cut(connection, data, *([len(data) - size + cut_at] if cut_at < size else []))
                case.answer(connection, exchange)
                case.request(connection, "size", 16)


def wrong_lengths(case, site):
    """A response that is shorter than it says is not whole; what comes beyond its length is none of it."""
    for size in (0, 100, 5000):
        exchange, data = case.prepare("short", size)
        exchange.status = 200
        exchange.aborted = True
        with Connection(site.ipv4) as connection:
            connection.send(data)
            exchange.bytes_out = connection.read_to_end()
        exchange, data = case.prepare("long", size)
        exchange.status = 200
        with Connection(site.ipv4) as connection:
            connection.send(data)
            connection.read_to_end()
        exchange, _ = case.once(site.ipv4, "close", size)
        exchange.expectations.append(("its end was its connection's", lambda r: "until_close" in r["flags"]))


def cases(tap, ledger, sites):
    def run(way, *names):
        for site in sites:
            if not names or site.name in names:
                case = ledger.case(f"{slug(site.name)}-{way.__name__.replace('_', '-')}")
                tap.run(case.name, way, case, site)

    for way in (bodies, responses, without_body, expect_continue, old_versions, targets_and_methods):
        run(way)
    run(odd_line_ends, "nginx", "http.server")
    run(empty_line_first, "nginx", "node")
    run(answered_early, "nginx", "http.server")
    run(response_headers, "http.server")
    run(wrong_lengths, "http.server")


count(STARTERS, cases)
