#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""gunicorn's sync workers with psycopg2 and redis-py: what whywait recorded against what they measured themselves."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from threads_truth import APPS, Backends, Measured, compare, drive, mix  # noqa: E402
from services import Gunicorn  # noqa: E402
from whywait import Record  # noqa: E402

tap = Tap()
with Backends() as backends, Measured() as measured:
    def observed(name, clients, unix):
        tap.note(name)
        environment = measured.environment(backends, unix)
        with Gunicorn("threads_wsgi:app", cwd=APPS, workers=2, env=environment) as web:
            with Record("--port", web.port) as record:
                samples = drive(web.port, mix(name, 240, clients))
            compare(tap, record, samples, measured.requests())

    tap.run("one at a time", observed, "one-at-a-time", 1, False)
    tap.run("queued, databases by unix sockets", observed, "queued", 4, True)
tap.done()
