# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The counted application for WSGI servers: /CASE/ACTION/ARGUMENT/NUMBER."""
import hashlib
import os
import time


def size(argument, environ, start):
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", argument)])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"x" * int(argument)]


def chunked(argument, _environ, start):
    """Without a length: in chunks for HTTP/1.1, until close for HTTP/1.0."""
    start("200 OK", [("Content-Type", "text/plain")])
    return (b"x" * min(997, int(argument) - at) for at in range(0, int(argument), 997))


def echo(_argument, environ, start):
    """Answers with the length of the body that it read."""
    count = 0
    while data := environ["wsgi.input"].read(8192):
        count += len(data)
    text = b"%d" % count
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text]


def status(argument, _environ, start):
    start(f"{argument} As asked", [] if argument in ("204", "304") else [("Content-Length", "0")])
    return []


def sleep(argument, environ, start):
    time.sleep(int(argument) / 1000)
    return size("16", environ, start)


def events(argument, _environ, start):
    """Server-sent events, one each 50 ms."""
    start("200 OK", [("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache")])

    def stream():
        for number in range(int(argument)):
            if number:
                time.sleep(0.05)
            yield b"data: %d\n\n" % number

    return stream()


def burn(argument, environ, start):
    """Computes for so many milliseconds of CPU time."""
    end = time.thread_time() + int(argument) / 1000
    while time.thread_time() < end:
        hashlib.sha256(b"x" * 4096).digest()
    return size("16", environ, start)


def pid(_argument, _environ, start):
    text = b"%d" % os.getpid()
    start("200 OK", [("Content-Length", str(len(text)))])
    return [text]


ACTIONS = {"size": size, "chunked": chunked, "echo": echo, "status": status, "sleep": sleep, "events": events,
           "burn": burn, "pid": pid}


def app(environ, start):
    parts = environ["PATH_INFO"].split("/")
    action = ACTIONS.get(parts[2] if len(parts) > 2 else "")
    if not action:
        return status("404", environ, start)
    return action(parts[3], environ, start)
