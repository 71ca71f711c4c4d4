#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An aiohttp server on 127.0.0.1:$PORT that asks a PostgreSQL by asyncpg, which prepares each statement once a connection.
Environment: DSN. Pages: /rounds/N the same with N other arguments; /several/N six statements of one shape, once each; /again/N the
same three times; /slow/N one that takes 20 ms beside a quick one.
"""
import os

import asyncpg
from aiohttp import web

ROW = "SELECT price, pg_sleep(0.002) FROM items WHERE id = $1"


async def rounds(database, number):
    for item in range(1, number + 1):
        await database.fetchval(ROW, item)


async def several(database, number):
    for more in range(6):
        await database.fetchval(f"SELECT price + {more} FROM items WHERE id = $1", number)


async def again(database, number):
    for _ in range(3):
        await database.fetch("SELECT id, price, pg_sleep(0.002) FROM items WHERE id = $1", number)


async def slow(database, number):
    await database.fetchval(ROW, number)
    await database.fetch("SELECT id, price, pg_sleep(0.02) FROM items WHERE id = $1", number)


async def page(request):
    job = {"rounds": rounds, "several": several, "again": again, "slow": slow}[request.match_info["page"]]
    async with request.app["pool"].acquire() as database:
        await job(database, int(request.match_info["number"]))
    return web.Response(text="done")


async def pool(app):
    app["pool"] = await asyncpg.create_pool(os.environ["DSN"], min_size=4, max_size=4)
    yield
    await app["pool"].close()


app = web.Application()
app.cleanup_ctx.append(pool)
app.router.add_get("/{page}/{number}", page)
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None)
