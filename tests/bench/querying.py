# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A page that asks PostgreSQL the same again and again, by psycopg2, which writes the values into the text."""
import os

import psycopg2

QUERIES = 100  # a page
COLUMNS = [f"{name}_of_it" for name in ("id", "name", "made_at", "changed_at", "quantity", "unit_price", "customer",
                                        "warehouse", "discount", "remark")]
SCHEMA = f"""
    CREATE TABLE t AS SELECT i AS id, 'name ' || i AS name FROM generate_series(1, 1000) i;
    CREATE UNIQUE INDEX ON t (id);
    CREATE TABLE orders_customer AS SELECT i AS id FROM generate_series(1, 1000) i;
    CREATE UNIQUE INDEX ON orders_customer (id);
    CREATE TABLE orders_item AS SELECT {', '.join(f'i AS {column}' for column in COLUMNS)} FROM generate_series(1, 1000) i;
    CREATE UNIQUE INDEX ON orders_item (id_of_it);
    ANALYZE
"""
TEXTS = {
    "short": "SELECT name FROM t WHERE id = %s",
    # As a framework writes it that knows all columns.
    "long": "SELECT " + ", ".join(f'"orders_item"."{column}"' for column in COLUMNS) +
            ' FROM "orders_item" INNER JOIN "orders_customer" ON ("orders_item"."customer_of_it" = '
            '"orders_customer"."id") WHERE "orders_item"."id_of_it" = %s AND "orders_item"."quantity_of_it" > 0',
}
if "DSN" in os.environ:
    database = psycopg2.connect(os.environ["DSN"])
    database.autocommit = True
    cursor = database.cursor()


def app(environ, start_response):
    text = TEXTS[environ["PATH_INFO"][1:]]
    for at in range(QUERIES):
        cursor.execute(text, (at * 37 % 1000 + 1,))
        cursor.fetchall()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
