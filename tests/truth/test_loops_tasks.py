#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What an asyncio server waits for in tasks of their own is the request's: a pool's reset, a query in wait_for()."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from loops_run import APPS, compare  # noqa: E402  (the path comes first)
from services import Python  # noqa: E402

PARTS = [(1, 100, 2, 0.02, 0.1), (4, 200, 0, 0.05, 0.2), (20, 400, 0, 0.05, 0.2)]

compare(lambda environment: Python(APPS / "loops_aiohttp.py", env=environment), ("cpu", "pool", "timed", "http"), PARTS,
        count=True)
