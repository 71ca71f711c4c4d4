# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A WSGI application whose handlers call operations_upstream.py ($UPSTREAM_PORT) and answer with a ledger of what they did
(operations_ledger.py).

/HANDLER/NUMBER, where HANDLER is one of the functions below.
"""
import http.client
import json
import os

from operations_ledger import Ledger

HOST = f"127.0.0.1:{os.environ['UPSTREAM_PORT']}"
connections = {}


def connection(ledger):
    """The one that is kept; it makes itself with the first call."""
    if "kept" not in connections:
        connections["kept"] = http.client.HTTPConnection(HOST)
        ledger.add("http", "connect", "connect")
    return connections["kept"]


def ask(kept, method, path, body=None):
    kept.request(method, path, body=body, headers={"X-Request-Id": "1234"})
    with kept.getresponse() as answer:
        answer.read()


def call(ledger, kept, method, kind, number, error="", body=None, **entry):
    ledger.timed(lambda: ask(kept, method, f"/{kind}/{number}?secret=42", body), "http", f"{method} {HOST} /{kind}/{{id}}",
                 "read" if method in ("GET", "HEAD") else "write", error=error, **entry)


def simple(ledger, number):
    kept = connection(ledger)
    for kind in ("small", "big", "chunked", "headers", "small"):
        call(ledger, kept, "GET", kind, number)
    call(ledger, kept, "HEAD", "big", number)
    call(ledger, kept, "POST", "small", number, body="x" * 10)
    call(ledger, kept, "POST", "big", number, body="x" * 100000)


def errors(ledger, number):
    kept = connection(ledger)
    call(ledger, kept, "GET", "missing", number, error="404")
    call(ledger, kept, "POST", "failed", number, error="503", body="x")
    call(ledger, kept, "GET", "small", number)


def once(ledger, number):
    """Connections for a single call, one of which ends its answer."""
    for kind in ("small", "close"):
        ledger.add("http", "connect", "connect")
        own = http.client.HTTPConnection(HOST)
        call(ledger, own, "GET", kind, number)
        own.close()


def slow(ledger, number):
    kept = connection(ledger)
    call(ledger, kept, "GET", "delay", 20 + number, least_ns=(20 + number) * 1_000_000)


HANDLERS = {function.__name__: function for function in (simple, errors, once, slow)}


def app(environ, start_response):
    _, name, number = environ["PATH_INFO"].split("/")
    ledger = Ledger()
    HANDLERS[name](ledger, int(number))
    body = json.dumps(ledger).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
