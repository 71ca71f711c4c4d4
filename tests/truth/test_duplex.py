#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One thread reads a connection's requests while another one answers them, at full speed: every request is recorded, or counted as
lost; none is left behind. Only when something stops a CPU in the middle of a hook is its connection given up."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib"), str(HERE / "apps")]
from counts_client import Connection, head  # noqa: E402  (the path comes first)
from services import Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

CONNECTIONS = 10
REQUESTS = 4000  # of each
REQUEST = head("GET", "/duplex/of/two/threads")


def ask(port):
    """All requests, as fast as they are taken; returns how many responses came."""
    with Connection(("127.0.0.1", port)) as connection:
        sender = threading.Thread(target=connection.send, args=(REQUEST * REQUESTS,))
        sender.start()
        size = connection.reply().received
        count = 1 + connection.drop(size * (REQUESTS - 1)) // size
        sender.join()
    return count


def main():
    tap = Tap()
    directory = tempfile.mkdtemp(prefix="whywait-duplex-")
    try:
        program = pathlib.Path(directory, "duplex")
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-o", program,
                        HERE / "apps" / "duplex.c", "-lpthread"], check=True)
        port = free_port()
        with Server([program, str(port), str(len(REQUEST))], port=port) as server:
            with Record("--port", server.port, keep=1) as record:
                count = sum(ask(server.port) for _ in range(CONNECTIONS))
                time.sleep(0.2)  # the last response comes before its send() has returned
    finally:
        shutil.rmtree(directory)
    record.check(tap, complete=False)
    endpoints, losses = record.report["endpoints"], record.report["losses"]
    recorded, malformed, given_up = sum(e["requests"] for e in endpoints), losses.get("malformed_records", 0), losses.get("stream_lost", 0)
    tap.note(losses)
    tap.check(f"{count} requests answered, as many recorded or counted", count - given_up * REQUESTS <= recorded + malformed <= count,
              f"{recorded} recorded")
    tap.check("nearly all recorded", recorded >= 0.8 * count and malformed <= 0.001 * count, losses)
    aborted = sum(endpoint["aborted"] for endpoint in endpoints)
    tap.check("none was aborted", aborted == 0, aborted)
    tap.done()


main()
