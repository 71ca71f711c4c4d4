# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A WSGI application whose pages each have a habit, good or bad, that findings are about. Environment: DSN (PostgreSQL with
the tables of test_findings_operations.py), REDIS_PORT, STOCK, PRICES, SHIPPING (URLs), LOCK (a file).
"""
import fcntl
import os
import time
import urllib.request

import psycopg2
import redis
from psycopg2.extras import execute_values

database = psycopg2.connect(os.environ["DSN"])
database.autocommit = True
cache = redis.Redis("127.0.0.1", port=int(os.environ["REDIS_PORT"]))
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

ROW = "SELECT price, pg_sleep(0.002) FROM items WHERE id = %s"


def query(statement, *values):
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def write(statement, *values):
    query(statement, *values)


def rounds(number):
    """N+1, with other things in between; as many rows in the answer."""
    answer = []
    for (item,) in query("SELECT id FROM items WHERE id <= %s", number):
        answer.append(query(ROW, item)[0][0])
        write("INSERT INTO log VALUES (%s)", item)
    return "x" * 100 * len(answer)


def cursor(number):
    """As many round trips, for one result: a cursor of the server."""
    database.autocommit = False
    with database.cursor("c") as rows:
        rows.itersize = 1
        rows.execute("SELECT price, pg_sleep(0.002) FROM items WHERE id <= %s", (number,))
        count = sum(1 for _ in rows)
    database.commit()
    database.autocommit = True
    return str(count)


def batch(number):
    with database.cursor() as rows:
        execute_values(rows, "INSERT INTO log VALUES %s", [(item,) for item in range(number)])
        rows.executemany("INSERT INTO log VALUES (%s)", [(item,) for item in range(number)])
    return ""


def repeat(number):
    return "".join(str(query(ROW, number)) for _ in range(3))


def reread(number):
    """The same query again, since something was written in between."""
    for _ in range(3):
        query(ROW, number)
        write("UPDATE items SET price = price + 1 WHERE id = %s", number)
    return ""


def rarely(number):
    """Twice in one request of a thousand."""
    for _ in range(2 if number == 500 else 1):
        query("SELECT price FROM items WHERE id = %s", number % 50)
    return ""


def slow(number):
    query("SELECT count(*), pg_sleep(0.02) FROM items WHERE price = %s", number)
    return str(query("SELECT 1"))


def cached(number):
    """What is not in the cache is asked of the database and put there."""
    key = f"item {number}"
    value = cache.get(key)
    if value is None:
        value = query(ROW, number % 50)[0][0]
        cache.set(key, value)
    return str(value)


def names(number):
    """One key after the other, of names without a digit."""
    letters = str.maketrans("0123456789", "abcdefghij")
    return "".join(str(cache.get(f"user:{str(40 * number + one).translate(letters)}:cart")) for one in range(40))


def serial(number):
    return "".join(str(opener.open(os.environ[name]).status) for name in ("STOCK", "PRICES", "SHIPPING"))


def sleep(number):
    time.sleep(number / 1000)
    return ""


def lock(number):
    with open(os.environ["LOCK"], "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        query("SELECT pg_sleep(%s)", number / 1000)
    return ""


def compute(number):
    # Whether it computes or waits for a CPU is not to depend on how busy the machine is.
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    end = time.thread_time() + number / 1000
    while time.thread_time() < end:
        pass
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return ""


def quick(number):
    return str(query("SELECT price FROM items WHERE id = %s", number % 50))


def large(number):
    """More than a client takes that reads slowly."""
    return "x" * 1_000_000 * number


PAGES = {page.__name__: page for page in (rounds, cursor, batch, repeat, reread, rarely, slow, cached, names, serial, sleep, lock,
                                          compute, quick, large)}


def app(environ, start_response):
    _, page, number = environ["PATH_INFO"].split("/")
    body = PAGES[page](int(number)).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
