#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The accounts of a Go server (net/http, database/sql, redigo, http.Client) are those that it keeps of itself, at 1, 8 and 64
requests in flight, or at so many as the arguments say."""
import pathlib
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from side_by_side import STEPS, compare  # noqa: E402  (the path comes first)
from services import Go  # noqa: E402

compare(lambda environment: Go(APPS / "go_server.go", env=environment), tuple(STEPS), tuple(map(int, sys.argv[1:])) or (1, 8, 64))
