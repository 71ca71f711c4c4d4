#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""gunicorn's thread pool with psycopg2 and redis-py: what whywait recorded against what it and its clients measured."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from threads_truth import APPS, Backends, Measured, compare, mix, observe  # noqa: E402
from services import Gunicorn  # noqa: E402


def judge(name, clients, keep_alive, databases_unix):
    tap.note(name)

    def server():
        return Gunicorn("threads_wsgi:app", cwd=APPS, worker_class="gthread", threads=4, arguments=["--keep-alive", "30"],
                        env=measured.environment(backends, databases_unix))

    compare(tap, *observe(measured, server, mix(name, 240, clients), keep_alive))


tap = Tap()
with Backends() as backends, Measured() as measured:
    tap.run("one client, connections kept", judge, "one-client", 1, True, False)
    tap.run("a client a thread, connections kept, databases by unix sockets", judge, "full", 4, True, True)
    tap.run("more clients than threads, a connection a request", judge, "queued", 6, False, False)
tap.done()
