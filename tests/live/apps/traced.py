# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A WSGI application whose pages ask a database and another service; /boom fails."""
import http.client
import os
import urllib.parse

import psycopg2

_database = []


def database():
    if not _database:
        _database.append(psycopg2.connect(os.environ["DSN"]))
        _database[0].autocommit = True
    return _database[0].cursor()


def orders(_):
    cursor = database()
    cursor.execute("SELECT pg_sleep(0.01), 42")
    cursor.fetchall()
    url = urllib.parse.urlsplit(os.environ["UPSTREAM"])
    connection = http.client.HTTPConnection(url.hostname, url.port)
    connection.request("GET", url.path)
    connection.getresponse().read()
    connection.close()
    return "200 OK"


def boom(_):
    return "500 Internal Server Error"


def app(environ, start_response):
    page = boom if environ["PATH_INFO"].startswith("/boom") else orders
    start_response(page(environ), [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
