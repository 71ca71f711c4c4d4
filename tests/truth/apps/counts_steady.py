# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A client under which servers come and go."""
import threading
import time

from counts_client import Connection, Gone


class Steady(threading.Thread):
    """Sends one request after the other, each on its own connection or, with `keep`, as many on one as the server answers, as long as
    its `with` block lasts. What is answered must be recorded, once and whole; what is not, may be."""

    def __init__(self, case, address, keep=False):
        super().__init__()
        self.case = case
        self.address = address
        self.keep = keep
        self.failed = []
        self.answered = 0
        self.pids = set()
        self.ended = threading.Event()

    def run(self):
        connection = None
        while not self.ended.is_set():
            exchange, data = self.case.prepare("pid")
            try:
                connection = connection or Connection(self.address)
                connection.send(data)
                reply = connection.reply(body=False)
                length = int(reply.headers["content-length"])
                self.pids.add(int(connection.take(length)))
                exchange.status = reply.status
                exchange.bytes_out = reply.received + length
                self.answered += 1
            except (OSError, Gone) as error:
                self.failed.append(f"{exchange.path}: {error!r}")
                exchange.optional = True
                exchange.aborted = None
                reply = None
            if connection and not (self.keep and reply and reply.headers.get("connection", "").lower() != "close"):
                connection.close()
                connection = None
            time.sleep(0.002)
        if connection:
            connection.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()
