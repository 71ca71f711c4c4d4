#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What real clients and a real PostgreSQL say to one another, played to whywait's parser: in the pieces in which it went over the
socket, in any other ones, with no more of it at hand than the kernel keeps, from the middle on, and with calls missing."""
import asyncio
import collections
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parents[1] / "tools"), str(HERE / "apps")]

import asyncpg  # noqa: E402
import operations_asyncpg  # noqa: E402
import operations_sql  # noqa: E402
from services import Postgres  # noqa: E402
from streams_truth import check_stream, in_chunks  # noqa: E402
from tap import Tap  # noqa: E402
from wiretap import Wiretap, replay  # noqa: E402


def psycopgs(tap, postgres, driver):
    make, cursor, jobs = operations_sql.DRIVERS[driver]
    with Wiretap(("127.0.0.1", postgres.port)) as wire:
        os.environ["TRUTH_DSN"] = f"host=127.0.0.1 port={wire.port} user=postgres dbname=test"
        told = operations_sql.Told()
        told("connect", "", "connect")
        connection = make()
        for name, job in jobs.items():
            if name != "connect":
                job(told, cursor(connection))
        connection.close()
    check_stream(tap, driver, "postgres", wire.streams[0], told)


def asyncpgs(tap, postgres):
    async def ask(port, told):
        told("connect", "", "connect")
        connection = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{port}/test", ssl=False)
        for job in operations_asyncpg.JOBS:
            await job(told, connection)
        await connection.close()

    told = operations_sql.Told()
    with Wiretap(("127.0.0.1", postgres.port)) as wire:
        asyncio.run(ask(wire.port, told))
    check_stream(tap, "asyncpg", "postgres", wire.streams[0], told)


def pgbench(tap, postgres, mode):
    """Its transaction is of seven statements; with `prepared` each has been prepared once."""
    count = 30
    with Wiretap(("127.0.0.1", postgres.port)) as wire:
        subprocess.run(["pgbench", "-h", "127.0.0.1", "-p", str(wire.port), "-U", "postgres", "-n", "-c", "1", "-t", str(count), "-M", mode,
                        "test"], check=True, capture_output=True)
    seen = collections.Counter()
    for stream in wire.streams:
        result = replay("postgres", in_chunks(stream), "--limits")
        seen.update(operation["summary"] for operation in result["operations"])
        seen["unsure"] += result["unsure"]
    names = ("BEGIN", "UPDATE pgbench_accounts", "SELECT pgbench_accounts", "UPDATE pgbench_tellers", "UPDATE pgbench_branches",
             "INSERT pgbench_history", "END")
    tap.check(f"pgbench -M {mode}: {count} of each statement", all(seen[name] == count for name in names) and not seen["unsure"], seen)
    prepared = {name: seen[f"PREPARE {name}"] for name in names}
    tap.check(f"pgbench -M {mode}: prepared so often", set(prepared.values()) == {1 if mode == "prepared" else 0}, prepared)


def psql(tap, postgres):
    script = r"""
\copy things FROM PROGRAM 'seq 1 5000'
\copy (SELECT id FROM things LIMIT 3000) TO '/dev/null'
SELECT id FROM things \; SELECT 'secret';
SELECT nothing;
"""
    with Wiretap(("127.0.0.1", postgres.port)) as wire:
        subprocess.run(["psql", "-XqAt", "-h", "127.0.0.1", "-p", str(wire.port), "-U", "postgres", "test"],
                       input=script, text=True, check=True, capture_output=True)
    told = operations_sql.Told()
    told("connect", "", "connect")
    told("COPY things", "COPY things FROM STDIN", "write")
    told("COPY things", "COPY (SELECT id FROM things LIMIT ?) TO STDOUT", "read")
    told("SELECT things", "SELECT id FROM things; SELECT ?", "batch", "read")
    told("SELECT", "SELECT NOTHING", "read", error="42703")
    check_stream(tap, "psql", "postgres", wire.streams[-1], told)


tap = Tap()
with Postgres() as server:
    server.sql("CREATE TABLE items (id int, name text); CREATE TABLE things (id int);"
               "INSERT INTO items SELECT n, 'secret' || n FROM generate_series(1, 4000) n")
    subprocess.run(["pgbench", "-i", "-q", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "test"], check=True,
                   capture_output=True)
    for name in "psycopg2", "psycopg":
        tap.run(name, psycopgs, tap, server, name)
    tap.run("asyncpg", asyncpgs, tap, server)
    for how in "simple", "extended", "prepared":
        tap.run(f"pgbench -M {how}", pgbench, tap, server, how)
    tap.run("psql", psql, tap, server)
tap.done()
