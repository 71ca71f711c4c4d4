#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Node with express, pg's pool and an agent that keeps connections. What else node_work.js does is not followed: docs/runtimes.md."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from python_truth import APPS, ROOT, STEPS, Server, compare, free_port  # noqa: E402  (the path comes first)

PEERS = {name: STEPS[name] for name in ("cpu", "pg", "http")}


def start(environment):
    port = free_port()
    # Debian's modules, or those that tools/install-deps puts beside another distributor's Node.
    modules = f"{ROOT}/build/node_modules:/usr/share/nodejs:/usr/lib/nodejs"
    return Server(["node", APPS / "node_work.js"], port=port, env={**environment, "NODE_PATH": modules, "PORT": str(port)})


compare(start, {"plain": PEERS, "all": PEERS}, together=("all",))
