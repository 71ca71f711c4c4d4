#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""With --exact-goroutines: a Go server whose goroutines wait again and again, and compute, without a touch of a socket."""
import pathlib
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from side_by_side import SOCKETLESS, compare  # noqa: E402  (the path comes first)
from services import Go  # noqa: E402

ways = [argument for argument in sys.argv[1:] if not argument.isdigit()]
parts = tuple(int(argument) for argument in sys.argv[1:] if argument.isdigit())
compare(lambda environment: Go(APPS / "go_server.go", env=environment), tuple(SOCKETLESS), parts or (1, 8, 64),
        select=lambda server: ("--port", server.port, *([] if "without" in ways else ["--exact-goroutines"])), lead=20)
