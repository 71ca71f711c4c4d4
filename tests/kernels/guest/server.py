#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The server of checks.py: /PLAN/.. does one operation and answers what it took: {"least_ns": .., "most_ns": ..}; /drop/.. closes instead.

A thread per connection on 127.0.0.1:$PORT and the unix socket $UNIX; one thread for all on 127.0.0.1:$SINGLE and $SINGLE_UNIX.
"""
import gc
import http.client
import http.server
import json
import os
import socket
import socketserver
import threading
import time

import psycopg2

SLOW = float(os.environ.get("SLOW", "1"))  # how much slower this machine is than what the times are meant for
WAIT = 0.08 * SLOW  # seconds that an operation waits
HOLD = 0.1 * SLOW   # that the request in front of a queued one takes


def compute():
    end = time.thread_time() + 0.04
    while time.thread_time() < end:
        pass


def collect():
    gc.disable()
    objects = [[] for _ in range(20000)]
    end = time.thread_time() + 0.04
    while time.thread_time() < end:
        gc.collect()
    del objects
    gc.enable()


def disk():
    with open(f"{os.environ['SCRATCH']}/{threading.get_native_id()}", "wb") as file:
        for _ in range(5):  # one by itself may be over before it is waited for
            file.write(b"d" * 1_000_000)
            os.fsync(file.fileno())


def query(dsn):
    connection = CONNECTIONS.get(dsn) or CONNECTIONS.setdefault(dsn, psycopg2.connect(dsn))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_sleep({WAIT})")
        cursor.fetchall()
    connection.commit()


def net():
    upstream = http.client.HTTPConnection("127.0.0.1", int(os.environ["UPSTREAM"]))
    upstream.request("GET", f"/delay/{WAIT * 1000}/2")
    upstream.getresponse().read()
    upstream.close()


def lock():
    """A lock that another thread holds: its waiter is woken by a futex."""
    held = threading.Lock()
    held.acquire()
    threading.Timer(WAIT, held.release).start()
    with held:
        pass


def ipc():
    reader, writer = os.pipe()
    threading.Timer(WAIT, os.write, (writer, b"x")).start()
    os.read(reader, 1)
    os.close(reader)
    os.close(writer)


PLANS = {"compute": (compute, 0.04), "gc": (collect, 0.036), "sleep": (lambda: time.sleep(WAIT), WAIT), "disk": (disk, 0),
         "db": (lambda: query(os.environ["DSN"]), WAIT), "db-unix": (lambda: query(os.environ["UNIX_DSN"]), WAIT),
         "net": (net, WAIT), "lock": (lock, WAIT), "ipc": (ipc, WAIT), "client": (lambda: None, WAIT / 2),
         "queue": (lambda: None, HOLD / 2), "before": (lambda: time.sleep(HOLD), HOLD), "drop": (lambda: None, 0)}
# Time of these is spent outside of the handler as well.
OUTSIDE = ("compute", "client", "queue")
CONNECTIONS = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        self.disable_nagle_algorithm = self.server.address_family != socket.AF_UNIX
        super().setup()

    def do_GET(self):
        plan = self.path.split("/")[1]
        work, least = PLANS[plan]
        began = time.monotonic_ns()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        work()
        if plan == "drop":
            self.close_connection = True
            return
        took = {"least_ns": int(least * 1e9) if plan != "disk" else 1}
        if plan not in OUTSIDE:
            took["most_ns"] = time.monotonic_ns() - began
        body = json.dumps(took).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    do_POST = do_GET

    def address_string(self):
        return "client"

    def log_message(self, *_):
        pass


class UnixServer(socketserver.UnixStreamServer):
    request_queue_size = 16


class ThreadingUnixServer(socketserver.ThreadingMixIn, UnixServer):
    daemon_threads = True


def serve(kind, address):
    threading.Thread(target=kind(address, Handler).serve_forever, daemon=True).start()


serve(ThreadingUnixServer, os.environ["UNIX"])
serve(UnixServer, os.environ["SINGLE_UNIX"])
serve(http.server.HTTPServer, ("127.0.0.1", int(os.environ["SINGLE"])))
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
