#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A web server's handlers say which statements they had a real PostgreSQL run, by the simple and by the extended protocol; each
request's operations are held against that."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from operations_truth import APPS, ask, compare  # noqa: E402
from services import Gunicorn, Postgres, Python  # noqa: E402

JOBS = {"psycopg2": ("plain", "transaction", "batch", "copy", "cursors", "large", "connect"), "psycopg": ("extended", "many")}


def judge(postgres, before):
    tap.note(f"connections {'from before' if before else 'made while observed'}")
    env = {"TRUTH_DSN": postgres.dsn}
    with Gunicorn("operations_sql:app", cwd=APPS, env=env) as web:
        opens = [f"/{driver}/open/0" for driver in JOBS]
        paths = [] if before else opens
        paths += [f"/{driver}/{name}/{number}" for number in range(3) for driver, names in JOBS.items() for name in names]
        record, told = ask(web, paths, opens if before else ())
    record.check(tap)
    compare(tap, record, told)


def loop(postgres):
    names = ("old", "prepared", "many", "rows", "copies")
    paths = [f"/{name}/{number}" for number in range(3) for name in names]
    with Python(APPS / "operations_aiohttp.py",
                env={"TRUTH_POSTGRES": str(postgres.port), "TRUTH_CONNECTIONS": str(len(paths))}) as web:
        record, told = ask(web, paths)
    record.check(tap)
    compare(tap, record, told)


tap = Tap()
with Postgres() as server:
    server.sql("CREATE TABLE items (id int, name text); CREATE TABLE things (id int);"
               "INSERT INTO items SELECT n, 'secret' || n FROM generate_series(1, 4000) n")
    tap.run("connections from before", judge, server, True)
    tap.run("connections made while observed", judge, server, False)
    tap.run("event loop", loop, server)
tap.done()
