# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A page that computes and waits for about as long each time; PLANTED is a file whose milliseconds it waits longer, of which `errors`
makes one page in ten fail."""
import os
import random
import time

PLANTED = os.environ["PLANTED"]


def app(environ, start_response):
    with open(PLANTED, encoding="ascii") as file:
        planted, _, kind = file.read().partition(" ")
    end = time.thread_time() + random.uniform(0.001, 0.002)
    while time.thread_time() < end:
        pass
    time.sleep(random.uniform(0.008, 0.016) + float(planted) / 1000)
    failed = kind == "errors" and random.random() < 0.1
    start_response("500 Internal Server Error" if failed else "200 OK", [("Content-Length", "2")])
    return [b"ok"]
