#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""gunicorn's sync workers with psycopg2 and redis-py: what whywait recorded against what they and their clients measured."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from threads_truth import APPS, Backends, Measured, compare, mix, observe  # noqa: E402
from services import Gunicorn  # noqa: E402


def judge(name, clients, databases_unix=False, web_unix=False):
    tap.note(name)

    def server():
        return Gunicorn("threads_wsgi:app", cwd=APPS, workers=2, unix=web_unix, env=measured.environment(backends, databases_unix))

    compare(tap, *observe(measured, server, mix(name, 240, clients)))


tap = Tap()
with Backends() as backends, Measured() as measured:
    tap.run("one client", judge, "one-client", 1)
    tap.run("twice as many clients as workers, databases by unix sockets", judge, "queued", 4, True)
    tap.run("the server, too, by a unix socket", judge, "unix", 2, True, True)
tap.done()
