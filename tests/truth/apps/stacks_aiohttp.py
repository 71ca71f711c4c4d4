# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""stacks_aiohttp.py PORT DSN: coroutines known by name that ask a database, sleep and compute on an event loop."""
import asyncio
import sys
import time

import asyncpg
from aiohttp import web


DATABASE = dict(word.split("=") for word in sys.argv[2].replace("dbname", "database").split())


async def ask(request, sql):
    begun = time.monotonic_ns()
    async with request.app["pool"].acquire() as database:
        await database.fetch(sql)
    return time.monotonic_ns() - begun


async def find_items(request):
    return await ask(request, "SELECT 1 FROM pg_sleep(0.02)")


async def find_owner(request):
    return await ask(request, "SELECT 1 FROM pg_sleep(0.005)")


async def nap(_):
    begun = time.monotonic_ns()
    await asyncio.sleep(0.003)
    return time.monotonic_ns() - begun


def burn(ms):
    begun = time.thread_time_ns()
    while (now := time.thread_time_ns()) - begun < ms * 1_000_000:
        sum(range(500))
    return now - begun


def burn_a():
    return burn(6)


def burn_b():
    return burn(2)


async def answer(request):
    lines = [f"{work.__name__} {await work(request)}\n" for work in (find_items, find_owner, nap)]
    lines += [f"{work.__name__} {work()}\n" for work in (burn_a, burn_b)]
    return web.Response(text="".join(lines))


async def connect(app):
    app["pool"] = await asyncpg.create_pool(**DATABASE, min_size=8, max_size=8, statement_cache_size=0)
    yield
    await app["pool"].close()


application = web.Application()
application.router.add_get("/mix", answer)
application.cleanup_ctx.append(connect)
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None)
