#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What test_python_coroutines.py, test_python_fastapi.py and test_python_pools.py look at, under the CPython, the servers and the
clients of other releases of Debian: test_python_versions.py [3.13 [coroutines fastapi pools]]"""
import pathlib
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path[:0] = [str(APPS), str(APPS.parents[1] / "lib")]
from debian import FetchError  # noqa: E402  (the path comes first)
from python_truth import Uvicorn, compare  # noqa: E402
from pythons import fetched  # noqa: E402
from services import Gunicorn  # noqa: E402
from tap import Tap  # noqa: E402

PACKAGES = ("python3-fastapi", "python3-uvicorn", "python3-asyncpg", "python3-aiohttp", "python3-redis", "python3-psycopg2", "gunicorn")


def suites(python):
    """Name: how its server is made, its ways, those whose steps are done side by side."""
    return {
        "coroutines": (lambda environment: Uvicorn("python_coroutines:app", python=python, env=environment),
                       ("plain", "timed", "tasks", "middleware", "after"), ("tasks",)),
        "fastapi": (lambda environment: Uvicorn("python_fastapi:app", python=python, env=environment),
                    ("def", "thread", "executor", "later"), ()),
        "pools": (lambda environment: Gunicorn("python_pools:app", cwd=APPS, worker_class="gthread", threads=64, python=python, env=environment),
                  ("submit", "map", "thread", "queue"), ("map",)),
    }


def judge(version, names):
    try:
        command, env = fetched(version, [f"python{version}", *PACKAGES], f"{version}-servers")
    except (FetchError, StopIteration) as error:
        tap.note(f"SKIP: {error}")
        return
    servers = suites(["/usr/bin/env", *(f"{name}={value}" for name, value in env.items()), *command])
    for name in names or servers:
        start, ways, together = servers[name]
        tap.run(f"{name}, CPython {version}", compare, start, ways, together=together, tap=tap)


tap = Tap()
for version in sys.argv[1:2] or ("3.13", "3.14"):
    judge(version, sys.argv[2:])
tap.done()
