#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""FastAPI's coroutines under uvicorn with uvloop, as test_python_coroutines.py has them on asyncio's own loop; and its functions in
threads of a pool, which are not followed there: where others are in flight, each request says so."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from python_truth import PARTS, STEPS, Tap, Uvicorn, compare  # noqa: E402  (the path comes first)

tap = Tap()
# Without a pool of threads, which fsync takes.
steps = {name: of for name, of in STEPS.items() if name != "fsync"}
compare(lambda environment: Uvicorn("python_coroutines:app", "uvloop", env={**environment, "TRUTH_NOBODY": "redis,pg:2,http:2"}),
        dict.fromkeys(("plain", "timed", "tasks", "middleware", "after"), steps), together=("tasks",), tap=tap)
compare(lambda environment: Uvicorn("python_fastapi:app", "uvloop", env=environment), ("def", "thread", "executor", "later"), parts=PARTS[1:],
        tap=tap, least=(0, 0))
tap.done()
