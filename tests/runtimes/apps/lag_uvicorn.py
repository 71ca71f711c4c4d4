# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""lag_work.py for uvicorn; $LAG_LOOP is the event loop."""
import asyncio
import os

import uvicorn

import lag_work

tasks = []


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if not tasks:
        tasks.append(asyncio.create_task(lag_work.background()))
    body = lag_work.answer(scope["path"])
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, lifespan="off",
            loop=os.environ["LAG_LOOP"], log_level="warning")
