#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An aiohttp server on 127.0.0.1:$PORT under uvloop. GET /job/ID?ms=MS,MS.. waits for that many pg_sleep() one after the other.

Environment: POSTGRES_PORT, CONNECTIONS (to it).
"""
import os

import asyncpg
import uvloop
from aiohttp import web


async def connections(app):
    app["free"] = [await asyncpg.connect(host="127.0.0.1", port=os.environ["POSTGRES_PORT"], user="postgres", database="test")
                   for _ in range(int(os.environ["CONNECTIONS"]))]
    yield
    for connection in app["free"]:
        await connection.close()


async def handle(request):
    for ms in request.query["ms"].split(","):
        connection = request.app["free"].pop()
        await connection.fetchval("SELECT pg_sleep($1)", float(ms) / 1000)
        request.app["free"].append(connection)
    return web.Response(text="done")


def main():
    uvloop.install()
    app = web.Application()
    app.cleanup_ctx.append(connections)
    app.router.add_get("/job/{id}", handle)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=None, print=None)


if __name__ == "__main__":
    main()
