#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Enough of a MongoDB on 127.0.0.1:$PORT for a real driver to work with it: documents in memory, commands answered as the protocol has
it (OP_MSG, and OP_QUERY for the handshake). A find waits for as many milliseconds as its filter's `ms` says."""
import itertools
import os
import socketserver
import struct
import threading
import time

import bson

LOCK = threading.Lock()
collections, cursors, numbers = {}, {}, itertools.count(1)


def matches(document, condition):
    for name, value in condition.items():
        if name == "ms":
            continue
        if isinstance(value, dict):
            if not all({"$gt": lambda a, b: a is not None and a > b, "$in": lambda a, b: a in b}[test](document.get(name), of)
                       for test, of in value.items()):
                return False
        elif document.get(name) != value:
            return False
    return True


def batch(space, rows, size, name):
    """The first of the rows, and a cursor for the others."""
    number = 0
    if len(rows) > size:
        number = next(numbers)
        cursors[number] = (space, rows[size:])
    return {"cursor": {name: rows[:size], "id": bson.int64.Int64(number), "ns": space}, "ok": 1.0}


def answer(command):
    name, target = next(iter(command.items()))
    space = f"{command.get('$db', 'test')}.{target}"
    rows = collections.setdefault(space, {})
    if name in ("isMaster", "ismaster", "hello"):
        return {"ismaster": True, "helloOk": True, "maxBsonObjectSize": 16 << 20, "maxMessageSizeBytes": 48 << 20,
                "maxWriteBatchSize": 100000, "minWireVersion": 0, "maxWireVersion": 8, "logicalSessionTimeoutMinutes": 30, "ok": 1.0}
    if name == "insert":
        errors = []
        for index, document in enumerate(command["documents"]):
            if document["_id"] in rows:
                errors.append({"index": index, "code": 11000, "errmsg": "duplicate key"})
            rows.setdefault(document["_id"], document)
        return {"n": len(command["documents"]) - len(errors), "ok": 1.0} | ({"writeErrors": errors} if errors else {})
    if name in ("find", "aggregate"):
        condition = command.get("filter") or next((stage["$match"] for stage in command.get("pipeline", ()) if "$match" in stage), {})
        time.sleep(condition.get("ms", 0) / 1000)
        found = [row for row in rows.values() if matches(row, condition)]
        return batch(space, found, command.get("batchSize", command.get("cursor", {}).get("batchSize", 101)) or 101, "firstBatch")
    if name == "getMore":
        space, found = cursors.pop(target)
        return batch(space, found, command.get("batchSize", 101), "nextBatch")
    if name == "update":
        changed = [row for update in command["updates"] for row in rows.values() if matches(row, update["q"])]
        for row in changed:
            row.update(command["updates"][0]["u"]["$set"])
        return {"n": len(changed), "nModified": len(changed), "ok": 1.0}
    if name == "delete":
        gone = [key for delete in command["deletes"] for key, row in rows.items() if matches(row, delete["q"])]
        for key in gone:
            del rows[key]
        return {"n": len(gone), "ok": 1.0}
    if name in ("ping", "endSessions", "killCursors"):
        return {"ok": 1.0}
    return {"ok": 0.0, "errmsg": f"no such command: '{name}'", "code": 59, "codeName": "CommandNotFound"}


def read_message(body):
    """The command, with the documents that came along with it."""
    at, command, lists = 4, {}, {}
    while at < len(body):
        kind, length = body[at], struct.unpack_from("<i", body, at + 1)[0]
        section = body[at + 1:at + 1 + length]
        if kind == 0:
            command = bson.decode(section)
        else:
            end = section.index(b"\0", 4)
            lists[section[4:end].decode()] = bson.decode_all(section[end + 1:])
        at += 1 + length
    return command | lists


class Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        while head := self.rfile.read(16):
            length, number, _, opcode = struct.unpack("<iiii", head)
            body = self.rfile.read(length - 16)
            if opcode == 2004:
                space = body[4:body.index(b"\0", 4)].decode()
                command = bson.decode(body[4 + len(space) + 1 + 8:]) | {"$db": space.partition(".")[0]}
            else:
                command = read_message(body)
            with LOCK:
                document = bson.encode(answer(command))
            if opcode == 2004:
                self.wfile.write(struct.pack("<iiiiiqii", 36 + len(document), 2, number, 1, 8, 0, 0, 1) + document)
            elif not struct.unpack_from("<I", body)[0] & 2:
                self.wfile.write(struct.pack("<iiiiIB", 21 + len(document), 2, number, 2013, 0, 0) + document)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


Server(("127.0.0.1", int(os.environ["PORT"])), Connection).serve_forever()
