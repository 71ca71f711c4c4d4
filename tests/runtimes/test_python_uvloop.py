#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""FastAPI's coroutines under uvicorn with uvloop, as test_python_coroutines.py has them on asyncio's own loop. Where a client has one Task
read for all requests, each says that it is not sure."""
import pathlib
import socketserver
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from python_truth import STEPS, Record, Tap, Uvicorn, compare, send  # noqa: E402  (the path comes first)

tap = Tap()
# Without a pool of threads, which fsync takes.
steps = {name: of for name, of in STEPS.items() if name != "fsync"}
compare(lambda environment: Uvicorn("python_coroutines:app", "uvloop", env={**environment, "TRUTH_NOBODY": "redis,pg:2,http:2"}),
        dict.fromkeys(("plain", "timed", "tasks", "middleware", "after"), steps), together=("tasks",), tap=tap, settle=2)


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            time.sleep(0.005)
            self.wfile.write(line)


class Echoes(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return super().__enter__()


def multiplexed(in_flight):
    """Its answers are another Task's, which is no request's."""
    with Echoes(("127.0.0.1", 0), Echo) as shared, Echoes(("127.0.0.1", 0), Echo) as own:
        environment = {"TRUTH_SHARED": str(shared.server_address[1]), "TRUTH_OWN": str(own.server_address[1])}
        with Uvicorn("python_multiplexed:app", "uvloop", env=environment) as server, Record("--port", server.port) as record:
            send(server.port, [(in_flight, 2, [(f"lead{i}", f"/own/lead{i}") for i in range(40)])])
            time.sleep(0.3)
            send(server.port, [(in_flight, 2, [(f"{way}{i}", f"/{way}/{way}{i}") for i in range(100) for way in ("ask", "own")])])
    record.check(tap)
    unsaid = [name for name, request in record.by_path().items() if name.startswith("/ask") and not request["operations"] and
              not (request["attribution"] == "ambiguous" and request.get("operations_missing"))]
    tap.check(f"a client that has one Task read for all, {in_flight} in flight: its requests say that they are not sure", not unsaid, unsaid)
    if in_flight == 1:
        sure = [len(request["operations"]) == 1 and not request.get("operations_missing") for name, request in record.by_path().items()
                if name.startswith("/own/own")]
        tap.check("those beside them have their own operations, and are sure", sum(sure) >= 0.99 * len(sure), f"{sum(sure)} of {len(sure)}")


for number in 1, 8:
    multiplexed(number)
tap.done()
