# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""stacks_threads.py PORT: as stacks_server.c, in Python: answers how long it was in which function."""
import http.server
import select
import sys
import threading
import time

LOCK = threading.Lock()


def burn(ms):
    begun = time.thread_time_ns()
    while (now := time.thread_time_ns()) - begun < ms * 1_000_000:
        sum(range(500))
    return now - begun


def burn_a():
    return burn(15)


def burn_b():
    return burn(5)


def hot_a():
    """This and hot_b are where the time itself is spent."""
    begun, total = time.thread_time_ns(), 0
    while (now := time.thread_time_ns()) - begun < 15_000_000:
        for i in range(2000):
            total += i * total & 7
    return now - begun


def hot_b():
    begun, total = time.thread_time_ns(), 0
    while (now := time.thread_time_ns()) - begun < 5_000_000:
        for i in range(2000):
            total += i * total & 3
    return now - begun


def nap():
    begun = time.monotonic_ns()
    time.sleep(0.003)
    return time.monotonic_ns() - begun


def select_nap():
    """In a function that has more on its stack than is looked at."""
    begun = time.monotonic_ns()
    select.select([], [], [], 0.003)
    return time.monotonic_ns() - begun


def take_lock():
    begun = time.monotonic_ns()
    with LOCK:
        return time.monotonic_ns() - begun


def hold():
    while True:
        with LOCK:
            time.sleep(0.008)
        time.sleep(0.001)


PAGES = {"/mix": (burn_a, burn_b, nap, take_lock), "/hot": (hot_a, hot_b), "/select": (select_nap,)}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = "".join(f"{work.__name__} {work()}\n" for work in PAGES[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


threading.Thread(target=hold, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
