#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Django under gunicorn, with a pool of threads."""
import pathlib
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from python_truth import compare  # noqa: E402  (the path comes first)
from services import Gunicorn  # noqa: E402

compare(lambda environment: Gunicorn("python_django:wsgi", cwd=APPS, worker_class="gthread", threads=64, env=environment), ("def",))
