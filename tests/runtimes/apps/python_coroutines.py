# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""FastAPI on an event loop: coroutines with asyncpg's pool, aiohttp's client session, and redis.asyncio, that keep a ledger as
python_work.py does. /plain/NAME?do=STEPS does the steps one after the other, /timed/NAME each in wait_for(), /tasks/NAME two at a time in
Tasks of their own (gather(), TaskGroup, create_task()), /middleware/NAME behind a BaseHTTPMiddleware, /after/NAME goes on when it has
answered. Beside them Tasks work for nobody, with connections of the same pools.
"""
import asyncio
import contextvars
import gc
import os
import tempfile
import time

import aiohttp
import asyncpg
import redis.asyncio
from fastapi import BackgroundTasks, FastAPI, Request

REALTIME = int(os.environ["REALTIME"])
SLEEP = "SELECT pg_sleep($1), (extract(epoch FROM clock_timestamp()) * 1e6)::bigint"
RESET = 300_000  # what that takes at most when nothing else runs
KINDS = {"postgres": "db", "redis": "db", "http": "net", "sleep": "sleep", "fsync": "disk"}

gc.disable()  # handlers don't know of collections, so there is to be none
app = FastAPI()
inner = FastAPI()
of = contextvars.ContextVar("of", default=None)  # the ledger's name
ledgers = {}
sent = {}
noted = False  # uvloop's transports can't be patched
asking = []  # ledgers whose Tasks write in this turn of uvloop's
left = set()


def note_sends(transport):
    """Notes when a ledger's Tasks have written last: what asks a peer may have waited for its Task's turn before."""
    write, writelines = transport.write, transport.writelines

    def sends(function):
        def send(self, data):
            sent[of.get()] = time.monotonic_ns()
            function(self, data)
        return send

    transport.write, transport.writelines = sends(write), sends(writelines)


def asks():
    """uvloop sends at the end of its turn what a Task writes now: it has before the next one's first step."""
    if noted:
        return
    if not asking:
        asyncio.get_running_loop().call_soon(flushed)
    asking.append(of.get())


def flushed():
    sent.update(dict.fromkeys(asking, time.monotonic_ns()))
    asking.clear()


def wait(system, start, ready):
    ledger = ledgers[of.get()]
    kind = KINDS[system]
    asked = sent.get(of.get(), start) if kind in ("db", "net") else start
    ledger["waits"][kind] = ledger["waits"].get(kind, 0) + max(0, ready - asked)
    if kind in ("db", "net"):
        ledger["operations"].append([system, start, time.monotonic_ns()])


class RedisConnection(redis.asyncio.Connection):
    """Between asking for one and writing to it there may be turns of the loop."""

    async def send_packed_command(self, command, check_health=True):
        asks()
        await super().send_packed_command(command, check_health)


class Pooled(asyncpg.Connection):
    """Tells of the query by which it is reset, in the Task that the pool makes for that."""

    async def reset(self, *, timeout=None):
        start = time.monotonic_ns()
        asks()
        await super().reset(timeout=timeout)
        wait("postgres", start, min(time.monotonic_ns(), sent.get(of.get(), start) + RESET))


async def cpu(ms):
    start = time.thread_time_ns()
    while time.thread_time_ns() < start + ms * 1e6:
        pass
    ledgers[of.get()]["cpu"] += time.thread_time_ns() - start


async def sleep(ms):
    start = time.monotonic_ns()
    await asyncio.sleep(ms / 1000)
    wait("sleep", start, start + int(ms * 1e6))


async def pg(ms):
    async with app.pool.acquire() as connection:
        start = time.monotonic_ns()
        asks()
        row = await connection.fetchrow(SLEEP, ms / 1000)
        wait("postgres", start, row[1] * 1000 - REALTIME)


async def ask_redis(_):
    start = time.monotonic_ns()
    seconds, us = await app.redis.time()
    wait("redis", start, (seconds * 1000000 + us) * 1000 - REALTIME)


async def http(ms):
    start = time.monotonic_ns()
    asks()
    async with app.http.get(f"http://127.0.0.1:{os.environ['TRUTH_UPSTREAM']}/delay/{ms}/2") as response:
        ready = int(response.headers["X-Sent-Ns"])
        await response.read()
        wait("http", start, ready)


def _fsync():
    with tempfile.TemporaryFile(dir=os.environ["TRUTH_SCRATCH"]) as file:
        file.write(os.urandom(4096))
        file.flush()
        start = time.monotonic_ns()
        os.fsync(file.fileno())
        wait("fsync", start, time.monotonic_ns())


async def fsync(_):
    await asyncio.to_thread(_fsync)


STEPS = {"cpu": cpu, "sleep": sleep, "pg": pg, "redis": ask_redis, "http": http, "fsync": fsync}


def begin(name, do):
    of.set(name)
    ledgers.setdefault(name, {"operations": [], "waits": {}, "cpu": 0, "delay": 0})
    return [STEPS[step.partition(":")[0]](float(step.partition(":")[2] or 0)) for step in do.split(",")]


async def run(name, do):
    for step in begin(name, do):
        await step
    return name


@app.get("/plain/{name}")
async def plain(name: str, do: str):
    return await run(name, do)


@app.get("/timed/{name}")
async def timed(name: str, do: str):
    for step in begin(name, do):
        await asyncio.wait_for(step, 30)
    return name


@app.get("/tasks/{name}")
async def tasks(name: str, do: str):
    steps = begin(name, do)
    await asyncio.gather(*steps[:2])
    if steps[2:]:
        async with asyncio.TaskGroup() as group:
            for step in steps[2:]:
                group.create_task(step)
    return name


@inner.middleware("http")
async def middleware(request: Request, call_next):
    return await call_next(request)


@inner.get("/{name}")
async def behind(name: str, do: str):
    return await run(name, do)


app.mount("/middleware", inner)


@app.get("/after/{name}")
async def after(name: str, do: str, background: BackgroundTasks):
    background.add_task(run, f"after-{name}", "redis,sleep:5,pg:3,redis")
    task = asyncio.create_task(later(name))
    left.add(task)
    task.add_done_callback(left.discard)
    return await run(name, do)


async def later(name):
    """Nobody awaits it."""
    await asyncio.sleep(0.5)
    await run(f"later-{name}", "redis,pg:3,http:3")


@app.get("/truth")
async def truth():
    return ledgers


async def nobodys():
    """Timers and connections that are no request's, of the same pools."""
    while True:
        await run("nobody", os.environ.get("TRUTH_NOBODY", "redis,pg:2,http:2,fsync"))
        await asyncio.sleep(0.02)


@app.on_event("startup")
async def startup():
    global noted
    of.set("setup")
    if isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop):
        note_sends(asyncio.selector_events._SelectorSocketTransport)
        noted = True
    ledgers["setup"] = {"operations": [], "waits": {}, "cpu": 0, "delay": 0}
    size = int(os.environ.get("TRUTH_POOL", "96"))
    app.pool = await asyncpg.create_pool(os.environ["TRUTH_URL"], min_size=size, max_size=size, connection_class=Pooled,
                                         init=lambda connection: connection.fetchrow(SLEEP, 0))
    app.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=300))
    app.redis = redis.asyncio.Redis(connection_pool=redis.asyncio.ConnectionPool(connection_class=RedisConnection, port=int(os.environ["TRUTH_REDIS"])))
    url = f"http://127.0.0.1:{os.environ['TRUTH_UPSTREAM']}/delay/100/2"
    for response in await asyncio.gather(*(app.http.get(url) for _ in range(size))):
        await response.read()
    await asyncio.gather(*(app.redis.time() for _ in range(size)))
    app.task = asyncio.create_task(nobodys())
