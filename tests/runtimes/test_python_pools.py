#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Threads that work for a handler's: ThreadPoolExecutor, threads that are made and joined, queue.Queue, under gunicorn."""
import pathlib
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from python_truth import compare  # noqa: E402  (the path comes first)
from services import Gunicorn  # noqa: E402

compare(lambda environment: Gunicorn("python_pools:app", cwd=APPS, worker_class="gthread", threads=64, env=environment),
        ("submit", "map", "thread", "queue"), together=("map",))
