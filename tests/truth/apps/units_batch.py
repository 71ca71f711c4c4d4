# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A batch job that measures itself: asks a database row by row, computes, sleeps, has a child and threads work for it.

units_batch.py DSN ROWS: prints what it did, in ns, as JSON.
"""
import json
import subprocess
import sys
import threading
import time

import psycopg2


def burn(seconds):
    end = time.thread_time_ns() + seconds * 1e9
    while time.thread_time_ns() < end:
        sum(range(500))


def timed(work, *arguments):
    start = time.monotonic_ns()
    work(*arguments)
    return time.monotonic_ns() - start


def rows(connection, count):
    with connection.cursor() as cursor:
        for number in range(count):
            cursor.execute("SELECT name FROM items WHERE id = %s", (number,))
            cursor.fetchone()


def slow(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.3)")


def threads(seconds):
    workers = [threading.Thread(target=burn, args=(seconds,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def main():
    connection = psycopg2.connect(sys.argv[1])
    told = {"db": timed(slow, connection), "rows": timed(rows, connection, int(sys.argv[2])), "sleep": timed(time.sleep, 0.4),
            "compute": timed(burn, 0.3), "threads": timed(threads, 0.2),
            "child": timed(subprocess.run, ["sleep", "0.5"])}
    told["cpu"] = time.process_time_ns()
    print(json.dumps(told))


main()
