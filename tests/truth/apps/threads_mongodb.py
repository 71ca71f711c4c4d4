#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Answers MongoDB's messages on 127.0.0.1:$PORT, each after the milliseconds that its document's `delay` says. No MongoDB: it knows
the frame of an OP_MSG and nothing else."""
import os
import socketserver
import struct
import time

import bson


class Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        while head := self.rfile.read(16):
            length, number, _, _ = struct.unpack("<iiii", head)
            document = bson.decode(self.rfile.read(length - 16)[5:])
            time.sleep(document["delay"] / 1000)
            answer = bson.encode({"ok": 1.0})
            self.wfile.write(struct.pack("<iiiiIB", 21 + len(answer), 2, number, 2013, 0, 0) + answer)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


Server(("127.0.0.1", int(os.environ["PORT"])), Connection).serve_forever()
