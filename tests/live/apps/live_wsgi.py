# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the live suites ask for: pages that wait for Redis, sleep, compute and fail, and routes with hostile names."""
import os
import time

import redis

cache = redis.Redis("127.0.0.1", port=int(os.environ["REDIS_PORT"]))


def work(path):
    if path.startswith("/items/"):
        for number in range(20):
            cache.get(f"item {number}")
    elif path.startswith("/slow/"):
        time.sleep(0.03)
    elif path.startswith("/compute/"):
        sum(number * number for number in range(100_000))
    return "500 Internal Server Error" if path.startswith("/fail") else "200 OK"


def app(environ, start_response):
    status = work(environ["PATH_INFO"])
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\n"]
