# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CPython's ThreadingHTTPServer with pages that make garbage; GET /log gives the collections so far as gc.callbacks told of them:
[[path, start, end, CPU time], ..], in CLOCK_MONOTONIC ns. Requests on one connection each are told by their paths, which may go on behind another slash.

    /collect/N     collects four times, with so many thousand objects to look at
    /allocate/N    makes so many thousand objects, which the collector looks at as it sees fit
    /json/N        reads a JSON document of so many records, and writes one
    /wait/MS       computes for so long, in Python, holding the interpreter lock most of the time
    /sleep/MS      sleeps
"""
import gc
import http.server
import json
import os
import threading
import time

log = []
kept = []
here = threading.local()


def note(phase, _):
    clocks = time.clock_gettime_ns(time.CLOCK_MONOTONIC), time.thread_time_ns()
    if phase == "start":
        here.began = clocks
    else:
        log.append((getattr(here, "path", None), here.began[0], clocks[0], clocks[1] - here.began[1]))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        _, what, number, _ = (self.path + "/0/").split("/", 3)
        number = int(number)
        body = b"ok"
        here.path = self.path
        if what == "log":
            body = json.dumps(log).encode()
        elif what == "collect":
            objects = [[i] for i in range(1000 * number)]
            for _ in range(4):
                gc.collect()
            del objects
        elif what == "allocate":
            kept.append([[i] for i in range(1000 * number)])
            del kept[:-1]
        elif what == "json":
            records = json.loads(json.dumps([{"id": i, "name": "a name", "tags": ["b", "c"], "price": {"eur": i}} for i in range(number)]))
            body = json.dumps(records[-1]).encode()
        elif what == "wait":
            end = time.monotonic() + number / 1000
            while time.monotonic() < end:
                pass
        elif what == "sleep":
            time.sleep(number / 1000)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


gc.callbacks.append(note)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.daemon_threads = True
server.serve_forever()
