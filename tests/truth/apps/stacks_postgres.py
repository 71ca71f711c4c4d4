# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""stacks_postgres.py PORT DSN: a thread a connection that asks a database in functions known by name, and computes in others."""
import http.server
import sys
import threading
import time

import psycopg2

LOCAL = threading.local()


def ask(sql):
    begun = time.monotonic_ns()
    with LOCAL.database.cursor() as cursor:
        cursor.execute(sql)
        cursor.fetchall()
    return time.monotonic_ns() - begun


def find_items():
    return ask("SELECT 1 FROM pg_sleep(0.02)")


def find_owner():
    return ask("SELECT 1 FROM pg_sleep(0.005)")


def burn(ms):
    begun = time.thread_time_ns()
    while (now := time.thread_time_ns()) - begun < ms * 1_000_000:
        sum(range(500))
    return now - begun


def burn_a():
    return burn(15)


def burn_b():
    return burn(5)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if not hasattr(LOCAL, "database"):
            LOCAL.database = psycopg2.connect(sys.argv[2])
            LOCAL.database.autocommit = True
        body = "".join(f"{work.__name__} {work()}\n" for work in (burn_a, burn_b, find_items, find_owner)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
