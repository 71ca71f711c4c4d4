# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A WSGI application whose handlers look names up, as the C library does, and answer with a ledger of what they did
(operations_ledger.py).

/HANDLER/NUMBER, where HANDLER is one of the functions below.
"""
import json
import socket

from operations_ledger import Ledger


def look_up(name, family):
    try:
        socket.getaddrinfo(name, 5432, family, socket.SOCK_STREAM)
    except socket.gaierror:
        pass


def one(ledger, number):
    ledger.timed(lambda: look_up("db.internal", socket.AF_INET), "dns", "A db.internal", "read")


def both(ledger, number):
    """Asked at the same time, on one socket."""
    look_up("db.internal", socket.AF_UNSPEC)
    ledger.add("dns", "A db.internal", "read")
    ledger.add("dns", "AAAA db.internal", "read pipelined")


def missing(ledger, number):
    ledger.timed(lambda: look_up("none.internal", socket.AF_INET), "dns", "A none.internal", "read", error="NXDOMAIN")
    ledger.timed(lambda: look_up("elsewhere.example", socket.AF_INET), "dns", "A elsewhere.example", "read", error="REFUSED")


HANDLERS = {function.__name__: function for function in (one, both, missing)}


def app(environ, start_response):
    _, name, number = environ["PATH_INFO"].split("/")
    ledger = Ledger()
    HANDLERS[name](ledger, int(number))
    body = json.dumps(ledger).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
