#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""With --exact-goroutines: the server of test_go.py, whose goroutines wait again and again, and compute, without a touch of a socket; and
with all that they do besides. At 1, 8 and 64 requests in flight by the host's compiler, with 8 by Debian's others, or as the arguments
say: numbers in flight, versions (1.27, 1.27/stripped, host/PIE), `socketless`, `garbage` or `all`, and `without` the option."""
import pathlib
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
import go_versions  # noqa: E402  (the path comes first)
from side_by_side import GARBAGE, SOCKETLESS, STEPS, check  # noqa: E402
from services import Go  # noqa: E402
from tap import Tap  # noqa: E402

FLAGS = {"": (), "stripped": ("-ldflags=-s -w",), "PIE": ("-buildmode=pie",)}
MIXES = {"socketless": tuple(SOCKETLESS), "garbage": tuple(GARBAGE), "all": tuple(STEPS)}
ARGUMENTS = set(sys.argv[1:])


def select(server):
    return ("--port", server.port, *([] if "without" in ARGUMENTS else ["--exact-goroutines"]))


def version(tap, name, parts):
    number, _, way = name.partition("/")
    try:
        root = go_versions.root(number) if number != "host" else None
    except go_versions.FetchError as error:
        tap.skip(f"Go {number}", str(error))
        return
    for mix in sorted(ARGUMENTS & set(MIXES)) or MIXES:
        # Goroutines that start a collection together wait for one another, which the handlers can't tell: one at a time.
        if mix == "garbage" and 1 not in parts:
            continue
        tap.note(f"==== Go {name}, {mix}")
        # It learns of a program with its first request.
        check(tap, lambda environment: Go(APPS / "go_server.go", root=root, flags=FLAGS[way], env=environment), MIXES[mix],
              (1,) if mix == "garbage" else parts, f"Go {name}, {mix}: ", select=select, lead=20)


def main():
    tap = Tap()
    parts = tuple(int(argument) for argument in sys.argv[1:] if argument.isdigit())
    named = [argument for argument in sys.argv[1:] if argument.partition("/")[0] in ("host", *go_versions.SUITES)]
    for name in named or ("host", "host/stripped", *go_versions.SUITES, "1.27/PIE"):
        tap.run(name, version, tap, name, parts or ((1, 8, 64) if name == "host" else (8,)))
    tap.done()


main()
