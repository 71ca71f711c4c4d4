#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""FastAPI's functions in anyio's pool, asyncio.to_thread() and run_in_executor() under uvicorn with uvloop, as test_python_fastapi.py has
them on asyncio's own loop; and beside coroutines."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from python_truth import Tap, Uvicorn, compare  # noqa: E402  (the path comes first)

WAYS = ("def", "thread", "executor", "later")
tap = Tap()
compare(lambda environment: Uvicorn("python_fastapi:app", "uvloop", env=environment), WAYS, tap=tap)
compare(lambda environment: Uvicorn("python_mixed:app", "uvloop", env={**environment, "TRUTH_NOBODY": "redis,pg:2,http:2"}),
        (*WAYS, "plain", "tasks", "middleware"), together=("tasks",), tap=tap, settle=2, least=(0.99, 0.9, 0.5))
tap.done()
