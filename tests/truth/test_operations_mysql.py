#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A web server's handlers say which statements they had a real MariaDB run; each request's operations are held against that."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from operations_truth import APPS, ask, compare  # noqa: E402
from services import Gunicorn, MariaDB  # noqa: E402
import pymysql  # noqa: E402

JOBS = ("mysql", "mysql_large", "mysql_connect")


def fill(port):
    connection = pymysql.connect(host="127.0.0.1", port=port, user="truth", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE truth")
        cursor.execute("CREATE TABLE truth.items (id int, name text)")
        cursor.execute("CREATE TABLE truth.uniques (id int PRIMARY KEY)")
        cursor.execute("INSERT INTO truth.uniques VALUES (1)")
        cursor.executemany("INSERT INTO truth.items VALUES (%s, %s)", [(number, "secret") for number in range(4000)])
    connection.close()


def judge(mariadb, before):
    tap.note(f"connections {'from before' if before else 'made while observed'}")
    with Gunicorn("operations_sql:app", cwd=APPS, env={"TRUTH_DSN": "", "TRUTH_MYSQL": str(mariadb.port)}) as web:
        opens = ["/pymysql/open/0"]
        paths = [] if before else opens
        paths = paths + [f"/pymysql/{name}/{number}" for number in range(3) for name in JOBS]
        record, told = ask(web, paths, opens if before else ())
    record.check(tap)
    compare(tap, record, told)


tap = Tap()
with MariaDB() as server:
    fill(server.port)
    tap.run("connections from before", judge, server, True)
    tap.run("connections made while observed", judge, server, False)
tap.done()
