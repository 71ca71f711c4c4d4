# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""threads_wsgi.py with operations of databases that threads_work.py has not.

Set by the environment: TRUTH_MYSQL, TRUTH_MEMCACHED, TRUTH_MONGODB (ports).

/do/mysql/MS, /do/mysql_new/MS    SELECT SLEEP on a connection that is kept, or on one of its own
/do/memcached/0                   a SET and two GETs
/do/memcached-COMMAND/0           that command of memcached, the first on a connection of its own
/do/mongodb/MS                    a message to what answers MongoDB's messages so late
"""
import contextlib
import os
import socket
import struct

import bson
import pymemcache
import pymysql

import threads_work
from threads_wsgi import app  # noqa: F401  (for gunicorn)

# What each says first; every one is answered.
FIRST = {
    "get": b"get key\r\n", "gets": b"gets key\r\n", "gat": b"gat 60 key\r\n", "set": b"set key 0 0 1\r\nx\r\n",
    "add": b"add new 0 0 1\r\nx\r\n", "replace": b"replace key 0 0 1\r\nx\r\n", "append": b"append key 0 0 1\r\nx\r\n",
    "prepend": b"prepend key 0 0 1\r\nx\r\n", "cas": b"cas key 0 0 1 1\r\nx\r\n", "incr": b"incr number 1\r\n",
    "decr": b"decr number 1\r\n", "delete": b"delete new\r\n", "touch": b"touch key 60\r\n", "version": b"version\r\n",
    "mg": b"mg key v\r\n", "ms": b"ms key 1\r\nx\r\n", "md": b"md new\r\n", "ma": b"ma number\r\n", "mn": b"mn\r\n",
    # The binary protocol: magic, opcode (get, no-op), key length, extras length, data type, vbucket, body length, opaque, CAS.
    "binary-get": struct.pack(">BBHBBHIIQ", 0x80, 0x00, 3, 0, 0, 0, 3, 0, 0) + b"key",
    "binary-noop": struct.pack(">BBHBBHIIQ", 0x80, 0x0a, 0, 0, 0, 0, 0, 0, 0),
}


def _port(name):
    return int(os.environ[f"TRUTH_{name.upper()}"])


def _connect(name):
    connection = socket.create_connection(("127.0.0.1", _port(name)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _connect_mysql():
    return pymysql.connect(host="127.0.0.1", port=_port("mysql"), user="truth")


MYSQLS, MEMCACHEDS, MONGODBS = map(threads_work.Pool, (
    _connect_mysql, lambda: pymemcache.Client(("127.0.0.1", _port("memcached")), no_delay=True), lambda: _connect("mongodb")))


def _sleep(connection, ms):
    with connection.cursor() as cursor:
        cursor.execute("SELECT SLEEP(%s)", (ms / 1000,))


def mysql(ms, _):
    with MYSQLS.take() as connection:
        _sleep(connection, ms)


def mysql_new(ms, _):
    with contextlib.closing(_connect_mysql()) as connection:
        _sleep(connection, ms)


def memcached(_, __):
    with MEMCACHEDS.take() as client:
        client.set("key", "x" * 100, noreply=False)
        client.get("key")
        client.get("none")


def memcached_first(command):
    with _connect("memcached") as connection:
        connection.sendall(FIRST[command])
        connection.recv(65536)


def mongodb(ms, _):
    with MONGODBS.take() as connection:
        document = bson.encode({"delay": ms, "$db": "truth"})
        # Length, request id, of the one answered, OP_MSG; flags, and a section that is one document.
        connection.sendall(struct.pack("<iiiiIB", 21 + len(document), 1, 0, 2013, 0, 0) + document)
        connection.recv(65536)


threads_work.DO.update(mysql=mysql, mysql_new=mysql_new, memcached=memcached, mongodb=mongodb)
for name in FIRST:
    threads_work.DO[f"memcached-{name}"] = lambda _, __, name=name: memcached_first(name)
