#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The JDK's HTTP server, whose handlers await tasks of a ForkJoinPool, of the pool that all share, and of threads that are made for one."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from java_truth import compare  # noqa: E402  (the path comes first)

STEPS = ("common", "forked", "thread", "cpu", "pg", "client")
compare("JdkServer", [(1, 150, 1, 0.03, 0.2, STEPS, 0.99), (8, 400, 0, 0.04, 0.3, STEPS, 0.99), (64, 800, 0, 0.06, 0.5, STEPS, 0.85),
                      # Several tasks of a request side by side.
                      (1, 100, 1, 0, 0, ("invoked",), None)])
