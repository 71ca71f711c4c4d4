# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A WSGI application whose handlers say what they asked of their database.

Set by the environment: TRUTH_DSN (PostgreSQL), TRUTH_MYSQL (a port).

/DRIVER/NAME/ANYTHING    runs NAME of DRIVER below; the response is a list of what it did, in order: {"summary": ..} with
                         "statement", "error" and "flags" where there are any
"""
import contextlib
import io
import json
import os

import psycopg
import psycopg2
import psycopg2.extras
import pymysql

ROWS = 4000


class Told(list):
    """Each call is an operation."""

    def __call__(self, summary, statement="", *flags, error=""):
        self.append({"summary": summary, "statement": statement, "error": error, "flags": sorted(flags)})

    def begin(self):
        self("BEGIN", "BEGIN", "control")

    def commit(self):
        self("COMMIT", "COMMIT", "control")

    def rollback(self):
        self("ROLLBACK", "ROLLBACK", "control")


_kept = {}


def kept(name, make):
    if name not in _kept:
        _kept[name] = make()
    return _kept[name]


def connect_psycopg2():
    return psycopg2.connect(os.environ["TRUTH_DSN"])


def connect_psycopg():
    connection = psycopg.connect(os.environ["TRUTH_DSN"], autocommit=True)
    connection.prepare_threshold = 1000  # only what is said to be
    return connection


def connect_pymysql():
    return pymysql.connect(host="127.0.0.1", port=int(os.environ["TRUTH_MYSQL"]), user="truth", database="truth", autocommit=True,
                           local_infile=True, client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)


def connected(told, driver):
    """What making a connection takes: TCP's part and the log-in."""
    told("connect", "", "connect")
    told("connect", "", "connect")


# ---- psycopg2: simple queries

def plain(told, cursor):
    told.begin()
    for number in range(5):
        cursor.execute("SELECT name FROM items WHERE id = %s", (number,))
        told("SELECT items", "SELECT name FROM items WHERE id = ?", "read")
    cursor.execute("/* of a */ insert into items (id, name) values (%s, %s), (%s, %s)", (1, "secret", 2, "it's \\ secret"))
    told("INSERT items", "INSERT INTO items (id, name) VALUES (?, ?)", "write")
    cursor.connection.commit()
    told.commit()


def transaction(told, cursor):
    told.begin()
    cursor.execute("UPDATE items SET name = %s WHERE id = %s", ("secret", 5))
    told("UPDATE items", "UPDATE items SET name = ? WHERE id = ?", "write")
    cursor.execute("SAVEPOINT s1_x1")
    told("SAVEPOINT", "SAVEPOINT ?", "control")
    try:
        cursor.execute("SELECT name FROM nowhere WHERE id IN %s", ((1, 2, 3),))
    except psycopg2.Error:
        told("SELECT nowhere", "SELECT name FROM nowhere WHERE id IN (?)", "read", error="42P01")
    cursor.execute("ROLLBACK TO SAVEPOINT s1_x1")
    told("ROLLBACK TO", "ROLLBACK TO SAVEPOINT ?", "control")
    cursor.execute("DELETE FROM items WHERE id = -1")
    told("DELETE items", "DELETE FROM items WHERE id = ?", "write")
    cursor.connection.rollback()
    told.rollback()


def batch(told, cursor):
    told.begin()
    psycopg2.extras.execute_batch(cursor, "UPDATE items SET name = %s WHERE id = %s", [("x", number) for number in range(20)])
    told("UPDATE items", "UPDATE items SET name = ? WHERE id = ?", "batch", "write")
    psycopg2.extras.execute_values(cursor, "INSERT INTO items VALUES %s", [(number, "x") for number in range(20)])
    told("INSERT items", "INSERT INTO items VALUES (?, ?)", "write")
    cursor.connection.rollback()
    told.rollback()


def copy(told, cursor):
    told.begin()
    cursor.copy_expert("COPY items FROM STDIN", io.StringIO("".join(f"{number}\tsecret\n" for number in range(ROWS))))
    told("COPY items", "COPY items FROM STDIN", "write")
    cursor.copy_expert("COPY (SELECT * FROM items) TO STDOUT", io.StringIO())
    told("COPY items", "COPY (SELECT * FROM items) TO STDOUT", "read")
    cursor.connection.rollback()
    told.rollback()


def cursors(told, cursor):
    told.begin()
    named = cursor.connection.cursor("made_up_17")
    named.itersize = ROWS // 4
    named.execute("SELECT id, name FROM items LIMIT %s", (ROWS,))
    told("DECLARE SELECT items", "DECLARE ? CURSOR WITHOUT HOLD FOR SELECT id, name FROM items LIMIT ?", "read")
    assert sum(1 for _ in named) == ROWS
    for _ in range(5):
        told("FETCH", "FETCH FORWARD ? FROM ?", "fetch", "read")
    named.close()
    told("CLOSE", "CLOSE ?", "control")
    cursor.connection.rollback()
    told.rollback()


def large(told, cursor):
    told.begin()
    cursor.execute("SELECT id, name, repeat('x', 200) FROM items LIMIT 4000")
    told("SELECT items", "SELECT id, name, repeat(?, ?) FROM items LIMIT ?", "read")
    cursor.execute("SELECT 1")
    told("SELECT", "SELECT ?", "read")
    cursor.connection.rollback()
    told.rollback()


def connect(told, _):
    with contextlib.closing(connect_psycopg2()) as connection:
        connected(told, "psycopg2")
        connection.autocommit = True
        connection.cursor().execute("SELECT pg_sleep(0.002)")
        told("SELECT", "SELECT pg_sleep(?)", "read")


# ---- psycopg: the extended protocol

def extended(told, connection):
    for number in range(3):
        connection.execute("SELECT name FROM items WHERE id = %s AND name = %s", (number, "secret"))
        told("SELECT items", "SELECT name FROM items WHERE id = ? AND name = ?", "read")
    try:
        connection.execute("SELECT 1 / %s::int", (0,))
    except psycopg.Error:
        told("SELECT", "SELECT ? / ?::int", "read", error="22012")
    for number in range(3):
        connection.execute("SELECT id FROM items WHERE name = %s LIMIT 5", (str(number),), prepare=True)
        if not number and "prepared" not in _kept:
            _kept["prepared"] = True
            told("PREPARE SELECT items", "SELECT id FROM items WHERE name = ? LIMIT ?", "control")
        told("SELECT items", "SELECT id FROM items WHERE name = ? LIMIT ?", "read")


def many(told, connection):
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO things VALUES (%s)", [(number,) for number in range(200)])
    told("INSERT things", "INSERT INTO things VALUES (?)", "batch", "write")
    with connection.pipeline():
        connection.execute("SELECT id FROM items WHERE id = %s", (1,))
        connection.execute("SELECT name FROM items WHERE id = %s", (1,))
    told("SELECT items", "SELECT id FROM items WHERE id = ?; SELECT name FROM items WHERE id = ?", "batch", "read")


# ---- pymysql

def mysql(told, cursor):
    for number in range(5):
        cursor.execute("SELECT name FROM items WHERE id = %s", (number,))
        told("SELECT items", "SELECT name FROM items WHERE id = ?", "read")
    cursor.execute("INSERT INTO items VALUES (%s, %s)", (1, "it's \"secret\" \\"))
    told("INSERT items", "INSERT INTO items VALUES (?, ?)", "write")
    cursor.execute("DELETE FROM items WHERE id = 1 AND name LIKE 'it%'")
    told("DELETE items", "DELETE FROM items WHERE id = ? AND name LIKE ?", "write")
    for text, error in (("SELECT nothing FROM nowhere", "1146 (42S02)"), ("INSERT INTO uniques VALUES (1)", "1062 (23000)")):
        try:
            cursor.execute(text)
        except pymysql.Error:
            if error[:4] == "1146":
                told("SELECT nowhere", "SELECT NOTHING FROM nowhere", "read", error=error)
            else:
                told("INSERT uniques", "INSERT INTO uniques VALUES (?)", "write", error=error)
    cursor.execute("SELECT 1; SELECT id FROM items LIMIT 3; SELECT 'secret'")
    while cursor.nextset():
        pass
    told("SELECT", "SELECT ?; SELECT id FROM items LIMIT ?; SELECT ?", "batch", "read")


def mysql_large(told, cursor):
    for _ in range(2):
        cursor.execute("SELECT id, name, repeat('x', 200) FROM items LIMIT 4000")
        told("SELECT items", "SELECT id, name, repeat(?, ?) FROM items LIMIT ?", "read")
    cursor.execute("SELECT SLEEP(0.002)")
    told("SELECT", "SELECT SLEEP(?)", "read")


def mysql_connect(told, _):
    with contextlib.closing(connect_pymysql()) as connection:
        connected(told, "pymysql")
        connection.ping()
        told("PING", "", "control")


DRIVERS = {
    "psycopg2": (connect_psycopg2, psycopg2.extensions.connection.cursor,
                 {f.__name__: f for f in (plain, transaction, batch, copy, cursors, large, connect)}),
    "psycopg": (connect_psycopg, lambda connection: connection, {f.__name__: f for f in (extended, many)}),
    "pymysql": (connect_pymysql, pymysql.connections.Connection.cursor,
                {f.__name__: f for f in (mysql, mysql_large, mysql_connect)}),
}


def app(environ, start_response):
    driver, name = environ["PATH_INFO"].split("/")[1:3]
    make, cursor, jobs = DRIVERS[driver]
    told = Told()
    new = name.endswith("connect")
    if name == "open":
        connected(told, driver)
        kept(driver, make)
    else:
        jobs[name](told, None if new else cursor(kept(driver, make)))
    body = json.dumps(told).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
