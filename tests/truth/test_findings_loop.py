#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Findings on an event loop: operations one after the other and at the same time; a loop that is blocked, by whom, and one that
is not."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from findings_truth import APPS, Found, prefer  # noqa: E402
from services import Postgres, Python, Upstream  # noqa: E402

TABLES = """CREATE TABLE items (id int PRIMARY KEY, price int);
INSERT INTO items SELECT id, id FROM generate_series(1, 50) AS id;
CREATE TABLE log (item int);"""


def blocked(page):
    """Quick requests beside some that hold the loop for 40 ms of every 100, and others that wait and hold nobody up."""
    found = Found(tap, web, [[f"/quick/{number}" for number in range(150)],
                             [f"/{page}/40", "/awaits/60"] * 12, ["/awaits/90"] * 12])
    found.has("quick", "pool-starved", {
        "cause": "blocked event loop", "held_by": f"GET /{page}/{{id}}", "held_by_share": lambda share: share > 0.6}, first=False)


tap = Tap()
with Postgres() as database, Upstream() as stock, Upstream() as prices, Upstream() as shipping:
    database.sql(TABLES)
    env = {"DSN": f"postgresql://postgres@127.0.0.1:{database.port}/test", "STOCK": stock.url(6), "PRICES": prices.url(10),
           "SHIPPING": shipping.url(16)}
    with Python(APPS / "findings_aiohttp.py", env=env) as web:
        prefer(database, stock, prices, shipping, web)
        pages = {"rounds": [10, 20] * 5, "gathered": range(10), "pipelined": [20] * 10, "serial": range(8),
                 "together": range(8), "quick": range(20)}
        alone = Found(tap, web, [[f"/{page}/{number}" for page, numbers in pages.items() for number in numbers]])
        alone.has("rounds", "n-plus-one", {"per_request_min": 10, "per_request_max": 20}, saves_ms=(28, 200))
        alone.has_not("gathered", {"n-plus-one", "repeated-query", "serial-calls"})
        alone.has_not("pipelined", {"n-plus-one", "repeated-query", "serial-calls"})
        alone.has("serial", "serial-calls", {"per_request": 3}, saves_ms=(15.5, 100))
        alone.has_not("together", {"n-plus-one", "repeated-query", "serial-calls"})
        alone.has_not("quick", {"n-plus-one", "repeated-query", "serial-calls", "pool-starved"})
        tap.run("a loop that computes", blocked, "computes")
        tap.run("a loop that waits", blocked, "blocks")
tap.done()
