#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Findings about operations, on a real PostgreSQL, Redis and HTTP services: each where it was planted, and not where it was not."""
import os
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from findings_truth import APPS, OF_OPERATIONS, Found, prefer  # noqa: E402
from services import Gunicorn, Postgres, Redis, Upstream  # noqa: E402

TABLES = """CREATE TABLE items (id int PRIMARY KEY, price int);
INSERT INTO items SELECT id, id FROM generate_series(1, 50) AS id;
CREATE UNLOGGED TABLE log (item int);"""

tap = Tap()
with Postgres() as database, Redis() as cache, Upstream() as stock, Upstream() as prices, Upstream() as shipping:
    database.sql(TABLES)
    env = {"DSN": database.dsn, "REDIS_PORT": str(cache.port), "STOCK": stock.url(6), "PRICES": prices.url(10),
           "SHIPPING": shipping.url(16), "LOCK": os.devnull}
    with Gunicorn("findings_wsgi:app", cwd=APPS, workers=2, env=env) as web:
        prefer(database, cache, stock, prices, shipping, web)
        pages = {"rounds": [6, 10, 20, 30] * 3, "cursor": [15] * 8, "batch": [15] * 8, "repeat": range(1, 11),
                 "reread": range(1, 9), "slow": range(10), "cached": range(1, 21), "names": range(1, 13), "serial": range(8), "quick": range(20)}
        found = Found(tap, web, [[f"/{page}/{number}" for page, numbers in pages.items() for number in numbers]],
                      warm=["/quick/1"] * 4)
        # 6 to 30 times 2 ms, but for one of them.
        found.has("rounds", "n-plus-one", {
            "statement": lambda text: text.startswith("SELECT price, pg_sleep(?) FROM items"), "system": "postgresql",
            "per_request": lambda number: abs(number - 16.5) < 0.1, "per_request_min": 6, "per_request_max": 30,
            "requests_share": lambda share: share > 0.99, "correlation_with_bytes_out": lambda number: number > 0.9},
            saves_ms=(2 * 15.4, 200))
        found.has_not("rounds", {"repeated-query", "slow-query", "serial-calls"})
        found.has_not("cursor", {"n-plus-one", "repeated-query", "serial-calls"})
        found.has_not("batch", OF_OPERATIONS)
        found.has("repeat", "repeated-query", {"repeats_per_request": 2, "requests_share": lambda share: share > 0.99},
                  saves_ms=(4, 50))
        found.has_not("repeat", {"n-plus-one", "slow-query", "serial-calls"})
        found.has_not("reread", {"n-plus-one", "repeated-query"})
        found.has("slow", "slow-query", {"statement": lambda text: "WHERE price = ?" in text,
                                         "db_share": lambda share: share > 0.9}, saves_ms=(20, 100))
        found.has_not("slow", {"n-plus-one", "repeated-query", "serial-calls"})
        found.has_not("cached", {"n-plus-one", "repeated-query", "serial-calls"})
        # Whether Redis answers before a thread sleeps is not certain, so it need not be found, but that it is one statement is.
        folded = [of["count"] for of in found.endpoint("names")["operations"] if of["statement"] == "GET user:?:cart"]
        tap.check("names: all but the first names are one statement", folded and 12 * 40 - 33 <= folded[0] < 12 * 40,
                  [of["statement"] for of in found.endpoint("names")["operations"]][:40])
        # 6 and 10 of 32 ms.
        found.has("serial", "serial-calls", {"per_request": 3}, saves_ms=(15.5, 100))
        found.has_not("serial", {"n-plus-one", "repeated-query", "slow-query"})
        found.has_not("quick", OF_OPERATIONS)

        # As many are kept as record keeps by itself: the slow one is among them.
        found = Found(tap, web, [[f"/rarely/{number}" for number in range(first, 1000, 4)] for first in range(4)], keep=10)
        found.has_not("rarely", OF_OPERATIONS)
        tap.check("1000 requests", found.endpoint("rarely")["requests"] == 1000)
tap.done()
