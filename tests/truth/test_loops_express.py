#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The accounts of a Node server (express, pg) are those that it keeps of itself."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from loops_run import APPS, ROOT, compare  # noqa: E402  (the path comes first)
from services import Server, free_port  # noqa: E402


def start(environment):
    port = free_port()
    # Debian's modules, or those that tools/install-deps puts beside another distributor's Node.
    modules = f"{ROOT}/build/node_modules:/usr/share/nodejs:/usr/lib/nodejs"
    return Server(["node", "--single-threaded", APPS / "loops_express.js"], port=port,
                  env={**environment, "NODE_PATH": modules, "PORT": str(port)})


# Whose timer has come is a guess where several wait: so is, then, who asked what follows.
compare(start, ("cpu", "pg", "pgunix", "http", "sleep", "fsync"), sure=("exact",))
