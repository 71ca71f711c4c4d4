# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A small shop: Flask under gunicorn's sync workers, each with one connection to PostgreSQL and one to Redis.

Each page has one habit that production code has. Which of them would a faster language help?
"""
import fcntl
import json
import os
import pathlib
import random

import flask
import psycopg2
import redis
import requests

app = flask.Flask(__name__)
database = psycopg2.connect(os.environ["DSN"])
database.autocommit = True
cache = redis.Redis("127.0.0.1", port=int(os.environ["REDIS_PORT"]))
http = requests.Session()
http.trust_env = False  # no proxy on the way to loopback

# What a search service would hand out: a catalogue of products and their features, as JSON.
_random = random.Random(1)
CATALOGUE = json.dumps([{"product": number, "features": [round(_random.random(), 4) for _ in range(40)]}
                        for number in range(1, 3001)])
INVOICE = b"%PDF" + bytes(2_000_000)


def rows(query, *values):
    with database.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


@app.get("/")
def front_page():
    """Cached: one round trip to Redis, and one query when the page has expired."""
    page = cache.get("front page")
    if page is None:
        best = rows("SELECT product, sum(quantity) FROM items GROUP BY product ORDER BY 2 DESC LIMIT 20")
        page = json.dumps([{"product": product, "sold": sold} for product, sold in best])
        cache.setex("front page", 5, page)
    return app.response_class(page, mimetype="application/json")


@app.get("/suggestions/<int:customer>")
def suggestions(customer):
    """Compute: parses a large JSON document and scores all that it holds."""
    taste = [((customer * step) % 97) / 97 for step in range(1, 41)]
    scores = []
    for entry in json.loads(CATALOGUE):
        score = sum(wish * feature for wish, feature in zip(taste, entry["features"]))
        scores.append((score, entry["product"]))
    scores.sort(reverse=True)
    return flask.jsonify([product for _, product in scores[:10]])


@app.get("/orders/<int:customer>")
def orders(customer):
    """N+1: one query for the list, then one for each of its 50 orders."""
    answer = []
    for order, placed in rows("SELECT id, placed FROM orders WHERE customer = %s", customer):
        total = rows("SELECT sum(quantity * cents) FROM items WHERE order_id = %s", order)[0][0]
        answer.append({"order": order, "placed": str(placed), "cents": total})
    return flask.jsonify(answer)


@app.get("/reviews/<int:product>")
def reviews(product):
    """A slow query: it reads all 300,000 reviews, for want of an index on their product."""
    stars, count = rows("SELECT avg(stars), count(*) FROM reviews WHERE product = %s", product)[0]
    return flask.jsonify(stars=float(stars), reviews=count)


@app.post("/checkout")
def checkout():
    """Three services, asked one after the other, though none needs what another answers."""
    stock = http.get(os.environ["STOCK_URL"])
    price = http.get(os.environ["PRICES_URL"])
    shipping = http.get(os.environ["SHIPPING_URL"])
    return flask.jsonify(accepted=all(answer.ok for answer in (stock, price, shipping)))


@app.post("/payments")
def payments():
    """A payment and its invoice are on disk before it is confirmed."""
    number = random.randrange(10**9)
    directory = pathlib.Path(os.environ["PAYMENTS"])
    for name, mode, data in ((f"invoice-{number % 16}", "wb", INVOICE), ("ledger", "ab", b"%d\n" % number)):
        with (directory / name).open(mode) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    return flask.jsonify(paid=number), 201


@app.post("/reserve/<int:product>")
def reserve(product):
    """One lock for all products, held while the stock service answers."""
    with open(os.environ["STOCK_LOCK"], "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        left = http.get(os.environ["STOCK_URL"]).ok
    return flask.jsonify(product=product, reserved=left), 201
