# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""FastAPI: /def/NAME is answered by a function in a thread of anyio's pool, /thread/NAME by a coroutine that has asyncio.to_thread()
do it, /executor/NAME by one with run_in_executor(); /later/NAME goes on in the pool when it has answered. ?do= as in python_work.py."""
import asyncio

import python_work
from fastapi import BackgroundTasks, FastAPI

python_work.start()
app = FastAPI()


@app.get("/def/{name}")
def as_function(name: str, do: str):
    return python_work.run(name, do)


@app.get("/thread/{name}")
async def to_thread(name: str, do: str):
    return await asyncio.to_thread(python_work.run, name, do)


@app.get("/executor/{name}")
async def in_executor(name: str, do: str):
    return await asyncio.get_running_loop().run_in_executor(None, python_work.run, name, do)


@app.get("/later/{name}")
def later(name: str, do: str, tasks: BackgroundTasks):
    tasks.add_task(python_work.run, f"after-{name}", "redis,sleep:5,redis")
    return python_work.run(name, do)


@app.get("/truth")
def truth():
    return python_work.ledger()
