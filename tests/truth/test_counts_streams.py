#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Responses that take their time: server-sent events, WebSockets, gigabytes by sendfile, slow clients."""
import base64
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_client import Connection  # noqa: E402  (the path comes first)
from counts_ledger import kind_share  # noqa: E402
from counts_run import count, side_by_side, slug  # noqa: E402
from counts_servers import STARTERS  # noqa: E402

MS = 1_000_000
EVENTS = 6                # 50 ms between them
GIGABYTE = 1 << 30
SMALL_BUFFER = 64 * 1024  # the client's, so that the server has to wait for it
UPLOAD = 400_000
# What the server writes beyond the buffers of both sides. Servers that read a whole body first take it as it comes.
DOWNLOAD = 20 << 20
PAUSE = 0.05


def server_sent_events(case, site):
    for version in ("1.1", "1.0"):
        exchange, reply = case.once(site.ipv4, "events", EVENTS, version=version)
        spread = (reply.end - reply.first_byte) * 1000
        assert spread > 40 * (EVENTS - 1), f"the events came within {spread} ms"
        exchange.expectations.append((
            "the first byte is told apart from the last",
            lambda r: 0 < r["first_byte_ns"] < 50 * MS and r["wall_ns"] > 50 * (EVENTS - 1) * MS))


def frame(payload, mask=b"\x01\x02\x03\x04"):
    """A text frame of a WebSocket client."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def websockets(case, site):
    """The account ends at the 101; no frame is a request or part of one, whatever it says."""
    for size in (5, 125, 126, 4000):
        exchange, data = case.prepare("websocket", 0, headers=[
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", base64.b64encode(os.urandom(16)).decode())])
        with Connection(site.ipv4) as connection:
            connection.send(data)
            reply = case.answer(connection, exchange, 101)
            assert reply.headers["upgrade"] == "websocket"
            connection.drop(connection.take(2)[1])  # the frame that looks like HTTP
            time.sleep(0.2)
            for _ in range(5):
                connection.send(frame(b"a" * size))
                connection.drop((2 if size < 126 else 4) + size)
            # Unmasked, so that the bytes are the very ones of a request; the server ends the connection for it.
            connection.send(b"GET /not-a-request-either HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.read_to_end()
        exchange.expectations.append(("the account ends at the 101",
                                      lambda r: r["wall_ns"] < 150 * MS and "upgraded" in r["flags"]))
    case.once(site.ipv4, "size", 16)


def gigabyte(case, site):
    """By sendfile, from a sparse file; twice on one connection."""
    with Connection(site.ipv4) as connection:
        for _ in range(2):
            _, reply = case.request(connection, "size", GIGABYTE)
            assert reply.body == GIGABYTE
            case.request(connection, "size", 16)


def slow_reader(case, site):
    """The client takes a large response in small steps: the server's wait is its client's doing."""
    size = DOWNLOAD if site.name == "nginx" else DOWNLOAD // 2
    exchange, data = case.prepare("size", size)
    with Connection(site.ipv4, receive_buffer=SMALL_BUFFER) as connection:
        connection.send(data)
        reply = connection.reply(body=False)
        taken = 0
        while taken < size:
            step = min(size // 16, size - taken)
            connection.drop(step)
            taken += step
            time.sleep(PAUSE)
    exchange.status = reply.status
    exchange.bytes_out = reply.received + size
    exchange.expectations.append(("a slow reader's time is the client's",
                                  lambda r: kind_share(r, "client") > 0.8 and r["wall_ns"] > 300 * MS))


def slow_writer(case, site):
    """The body comes in pieces."""
    exchange, data = case.prepare("echo", UPLOAD, method=site.echo_method, body=b"u" * UPLOAD)
    with Connection(site.ipv4) as connection:
        step = len(data) // 10 + 1
        for at in range(0, len(data), step):
            connection.send(data[at:at + step])
            time.sleep(PAUSE)
        case.answer(connection, exchange, site.echo_status)
    exchange.expectations.append(("a slow writer's time is the client's",
                                  lambda r: kind_share(r, "client") > 0.8 and r["wall_ns"] > 400 * MS))


def slow_head(case, site):
    """The head comes in pieces."""
    exchange, data = case.prepare("size", 16)
    with Connection(site.ipv4) as connection:
        for at in range(0, len(data), 20):
            connection.send(data[at:at + 20])
            time.sleep(PAUSE)
        case.answer(connection, exchange)
    exchange.expectations.append(("a slow head's time is the client's", lambda r: kind_share(r, "client") > 0.8))


def cases(tap, ledger, sites):
    def run(way, site):
        case = ledger.case(f"{slug(site.name)}-{way.__name__.replace('_', '-')}")
        tap.run(case.name, way, case, site)

    def slow(site):
        if site.name not in ("nginx", "http.server"):
            run(server_sent_events, site)
        for way in (slow_reader, slow_writer, slow_head):
            run(way, site)

    with open(sites["nginx"].service.files / str(GIGABYTE), "wb") as file:
        os.ftruncate(file.fileno(), GIGABYTE)
    run(gigabyte, sites["nginx"])
    run(websockets, sites["aiohttp"])
    side_by_side(sites, slow)


count(STARTERS, cases)
