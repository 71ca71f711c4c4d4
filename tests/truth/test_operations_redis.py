#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""gunicorn with a real Redis: each command of a request is an operation of it, as the handler has done it."""
import concurrent.futures
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tools"), str(ROOT / "tests/truth")]
import redis  # noqa: E402
from ledgers_truth import check, fetch  # noqa: E402
from services import Gunicorn, Redis  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

HANDLERS = ("simple", "errors", "large", "pipeline", "transaction", "blocking", "once")
tap = Tap()


def judge(name, server, before, options):
    with Gunicorn("operations_redis:app", cwd=ROOT / "tests/truth/apps", env={"REDIS_PORT": str(server.port)}, **options) as web:
        paths = [f"/{handler}/{number}" for number in range(4) for handler in HANDLERS]
        if before:
            # Their connections are there before anyone observes.
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                for handler in ("blocking", "transaction", "blocking"):
                    list(pool.map(lambda i, handler=handler: fetch(web.port, f"/{handler}/{1000 + i}"), range(16)))
        with Record("--port", web.port) as record:
            with concurrent.futures.ThreadPoolExecutor(options.get("threads", 1)) as pool:
                ledgers = dict(zip(paths, pool.map(lambda path: fetch(web.port, path), paths)))
            time.sleep(0.2)
        record.check(tap)
        check(tap, name, record, ledgers)


with Redis() as server:
    with redis.Redis(port=server.port) as r:
        r.hset("profile", "a", 1)
        r.rpush("list", *range(2000))
    tap.run("sync", judge, "sync worker", server, False, {})
    tap.run("threads", judge, "four threads, connections from before", server, True, {"worker_class": "gthread", "threads": 4})
tap.done()
