#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Waitress: a loop of select() reads and answers, threads that it puts requests into a queue for work on them. What they ask for is not
followed, and each request says so."""
import pathlib
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from python_truth import PARTS, Waitress, compare  # noqa: E402  (the path comes first)

compare(lambda environment: Waitress("python_direct:app", cwd=APPS, env=environment), ("direct",),
        parts=[(in_flight, requests, pause, None, None) for in_flight, requests, pause, _, _ in PARTS], least=(0, 0, 0))
