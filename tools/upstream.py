#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An HTTP/1.1 server on 127.0.0.1:$PORT that answers after a known delay.

GET /delay/MS/SIZE answers 200 with SIZE bytes MS milliseconds (a decimal number) after the request's head was read; the
headers X-Delay-Ns and X-Sent-Ns say how long it really took, and when it was over (CLOCK_MONOTONIC). Anything else is 404.
Connections are kept alive unless the client asks otherwise. A thread per connection, which sleeps: event loops round their
timers up to a millisecond.
"""
import os
import socket
import threading
import time


def answer(head):
    """The response to a request head, after its delay."""
    began = time.monotonic_ns()
    target = head.split(b" ", 2)[1].decode("latin-1")
    try:
        _, word, ms, size = target.split("/")
        if word != "delay":
            raise ValueError
        time.sleep(float(ms) / 1000)
        status, body = "200 OK", b"x" * int(size)
    except ValueError:
        status, body = "404 Not Found", b""
    now = time.monotonic_ns()
    return (f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nX-Delay-Ns: {now - began}\r\nX-Sent-Ns: {now}\r\n\r\n"
            .encode() + body)


def serve(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = b""
    with connection:
        while True:
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                try:
                    more = connection.recv(65536)
                except ConnectionError:
                    return
                if not more:
                    return
                data += more
                continue
            data = rest
            try:
                connection.sendall(answer(head))
            except ConnectionError:
                return
            if b"connection: close" in head.lower():
                return


def main():
    with socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=1024) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
