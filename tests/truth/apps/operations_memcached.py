# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A WSGI application whose handlers ask a real memcached ($MEMCACHED_PORT) and answer with a ledger of what they did
(operations_ledger.py).

/HANDLER/NUMBER, where HANDLER is one of the functions below.
"""
import json
import os
import threading

import pymemcache

from operations_ledger import Ledger

ADDRESS = ("127.0.0.1", int(os.environ["MEMCACHED_PORT"]))
local = threading.local()


def simple(ledger, m, number):
    ledger.timed(lambda: m.set(f"user:{number}", "x" * 500), "memcached", "set", "write", statement="set user:?")
    for i in range(5):
        ledger.timed(lambda i=i: m.get(f"user:{i}"), "memcached", "get", "read", statement="get user:?")
    ledger.timed(lambda: m.get_many(["user:1", "user:2", "none"]), "memcached", "get", "read", statement="get user:? ..")
    ledger.timed(lambda: m.incr(f"none:{number}", 1), "memcached", "incr", "write", statement="incr none:?")
    ledger.timed(lambda: m.delete(f"user:{number}"), "memcached", "delete", "write", statement="delete user:?")
    ledger.timed(m.version, "memcached", "version", "control")


def large(ledger, m, number):
    """More than is captured, both ways."""
    ledger.timed(lambda: m.set("large", "x" * 600000), "memcached", "set", "write", statement="set large")
    ledger.timed(lambda: m.get("large"), "memcached", "get", "read", statement="get large")
    ledger.timed(lambda: m.get_many([f"a_key_of_this_program:{i}" for i in range(100)]), "memcached", "get", "read",
                 statement="get a_key_of_this_program:? ..")
    ledger.timed(lambda: m.get("none"), "memcached", "get", "read", statement="get none")


def unanswered(ledger, m, number):
    """What is not answered is nothing that anyone waits for."""
    m.set("quiet", "x", noreply=True)
    ledger.timed(lambda: m.get("quiet"), "memcached", "get", "read", statement="get quiet")


HANDLERS = {function.__name__: function for function in (simple, large, unanswered)}


def app(environ, start_response):
    _, name, number = environ["PATH_INFO"].split("/")
    ledger = Ledger()
    if not hasattr(local, "client"):
        local.client = pymemcache.Client(ADDRESS, default_noreply=False, no_delay=True)
        ledger.add("memcached", "connect", "connect")
    HANDLERS[name](ledger, local.client, int(number))
    body = json.dumps(ledger).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
