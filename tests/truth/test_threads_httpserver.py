#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Python's ThreadingHTTPServer with psycopg2 and redis-py: what whywait recorded against what it and its clients measured."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from threads_truth import APPS, Backends, Measured, compare, mix, observe  # noqa: E402
from services import Python  # noqa: E402


def judge(name, clients, keep_alive, databases_unix):
    tap.note(name)

    def server():
        return Python(APPS / "threads_httpserver.py", env=measured.environment(backends, databases_unix))

    compare(tap, *observe(measured, server, mix(name, 240, clients), keep_alive))


tap = Tap()
with Backends() as backends, Measured() as measured:
    tap.run("one client, its connection kept", judge, "one-client", 1, True, False)
    tap.run("a thread a connection", judge, "kept", 4, True, True)
    tap.run("a thread a request", judge, "thread-a-request", 3, False, False)
tap.done()
