#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What real clients and a real MariaDB say to one another, played to whywait's parser, as test_streams_postgres.py does."""
import ctypes
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parents[1] / "tools"), str(HERE / "apps")]

import pymysql  # noqa: E402
import MySQLdb  # noqa: E402
import operations_sql  # noqa: E402
from services import MariaDB  # noqa: E402
from streams_truth import check_stream, in_chunks, operations  # noqa: E402
from tap import Tap  # noqa: E402
from wiretap import Wiretap, replay  # noqa: E402

LONG = 3  # MYSQL_TYPE_LONG
CURSOR_TYPE, PREFETCH_ROWS, ARRAY_SIZE = 1, 2, 201  # enum enum_stmt_attr_type of MariaDB's Connector/C


def fill(port):
    connection = pymysql.connect(host="127.0.0.1", port=port, user="truth", autocommit=True)
    with connection.cursor() as cursor:
        for text in ("CREATE DATABASE truth", "CREATE TABLE truth.items (id int, name text)",
                     "CREATE TABLE truth.uniques (id int PRIMARY KEY)", "INSERT INTO truth.uniques VALUES (1)"):
            cursor.execute(text)
        cursor.executemany("INSERT INTO truth.items VALUES (%s, %s)", [(number, "secret") for number in range(4000)])
    connection.close()


def text(tap, mariadb):
    make, cursor, jobs = operations_sql.DRIVERS["pymysql"]
    told = operations_sql.Told()
    with Wiretap(("127.0.0.1", mariadb.port)) as wire, tempfile.NamedTemporaryFile("w") as file:
        os.environ["TRUTH_MYSQL"] = str(wire.port)
        told("connect", "", "connect")
        connection = make()
        for name in "mysql", "mysql_large":
            jobs[name](told, cursor(connection))
        # Its parts are numbered in a byte: commands begin with 0, and so do some of them.
        file.write("".join(f"{number}\tsecret{'x' * 50}\n" for number in range(100_000)))
        file.flush()
        connection.cursor().execute(f"LOAD DATA LOCAL INFILE '{file.name}' INTO TABLE items")
        told("LOAD items", "LOAD DATA LOCAL INFILE ? INTO TABLE items", "write")
        with connection.cursor(pymysql.cursors.SSCursor) as rows:
            rows.execute("SELECT * FROM items LIMIT 5000")
            assert len(rows.fetchall()) == 5000
        told("SELECT items", "SELECT * FROM items LIMIT ?", "read")
        connection.cursor().execute("DELETE FROM items WHERE name <> 'secret'")
        told("DELETE items", "DELETE FROM items WHERE name <> ?", "write")
        connection.close()
    check_stream(tap, "pymysql", "mysql", wire.streams[0], told)


def without_eof(tap, mariadb):
    """MySQLdb, by MariaDB's Connector/C, agrees with the server to leave some packets out."""
    told = operations_sql.Told()
    with Wiretap(("127.0.0.1", mariadb.port)) as wire:
        told("connect", "", "connect")
        connection = MySQLdb.connect(host="127.0.0.1", port=wire.port, user="truth", db="truth")
        told("SET", "SET autocommit = ?", "control")
        cursor = connection.cursor()
        for count in 10, 4000:
            cursor.execute("SELECT id, name FROM items LIMIT %s", (count,))
            assert len(cursor.fetchall()) == count
            told("SELECT items", "SELECT id, name FROM items LIMIT ?", "read")
        try:
            cursor.execute("INSERT INTO uniques VALUES (1)")
        except MySQLdb.Error:
            told("INSERT uniques", "INSERT INTO uniques VALUES (?)", "write", error="1062 (23000)")
        connection.commit()
        told.commit()
        connection.close()
    check_stream(tap, "MySQLdb", "mysql", wire.streams[0], told)


class Bind(ctypes.Structure):
    """MYSQL_BIND of MariaDB's Connector/C."""
    _fields_ = [(name, ctypes.c_void_p) for name in ("length", "is_null", "buffer", "error", "row", "store", "fetch", "skip")] + [
        ("buffer_length", ctypes.c_ulong), ("offset", ctypes.c_ulong), ("length_value", ctypes.c_ulong), ("flags", ctypes.c_uint),
        ("pack_length", ctypes.c_uint), ("type", ctypes.c_int), ("booleans", ctypes.c_byte * 4), ("extension", ctypes.c_void_p)]


class Connector:
    """MariaDB's Connector/C, for its prepared statements."""

    def __init__(self, port):
        self.mariadb = ctypes.CDLL("libmariadb.so.3")
        for name in "mysql_init", "mysql_real_connect", "mysql_stmt_init":
            getattr(self.mariadb, name).restype = ctypes.c_void_p
        self.handle = ctypes.c_void_p(self.mariadb.mysql_init(None))
        if not self.mariadb.mysql_real_connect(self.handle, b"127.0.0.1", b"truth", None, b"truth", port, None, ctypes.c_ulong(0)):
            raise OSError("mysql_real_connect")

    def prepare(self, statement):
        prepared = ctypes.c_void_p(self.mariadb.mysql_stmt_init(self.handle))
        return prepared, self.mariadb.mysql_stmt_prepare(prepared, statement, ctypes.c_ulong(len(statement)))

    def execute(self, prepared, *values):
        """Several values are several executions in one command."""
        array = (ctypes.c_int * len(values))(*values)
        bind = Bind(buffer=ctypes.cast(array, ctypes.c_void_p), type=LONG)
        if len(values) > 1:
            count = ctypes.c_uint(len(values))
            self.mariadb.mysql_stmt_attr_set(prepared, ARRAY_SIZE, ctypes.byref(count))
        if values:
            self.mariadb.mysql_stmt_bind_param(prepared, ctypes.byref(bind))
        if self.mariadb.mysql_stmt_execute(prepared):
            raise OSError("mysql_stmt_execute")

    def rows(self, prepared):
        count = 0
        while not self.mariadb.mysql_stmt_fetch(prepared):
            count += 1
        self.mariadb.mysql_stmt_free_result(prepared)
        return count

    def close(self):
        self.mariadb.mysql_close(self.handle)


def prepared(tap, mariadb):
    told = operations_sql.Told()
    with Wiretap(("127.0.0.1", mariadb.port)) as wire:
        told("connect", "", "connect")
        connector = Connector(wire.port)
        statement, _ = connector.prepare(b"SELECT id, name FROM items WHERE id > ? AND name = 'secret' LIMIT 3000")
        told("PREPARE SELECT items", "SELECT id, name FROM items WHERE id > ? AND name = ? LIMIT ?", "control")
        for value in 3990, 0, 3990:
            connector.execute(statement, value)
            assert connector.rows(statement) == (3000 if not value else 9)
            told("SELECT items", "SELECT id, name FROM items WHERE id > ? AND name = ? LIMIT ?", "read")
        connector.mariadb.mysql_stmt_close(statement)
        statement, _ = connector.prepare(b"SELECT id FROM items LIMIT 100")
        told("PREPARE SELECT items", "SELECT id FROM items LIMIT ?", "control")
        one, many = ctypes.c_ulong(1), ctypes.c_ulong(40)
        connector.mariadb.mysql_stmt_attr_set(statement, CURSOR_TYPE, ctypes.byref(one))
        connector.mariadb.mysql_stmt_attr_set(statement, PREFETCH_ROWS, ctypes.byref(many))
        connector.execute(statement)
        told("SELECT items", "SELECT id FROM items LIMIT ?", "read")
        assert connector.rows(statement) == 100
        for _ in range(3):
            told("FETCH SELECT items", "SELECT id FROM items LIMIT ?", "fetch", "read")
        connector.mariadb.mysql_stmt_close(statement)
        statement, _ = connector.prepare(b"INSERT INTO items VALUES (?, 'secret')")
        told("PREPARE INSERT items", "INSERT INTO items VALUES (?, ?)", "control")
        connector.execute(statement, -1, -2, -3)
        told("INSERT items", "INSERT INTO items VALUES (?, ?)", "batch", "write")
        connector.mariadb.mysql_stmt_close(statement)
        statement, failed = connector.prepare(b"SELECT oops FROM items")
        assert failed
        told("PREPARE SELECT items", "SELECT oops FROM items", "control", error="1054 (42S22)")
        connector.mariadb.mysql_stmt_close(statement)
        connector.close()
    check_stream(tap, "Connector/C", "mysql", wire.streams[0], told)
    found = [o["arguments"] for o in replay("mysql", wire.streams[0])["operations"] if o["summary"] == "SELECT items"][:3]
    tap.check("Connector/C: the arguments tell executions apart, and the same from others", found[0] and found[0] == found[2] != found[1], found)


def before(tap, mariadb):
    """Joined when all has been prepared. It has agreed with the server that columns are defined once only."""
    with Wiretap(("127.0.0.1", mariadb.port)) as wire:
        connector = Connector(wire.port)
        select, _ = connector.prepare(b"SELECT 'secret', name FROM items AS secret WHERE id > ? LIMIT 3")
        insert, _ = connector.prepare(b"INSERT INTO items VALUES (?, 'secret')")
        connector.execute(select, 1)
        connector.rows(select)
        calls = len(wire.streams[0])
        for _ in range(2):
            connector.execute(select, 3000)
            connector.rows(select)
            connector.execute(insert, -7)
        connector.close()
    found = operations(replay("mysql", wire.streams[0], "--limits", "--join", calls))
    seen = [(o["summary"], o["statement"], o["flags"]) for o in found]
    should = [("SELECT", "SELECT 2 columns (text not seen, prepared before)", ["read", "unseen"]),
              ("EXECUTE", "EXECUTE (text not seen, prepared before)", ["write", "unseen"])] * 2
    tap.check("Connector/C, prepared before: what its answers say", seen == should, seen)
    tap.check("Connector/C, prepared before: the same arguments again", found[0]["arguments"] == found[2]["arguments"] != 0, found)


def command(tap, mariadb):
    told = operations_sql.Told()
    with Wiretap(("127.0.0.1", mariadb.port)) as wire:
        address = ["mariadb", "-h127.0.0.1", f"-P{wire.port}", "-utruth"]
        subprocess.run([*address, "truth", "-e", "SELECT 1; SELECT id FROM items LIMIT 2; use truth; SELECT 'secret'"], check=True,
                       capture_output=True)
        subprocess.run([*address, "-C", "-e", "SELECT 'secret'"], check=True, capture_output=True)
    told("connect", "", "connect")
    told("SELECT", "SELECT ?", "read")
    told("SELECT items", "SELECT id FROM items LIMIT ?", "read")
    told("USE", "", "control")
    told("SELECT", "SELECT ?", "read")
    found = operations(replay("mysql", in_chunks(wire.streams[0]), "--limits"))
    own = [o for o in found if o["statement"] != "SELECT DATABASE()"]
    tap.check("mariadb: the operations are those that were made", [o["summary"] for o in own] == [o["summary"] for o in told], found)
    found = operations(replay("mysql", in_chunks(wire.streams[1]), "--limits"))
    tap.check("compressed: a connect, and round trips", found[0]["summary"] == "connect" and len(found) > 1
              and all("uncaptured" in o["flags"] for o in found[1:]), found)


tap = Tap()
with MariaDB() as server:
    fill(server.port)
    for test in text, without_eof, prepared, before, command:
        tap.run(test.__name__, test, tap, server)
tap.done()
