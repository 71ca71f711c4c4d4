# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A WSGI application whose handlers ask a real Redis ($REDIS_PORT) and answer with a ledger of what they did (operations_ledger.py).

/HANDLER/NUMBER, where HANDLER is one of the functions below.
"""
import json
import os
import threading

import redis

from operations_ledger import Ledger

PORT = int(os.environ["REDIS_PORT"])
local = threading.local()


def client():
    """A connection of the thread's own, made when it is first asked for; True with it if that was now."""
    made = not hasattr(local, "client")
    if made:
        local.client = redis.Redis(port=PORT, single_connection_client=True)
    return local.client, made


def simple(ledger, r, number):
    ledger.timed(lambda: r.set(f"user:{number}", "x" * 1000), "redis", "SET", "write", statement="SET user:?")
    for i in range(5):
        ledger.timed(lambda i=i: r.get(f"user:{i}:name"), "redis", "GET", "read", statement="GET user:?:name")
    ledger.timed(lambda: r.hset("profile", mapping={"a": 1, "b": 2}), "redis", "HSET", "write", statement="HSET profile")
    ledger.timed(lambda: r.hgetall("profile"), "redis", "HGETALL", "read", statement="HGETALL profile")
    ledger.timed(lambda: r.mget("user:1", "user:2"), "redis", "MGET", "read", statement="MGET user:? ..")
    ledger.timed(r.ping, "redis", "PING", "control")


def errors(ledger, r, number):
    for call, summary, flags, statement in ((lambda: r.incrby("profile"), "INCRBY", "write", "INCRBY profile"),
                                            (lambda: r.lpush("profile", number), "LPUSH", "write", "LPUSH profile")):
        try:
            ledger.timed(call, "redis", summary, flags, statement=statement, error="WRONGTYPE")
        except redis.ResponseError:
            pass


def large(ledger, r, number):
    """More than is captured, both ways."""
    ledger.timed(lambda: r.set("large", b"x" * 2000000), "redis", "SET", "write", statement="SET large")
    ledger.timed(lambda: r.get("large"), "redis", "GET", "read", statement="GET large")
    ledger.timed(lambda: r.lrange("list", 0, -1), "redis", "LRANGE", "read", statement="LRANGE list")
    ledger.timed(lambda: r.get("user:1"), "redis", "GET", "read", statement="GET user:?")


def piped(ledger):
    """redis-py's pipelines have a connection of their own."""
    if not hasattr(local, "piped"):
        local.piped = True
        ledger.add("redis", "connect", "connect")


def pipeline(ledger, r, number):
    piped(ledger)
    with r.pipeline(transaction=False) as pipe:
        for i in range(30):
            pipe.get(f"user:{i}")
        pipe.execute()
    for i in range(30):
        ledger.add("redis", "GET", "read pipelined" if i else "read", "GET user:?")


def transaction(ledger, r, number):
    piped(ledger)
    with r.pipeline(transaction=True) as pipe:
        pipe.incr("counter").get("counter")
        pipe.execute()
    ledger.add("redis", "MULTI", "control")
    ledger.add("redis", "INCRBY", "write pipelined", "INCRBY counter")
    ledger.add("redis", "GET", "read pipelined", "GET counter")
    ledger.add("redis", "EXEC", "pipelined")


def blocking(ledger, r, number):
    ledger.timed(lambda: r.execute_command("BLPOP", f"none:{number}", "0.05"), "redis", "BLPOP", "write blocking",
                 statement="BLPOP none:? ..", least_ns=50_000_000)
    ledger.timed(lambda: r.eval("return 1", 0), "redis", "EVAL", "")


def once(ledger, _, number):
    """A connection for a single command."""
    ledger.add("redis", "connect", "connect")
    with redis.Redis(port=PORT, single_connection_client=True) as r:
        r.get("user:1")
    ledger.add("redis", "GET", "read", "GET user:?")


HANDLERS = {function.__name__: function for function in (simple, errors, large, pipeline, transaction, blocking, once)}


def app(environ, start_response):
    _, name, number = environ["PATH_INFO"].split("/")
    ledger = Ledger()
    r, made = client()
    if made:
        ledger.add("redis", "connect", "connect")
    # The connection is made by the first command.
    HANDLERS[name](ledger, r, int(number))
    body = json.dumps(ledger).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
