#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An aiohttp server on 127.0.0.1:$PORT whose handlers do known work and keep account of it.

GET /job/ID?do=STEP,STEP.. runs the steps one after the other: cpu:MS, pg:MS, pgunix:MS (pg_sleep), http:MS (an upstream's
delay), redis (TIME), sleep:MS, fsync; with tasks of their own pool:MS (pg_sleep on a pool's connection, which the pool resets in a
task) and timed:MS (pg_sleep in the task that wait_for() makes). GET /truth answers with what was recorded, as loops_accounts.py has it.
Environment: POSTGRES_HOSTS (TCP, unix), POSTGRES_PORT, REDIS_PORT, UPSTREAM_PORT, CONNECTIONS (to each of the former), REALTIME
(CLOCK_REALTIME - CLOCK_MONOTONIC, ns).
"""
import asyncio
import os
import tempfile
import time

import aiohttp
import asyncpg
import redis.asyncio
from aiohttp import web

from loops_slices import Slices, request, run_delay

REALTIME = int(os.environ["REALTIME"])
SLEEP = "SELECT pg_sleep($1), (extract(epoch FROM clock_timestamp()) * 1e6)::bigint"


class Pooled(asyncpg.Connection):
    """Resets itself by a query of known time, and tells of it."""

    async def reset(self, *, timeout=None):
        row = await self.fetchrow(SLEEP, 0.001)
        self.work.waited("db", row)


class Work:
    def __init__(self, slices):
        self.slices = slices
        self.waits = {}
        self.file = tempfile.TemporaryFile(dir=".")

    async def open(self, app):
        self.slices.watch(asyncio.get_running_loop())
        self.free = {}
        for step, host in zip(("pg", "pgunix"), os.environ["POSTGRES_HOSTS"].split(",")):
            self.free[step] = [await asyncpg.connect(host=host, port=os.environ["POSTGRES_PORT"], user="postgres",
                                                     database="test") for _ in range(int(os.environ["CONNECTIONS"]))]
            for connection in self.free[step]:
                await connection.fetchrow(SLEEP, 0)  # it is prepared, from here on
        Pooled.work = self
        size = int(os.environ["CONNECTIONS"])
        self.pool = await asyncpg.create_pool(host="127.0.0.1", port=os.environ["POSTGRES_PORT"], user="postgres",
                                              database="test", min_size=size, max_size=size, connection_class=Pooled)
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.redis = redis.asyncio.Redis(port=int(os.environ["REDIS_PORT"]))
        yield
        for connection in sum(self.free.values(), []):
            await connection.close()
        await self.pool.close()
        await self.http.close()
        await self.redis.close()

    async def cpu(self, ms):
        end = time.thread_time_ns() + ms * 1e6
        while time.thread_time_ns() < end:
            pass

    async def fsync(self, _):
        os.pwrite(self.file.fileno(), os.urandom(4096), 0)
        start, cpu, delay = time.monotonic_ns(), time.thread_time_ns(), run_delay()
        os.fsync(self.file.fileno())
        delay = run_delay() - delay
        cpu, end = time.thread_time_ns() - cpu, time.monotonic_ns()
        self.wait("disk", start, end - cpu - delay)

    async def sleep(self, ms):
        start = time.monotonic_ns()
        await asyncio.sleep(ms / 1000)
        self.wait("sleep", start, start + int(ms * 1e6))

    async def postgres(self, step, ms):
        connection = self.free[step].pop()
        self.waited("db", await connection.fetchrow(SLEEP, ms / 1000))
        self.free[step].append(connection)

    async def pg(self, ms):
        await self.postgres("pg", ms)

    async def pgunix(self, ms):
        await self.postgres("pgunix", ms)

    async def pooled(self, ms):
        async with self.pool.acquire() as connection:
            self.waited("db", await connection.fetchrow(SLEEP, ms / 1000))

    async def timed(self, ms):
        await asyncio.wait_for(self.pg(ms), 10)

    async def time(self, _):
        seconds, us = await self.redis.time()
        self.wait("db", self.sent(), (seconds * 1000000 + us) * 1000 - REALTIME)

    async def upstream(self, ms):
        async with self.http.get(f"http://127.0.0.1:{os.environ['UPSTREAM_PORT']}/delay/{ms}/2") as response:
            self.wait("net", self.sent(), int(response.headers["X-Sent-Ns"]))
            await response.read()

    def waited(self, kind, row):
        self.wait(kind, self.sent(), row[1] * 1000 - REALTIME)

    def sent(self):
        return self.slices.sends.pop(request.get())

    def wait(self, kind, start, ready):
        self.waits.setdefault(request.get(), []).append([kind, start, ready, time.monotonic_ns()])

    async def handle(self, http_request):
        self.slices.begin(http_request.match_info["id"], http_request.protocol)
        steps = {"cpu": self.cpu, "pg": self.pg, "pgunix": self.pgunix, "http": self.upstream, "redis": self.time,
                 "sleep": self.sleep, "fsync": self.fsync, "pool": self.pooled, "timed": self.timed}
        for step in http_request.query["do"].split(","):
            name, _, ms = step.partition(":")
            await steps[name](float(ms or 0))
        return web.Response(text="done")

    async def truth(self, _):
        slices = self.slices
        return web.json_response({"slices": slices.slices, "idle": slices.idle, "responded": slices.responded,
                                  "waits": self.waits})


def main():
    work = Work(Slices())
    app = web.Application()
    app.cleanup_ctx.append(work.open)
    app.router.add_get("/job/{id}", work.handle)
    app.router.add_get("/truth", work.truth)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=None, print=None)


if __name__ == "__main__":
    main()
