# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""lag_work.py for aiohttp."""
import asyncio
import os

from aiohttp import web

import lag_work


async def handle(request):
    return web.Response(body=lag_work.answer(request.path))


async def begin(app):
    app["background"] = asyncio.create_task(lag_work.background())


app = web.Application()
app.router.add_get("/{path:.*}", handle)
app.on_startup.append(begin)
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=None, print=None)
