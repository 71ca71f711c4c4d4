#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Goroutines: of a Go server with 8 requests in flight each has its own operations, and its own time. tests/runtimes/test_go.py has more
of that."""
import pathlib
import shutil
import sys

APPS = pathlib.Path(__file__).resolve().parents[1] / "runtimes/apps"
sys.path.insert(0, str(APPS))
from side_by_side import STEPS, compare  # noqa: E402  (the path comes first)
from services import Go  # noqa: E402
from tap import Tap  # noqa: E402

if not shutil.which("go"):
    tap = Tap()
    tap.skip("a Go server", "there is no go: install golang-go")
    tap.done()
compare(lambda environment: Go(APPS / "go_server.go", env=environment), tuple(STEPS), (8,))
