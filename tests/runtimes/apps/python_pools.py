# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A WSGI application whose handlers have other threads do their work, ?do= of python_work.py: /submit/NAME a ThreadPoolExecutor's and
waits for its result, /map/NAME the same's, a step each, /thread/NAME one that it makes and joins, /queue/NAME one that takes from a
queue.Queue and answers by another. All the time a thread of nobody's has the same pool and queue do work, too."""
import json
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import python_work

POOL = ThreadPoolExecutor(max_workers=24)
JOBS = queue.Queue()


def _serve():
    while True:
        name, do, reply = JOBS.get()
        python_work.run(name, do)
        reply.put(name)


def _nobodys():
    """Work that no request waits for."""
    while True:
        POOL.submit(python_work.run, "nobody", "redis,sleep:2")
        JOBS.put(("nobody", "redis,sleep:2", queue.Queue()))
        time.sleep(0.02)


python_work.start()
for _ in range(24):
    threading.Thread(target=_serve, daemon=True).start()
threading.Thread(target=_nobodys, daemon=True).start()


def _submit(name, do):
    POOL.submit(python_work.run, name, do).result()


def _map(name, do):
    list(POOL.map(lambda step: python_work.run(name, step), do.split(",")))


def _alone(name, do):
    python_work.run(name, do)
    python_work.leave()


def _thread(name, do):
    thread = threading.Thread(target=_alone, args=(name, do))
    thread.start()
    thread.join()


def _queue(name, do):
    reply = queue.Queue()
    JOBS.put((name, do, reply))
    reply.get()


WAYS = {"submit": _submit, "map": _map, "thread": _thread, "queue": _queue}


def app(environ, start_response):
    path = environ["PATH_INFO"]
    body = b"done\n"
    if path == "/truth":
        body = json.dumps(python_work.ledger()).encode()
    else:
        _, way, name = path.split("/")
        WAYS[way](name, parse_qs(environ["QUERY_STRING"])["do"][0])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
