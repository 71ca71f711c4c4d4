#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Statements that a pool's connections had prepared before anyone looked: whether they read, and how often and with what they ran, is
found all the same, with asyncpg, pg for Node, and pgjdbc where there is a JDK."""
import pathlib
import shutil
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from findings_truth import APPS, OF_OPERATIONS, Found, prefer, send_at_once  # noqa: E402
from services import Node, Postgres, Python  # noqa: E402

TABLES = """CREATE TABLE items (id int PRIMARY KEY, price int);
INSERT INTO items SELECT id, id FROM generate_series(1, 50) AS id;"""
PAGES = {"rounds": [50, 40] * 3, "several": range(1, 9), "again": range(1, 9), "slow": range(1, 9)}
MODULES = f"{APPS.parents[2]}/build/node_modules:/usr/share/nodejs:/usr/lib/nodejs"
JDBC = pathlib.Path("/usr/share/java/postgresql.jar")


class Java(Python):
    name = "java"
    interpreter = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", str(JDBC)]


def judge(server, columns):
    """`columns`: what is told of those of the statement of /rounds."""
    prefer(server)
    # Every connection of the pool has prepared every statement then.
    for _ in range(3):
        send_at_once(server.port, *[[f"/{page}/{number}" for page in PAGES] for number in range(20, 28)])
    found = Found(tap, server, [[f"/{page}/{number}" for page, numbers in PAGES.items() for number in numbers]])
    found.has("rounds", "n-plus-one", {
        "summary": "SELECT", "system": "postgresql", "per_request": lambda number: abs(number - 45) < 0.1, "per_request_min": 40,
        "per_request_max": 50, "statement": f"SELECT {columns} by 1 parameter (text not seen, prepared before)"}, saves_ms=(2 * 43, 400), first=False)
    found.has_not("rounds", {"repeated-query"})
    found.has_not("several", {"n-plus-one", "repeated-query"})
    found.has("again", "repeated-query", {"repeats_per_request": 2}, saves_ms=(4, 50), first=False)
    found.has("slow", "slow-query", {"db_share": lambda share: share > 0.8}, saves_ms=(20, 100))
    found.has_not("slow", {"n-plus-one", "repeated-query"})
    flags = {name for request in found.record.requests for operation in request["operations"] if operation["summary"] == "SELECT"
             for name in operation["flags"]}
    tap.check("each says that its text was not seen, and that it reads", flags == {"read", "unseen"}, flags)


tap = Tap()
with Postgres() as database:
    database.sql(TABLES)
    table = database.sql("SELECT 'items'::regclass::int")
    with Python(APPS / "prepared_pages.py", env={"DSN": f"postgresql://postgres@127.0.0.1:{database.port}/test"}) as web:
        tap.run("asyncpg", judge, web, "2 columns")
    described = f"price, pg_sleep FROM {table.strip()}::regclass"
    with Node(APPS / "prepared_pages.js", env={"DB_PORT": str(database.port), "NODE_PATH": MODULES}) as web:
        tap.run("node", judge, web, described)
    if shutil.which("java") and JDBC.exists():
        with Java(APPS / "PreparedPages.java", env={"DB_PORT": str(database.port)}) as web:
            tap.run("pgjdbc", judge, web, "2 columns")
    else:
        tap.skip("pgjdbc", "no JDK, or no pgjdbc: install default-jdk-headless and libpostgresql-jdbc-java")
tap.done()
