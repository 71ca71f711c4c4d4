# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A WSGI application that has a MongoDB do things by pymongo, and answers with what operations that is. /NAME/NUMBER; environment:
MONGODB_PORT."""
import json
import os

import pymongo
import pymongo.errors

from operations_sql import Told

client = None


def connection():
    global client
    if not client:
        client = pymongo.MongoClient("127.0.0.1", int(os.environ["MONGODB_PORT"]), connect=False, maxPoolSize=1, retryWrites=False)
    return client.test


def open_(told, number):
    connection().command("ping")


def simple(told, number):
    orders = connection().orders
    orders.insert_one({"_id": f"secret-{number}", "customer": number, "total": 3})
    told("insert orders", "", "write")
    assert orders.find_one({"_id": f"secret-{number}"})["total"] == 3
    told("find orders", 'find orders {"_id": ?}', "read")
    assert len(list(orders.find({"customer": number, "total": {"$gt": 1}}))) == 1
    told("find orders", 'find orders {"customer": ?, "total": {"$gt": ?}}', "read")
    orders.update_many({"customer": number}, {"$set": {"total": 4}})
    told("update orders", 'update orders {"customer": ?}', "write")
    assert list(orders.aggregate([{"$match": {"customer": number}}]))[0]["total"] == 4
    told("aggregate orders", 'aggregate orders [{"$match": {"customer": ?}}]', "read")
    orders.delete_many({"customer": number})
    told("delete orders", 'delete orders {"customer": ?}', "write")


def errors(told, number):
    database = connection()
    database.orders.insert_one({"_id": f"twice-{number}"})
    told("insert orders", "", "write")
    try:
        database.orders.insert_one({"_id": f"twice-{number}"})
    except pymongo.errors.DuplicateKeyError:
        told("insert orders", "", "write", error="11000")
    try:
        database.command("oops", "secret")
    except pymongo.errors.OperationFailure:
        told("oops", "", error="CommandNotFound")


def large(told, number):
    """More documents than one answer holds, and larger ones than are at hand."""
    items = connection().items
    items.insert_many([{"_id": f"{number}-{item}", "order": number, "text": "secret" * 100} for item in range(50)])
    told("insert items", "", "write")
    assert len(list(items.find({"order": number}, batch_size=20))) == 50
    told("find items", 'find items {"order": ?}', "read")
    for _ in range(2):
        told("getMore items", "", "fetch", "read")


def rounds(told, number):
    orders = connection().orders
    for item in range(12):
        orders.find_one({"customer": item, "ms": 2})
        told("find orders", 'find orders {"customer": ?, "ms": ?}', "read")


JOBS = {job.__name__: job for job in (open_, simple, errors, large, rounds)}


def app(environ, start_response):
    told = Told()
    _, name, number = environ["PATH_INFO"].split("/")
    JOBS[name](told, int(number))
    body = json.dumps(told).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
