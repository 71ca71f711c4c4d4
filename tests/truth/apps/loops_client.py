#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sends GET requests over keep-alive connections to 127.0.0.1 and tells when each was sent and answered.

loops_client.py PORT < PLAN: the plan is JSON, a list of [in flight, gap in ms, [[name, target], ..]]; one part runs after the
other, each over connections of its own. Prints JSON: {name: [sent, answered]}, CLOCK_MONOTONIC nanoseconds.

The server's load on the CPUs does not delay its clock: it runs at real-time priority where it may, and a response is there when
the kernel says that its last segment came in.
"""
import json
import os
import selectors
import socket
import struct
import sys
import time

SO_TIMESTAMPNS = 35


def receive(connection):
    """The bytes that are there, and when the last of them came in."""
    data, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(16))
    if not data:
        raise SystemExit("loops_client: the server closed a connection")
    if not ancillary:
        return data, time.monotonic_ns()  # the kernel begins to stamp a moment after it was asked to
    (_, _, stamp), = ancillary
    seconds, ns = struct.unpack("qq", stamp)
    return data, seconds * 1_000_000_000 + ns - (time.time_ns() - time.monotonic_ns())


def whole(data):
    """Whether a response with Content-Length is complete."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    status, *fields = head.lower().split(b"\r\n")
    if status.split()[1] != b"200":
        raise SystemExit(f"loops_client: {data.decode(errors='replace')}")
    length, = (int(field.split(b":")[1]) for field in fields if field.startswith(b"content-length:"))
    return len(body) == length


def run(port, in_flight, gap_ms, requests, times):
    requests = iter(requests)
    with selectors.EpollSelector() as selector:

        def send(connection, data):
            for name, target in requests:
                message = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
                time.sleep(gap_ms / 1000)
                data.clear()
                times[name] = [time.monotonic_ns()]
                connection.send(message)
                return name
            selector.unregister(connection)
            connection.close()
            return None

        current = {}
        for _ in range(in_flight):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            data = bytearray()
            selector.register(connection, selectors.EVENT_READ, data)
            current[connection] = send(connection, data)
        while selector.get_map():
            for key, _ in selector.select():
                received, when = receive(key.fileobj)
                key.data.extend(received)
                if whole(bytes(key.data)):
                    times[current[key.fileobj]].append(when)
                    current[key.fileobj] = send(key.fileobj, key.data)


def main():
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except PermissionError:
        pass
    times = {}
    for part in json.load(sys.stdin):
        run(int(sys.argv[1]), *part, times)
    json.dump(times, sys.stdout)


main()
