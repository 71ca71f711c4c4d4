#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""gunicorn with a real memcached: each command of a request is an operation of it, as the handler has done it."""
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tools"), str(ROOT / "tests/truth")]
from ledgers_truth import check, fetch  # noqa: E402
from services import Gunicorn, Memcached  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

tap = Tap()


def judge():
    with Memcached() as server, Gunicorn("operations_memcached:app", cwd=ROOT / "tests/truth/apps",
                                         env={"MEMCACHED_PORT": str(server.port)}) as web:
        with Record("--port", web.port) as record:
            ledgers = {path: fetch(web.port, path) for number in range(5)
                       for path in (f"/simple/{number}", f"/large/{number}", f"/unanswered/{number}")}
            time.sleep(0.2)
        record.check(tap)
        check(tap, "memcached", record, ledgers)


tap.run("memcached", judge)
tap.done()
