#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An aiohttp server on 127.0.0.1:$PORT whose handlers say what they asked of the PostgreSQL at $TRUTH_POSTGRES, as operations_sql.py.

/JOB/ANYTHING  one of operations_asyncpg.py, on a connection that nothing was prepared on
/old/ANYTHING  a statement that was prepared when the server started
"""
import os

import asyncpg
from aiohttp import web

import operations_asyncpg
from operations_sql import Told

OLD = "SELECT name FROM items WHERE id = $1"
JOBS = {job.__name__: job for job in operations_asyncpg.JOBS}


async def job(request):
    told = Told()
    await JOBS[request.match_info["name"]](told, request.app["fresh"].pop())
    return web.json_response(told)


async def old(request):
    told = Told()
    for number in 1, 2, 0:
        await request.app["old"].fetch(number)
        # What it was is not known, but what came of it.
        told("SELECT", "SELECT 1 column by 1 parameter (text not seen, prepared before)", "read", "unseen")
    return web.json_response(told)


async def begin(app):
    connections = [await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{os.environ['TRUTH_POSTGRES']}/test", ssl=False)
                   for _ in range(int(os.environ["TRUTH_CONNECTIONS"]) + 1)]
    app["fresh"] = connections[1:]
    app["old"] = await connections[0].prepare(OLD)
    yield
    for connection in connections:
        await connection.close()


application = web.Application()
application.cleanup_ctx.append(begin)
application.router.add_get("/old/{number}", old)
application.router.add_get("/{name}/{number}", job)
web.run_app(application, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
