# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""FastAPI with a client that has one Task read what all requests ask for: /ask/NAME does so on the connection that all share, /own/NAME on one
that it has alone, to another port. What is asked is a line, and so is the answer.
"""
import asyncio
import os

from fastapi import FastAPI

app = FastAPI()
waiting = {}
free = []


async def reads(reader):
    while line := await reader.readline():
        waiting.pop(line).set_result(None)


@app.on_event("startup")
async def startup():
    reader, app.writer = await asyncio.open_connection("127.0.0.1", int(os.environ["TRUTH_SHARED"]))
    app.reads = asyncio.create_task(reads(reader))
    for _ in range(8):
        free.append(await asyncio.open_connection("127.0.0.1", int(os.environ["TRUTH_OWN"])))


@app.get("/ask/{name}")
async def ask(name: str):
    line = f"{name}\n".encode()
    answer = waiting[line] = asyncio.get_running_loop().create_future()
    app.writer.write(line)
    await answer


@app.get("/own/{name}")
async def own(name: str):
    reader, writer = free.pop()
    writer.write(f"{name}\n".encode())
    await reader.readline()
    free.append((reader, writer))
