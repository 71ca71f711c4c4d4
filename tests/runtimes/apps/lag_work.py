# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What blocks an event loop, and who has to wait meanwhile: measured by the program itself, by CLOCK_MONOTONIC, into $LAG_LOG.

{"who": "render", "from": ns, "to": ns}    the loop was held
"""
import asyncio
import json
import os
import time

LOG = open(os.environ["LAG_LOG"], "a", buffering=1)


def hold(who, ms):
    begin = time.monotonic_ns()
    while time.monotonic_ns() < begin + ms * 1_000_000:
        pass
    LOG.write(json.dumps({"who": who, "from": begin, "to": time.monotonic_ns()}) + "\n")


async def background():
    """Of no request: it holds the loop for 15 ms of every 75, if $LAG_BACKGROUND is set."""
    while os.environ.get("LAG_BACKGROUND"):
        await asyncio.sleep(0.06)
        hold("", 15)


def answer(path):
    _, page, ms, *_ = path.split("/")
    if page != "quick":
        hold(page, float(ms))
    return b"done\n"
