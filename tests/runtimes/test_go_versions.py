#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The server of test_go.py, built by other versions of Go, with 8 requests in flight: all of Debian's, or those that the arguments
name."""
import pathlib
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
import go_versions  # noqa: E402  (the path comes first)
from side_by_side import STEPS, check  # noqa: E402
from services import Go  # noqa: E402
from tap import Tap  # noqa: E402


def version(tap, number):
    try:
        root = go_versions.root(number)
    except go_versions.FetchError as error:
        tap.skip(f"Go {number}", str(error))
        return
    tap.note(f"==== Go {number}")
    check(tap, lambda environment: Go(APPS / "go_server.go", root=root, env=environment), tuple(STEPS), (8,), f"Go {number}, ")


def main():
    tap = Tap()
    for number in sys.argv[1:] or go_versions.SUITES:
        tap.run(f"Go {number}", version, tap, number)
    tap.done()


main()
