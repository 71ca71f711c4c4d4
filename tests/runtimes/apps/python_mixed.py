# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What python_fastapi.py and python_coroutines.py answer, in one program: functions and coroutines beside one another."""
import python_coroutines
import python_fastapi
from fastapi import FastAPI

app = FastAPI(on_startup=[python_coroutines.startup])


@app.get("/truth")
async def truth():
    return {**python_coroutines.ledgers, **python_fastapi.python_work.ledger()}


app.router.routes.extend([*python_fastapi.app.router.routes, *python_coroutines.app.router.routes])
