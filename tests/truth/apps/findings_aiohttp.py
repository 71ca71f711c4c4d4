#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An aiohttp server on 127.0.0.1:$PORT whose pages each have a habit, good or bad, that findings are about. Environment: DSN
(PostgreSQL with the tables of test_findings_loop.py), STOCK, PRICES, SHIPPING (URLs).
"""
import asyncio
import os
import time

import aiohttp
import asyncpg
from aiohttp import web

URLS = [os.environ[name] for name in ("STOCK", "PRICES", "SHIPPING")]
ROW = "SELECT price, pg_sleep(0.002) FROM items WHERE id = $1"


class Pages:
    def __init__(self):
        self.pool = self.http = None

    async def open(self, app):
        self.pool = await asyncpg.create_pool(os.environ["DSN"], min_size=8, max_size=8)
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        yield
        await self.http.close()
        await self.pool.close()

    async def get(self, url):
        async with self.http.get(url) as answer:
            return len(await answer.read())

    async def rounds(self, number):
        async with self.pool.acquire() as database:
            for item in range(1, number + 1):
                await database.fetchval(ROW, item)

    async def gathered(self, number):
        """The same queries on several connections at the same time."""
        await asyncio.gather(*(self.pool.fetchval(ROW, item) for item in range(1, 9)))

    async def pipelined(self, number):
        async with self.pool.acquire() as database:
            await database.executemany("INSERT INTO log VALUES ($1)", [(item,) for item in range(number)])

    async def serial(self, number):
        for url in URLS:
            await self.get(url)

    async def together(self, number):
        await asyncio.gather(*map(self.get, URLS))

    async def quick(self, number):
        await self.pool.fetchval("SELECT price FROM items WHERE id = $1", number)

    async def awaits(self, number):
        await asyncio.sleep(number / 1000)

    async def computes(self, number):
        """On the loop."""
        end = time.monotonic() + number / 1000
        while time.monotonic() < end:
            pass

    async def blocks(self, number):
        """In a call that does not return to the loop."""
        time.sleep(number / 1000)

    async def page(self, request):
        await getattr(self, request.match_info["page"])(int(request.match_info["number"]))
        return web.Response(text="done")


def main():
    pages = Pages()
    app = web.Application()
    app.cleanup_ctx.append(pages.open)
    app.router.add_get("/{page}/{number}", pages.page)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None)


main()
