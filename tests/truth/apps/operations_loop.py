#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An aiohttp server on 127.0.0.1:$PORT that calls operations_upstream.py ($UPSTREAM_PORT) and a Redis ($REDIS_PORT).

/together/MS calls three times /delay/MS, at the same time; /mixed/N asks Redis five times while it calls /delay/10; /after/MS calls
/delay/MS three times, one after the other. All connections are kept.
"""
import asyncio
import os

import aiohttp
import redis.asyncio
from aiohttp import web

UPSTREAM = f"http://127.0.0.1:{os.environ['UPSTREAM_PORT']}"


class Handlers:
    async def open(self, app):
        self.http = aiohttp.ClientSession()
        self.redis = redis.asyncio.Redis(port=int(os.environ["REDIS_PORT"]))
        yield
        await self.http.close()
        await self.redis.close()

    async def call(self, ms):
        async with self.http.get(f"{UPSTREAM}/delay/{ms}") as answer:
            await answer.read()

    async def ask(self):
        for i in range(5):
            await self.redis.get(f"user:{i}")

    async def together(self, request):
        await asyncio.gather(*(self.call(request.match_info["number"]) for _ in range(3)))
        return web.Response(text="[]")

    async def after(self, request):
        for _ in range(3):
            await self.call(request.match_info["number"])
        return web.Response(text="[]")

    async def mixed(self, _):
        await asyncio.gather(self.call(10), self.ask())
        return web.Response(text="[]")


handlers = Handlers()
application = web.Application()
application.cleanup_ctx.append(handlers.open)
for handler in ("together", "after", "mixed"):
    application.router.add_get(f"/{handler}/{{number}}", getattr(handlers, handler))
web.run_app(application, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
