#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A feed: aiohttp, asyncpg and redis on one event loop, one thread for everything. Listens on 127.0.0.1:$PORT.

The same habits as in shop.py, and one more: what computes on the loop makes everybody else wait.
"""
import json
import os
import random

import aiohttp
import asyncpg
import redis.asyncio
from aiohttp import web

_random = random.Random(2)
POSTS = json.dumps([{"post": number, "words": [_random.randrange(5000) for _ in range(60)]} for number in range(1, 2401)])

routes = web.RouteTableDef()


@routes.get("/trending")
async def trending(request):
    """Cached: one round trip to Redis, and one query when the list has expired."""
    cached = await request.app["cache"].get("trending")
    if cached is None:
        found = await request.app["database"].fetch("SELECT product FROM items GROUP BY product ORDER BY count(*) LIMIT 20")
        cached = json.dumps([row["product"] for row in found])
        await request.app["cache"].setex("trending", 5, cached)
    return web.Response(body=cached, content_type="application/json")


@routes.get("/timeline/{user}")
async def timeline(request):
    """N+1: one query for the list, then one for each of its 50 entries."""
    user, entries = int(request.match_info["user"]), []
    async with request.app["database"].acquire() as database:
        for order in await database.fetch("SELECT id FROM orders WHERE customer = $1", user):
            entries.append(await database.fetchval("SELECT count(*) FROM items WHERE order_id = $1", order["id"]))
    return web.json_response(entries)


@routes.get("/rank/{user}")
async def rank(request):
    """Compute: parses and scores a large JSON document, and the loop stands still meanwhile."""
    liked = {(int(request.match_info["user"]) * step) % 5000 for step in range(1, 400)}
    scores = [(sum(word in liked for word in post["words"]), post["post"]) for post in json.loads(POSTS)]
    scores.sort(reverse=True)
    return web.json_response([post for _, post in scores[:10]])


@routes.get("/preview/{post}")
async def preview(request):
    """Three services, awaited one after the other."""
    sizes = []
    for name in ("STOCK_URL", "PRICES_URL", "SHIPPING_URL"):
        async with request.app["http"].get(os.environ[name]) as answer:
            sizes.append(len(await answer.read()))
    return web.json_response(sizes)


@routes.get("/mentions/{product}")
async def mentions(request):
    """A slow query, for want of an index."""
    count = await request.app["database"].fetchval("SELECT count(*) FROM reviews WHERE product = $1",
                                                   int(request.match_info["product"]))
    return web.json_response(count)


async def connections(app):
    app["database"] = await asyncpg.create_pool(os.environ["FEED_DSN"], min_size=8, max_size=8)
    app["cache"] = redis.asyncio.Redis(host="127.0.0.1", port=int(os.environ["REDIS_PORT"]))
    app["http"] = aiohttp.ClientSession()
    yield
    await app["http"].close()
    await app["cache"].close()
    await app["database"].close()


def main():
    app = web.Application()
    app.add_routes(routes)
    app.cleanup_ctx.append(connections)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None, access_log=None)


main()
