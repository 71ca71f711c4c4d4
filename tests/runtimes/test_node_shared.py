#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Node with one connection to Redis that all requests share: node-redis, which writes the commands of a turn of the loop together at its
end, and ioredis, which writes each when it is asked for. Whose they were is not always told (docs/runtimes.md); what is not sure says so.
Beside them timers, libuv's pool and a worker thread, of which the same holds."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from python_truth import APPS, PARTS, ROOT, STEPS, Server, Tap, compare, free_port  # noqa: E402  (the path comes first)

PEERS = {name: STEPS[name] for name in ("cpu", "pg", "http")}
SHARED = {**PEERS, "redis": None}
SOME, MANY = PARTS[:2], PARTS[:3]
MODULES = f"{ROOT}/build/node_modules:/usr/share/nodejs:/usr/lib/nodejs"

# What, with which client: the ways, the parts, and the least share of requests that are right and say nothing else.
CASES = {
    "node-redis": ("redis", {"plain": SHARED, "all": SHARED}, MANY, (0.99, 0, 0)),
    "ioredis": ("ioredis", {"plain": SHARED, "all": SHARED}, MANY, (0.99, 0, 0)),
    "timers": ("", {"timers": {**PEERS, "sleep": STEPS["sleep"]}}, SOME, (0.99, 0)),
    "pool": ("", {"pool": {**PEERS, "fsync": None, "hash": (1, 5)}}, SOME, (0.99, 0)),
    "worker": ("", {"worker": {**PEERS, "worker": (1, 5)}}, SOME, (0.99, 0)),
}


def starter(client):
    def start(environment):
        port = free_port()
        return Server(["node", APPS / "node_work.js"], port=port,
                      env={**environment, "NODE_PATH": MODULES, "PORT": str(port), "TRUTH_NODE_REDIS": client})
    return start


tap = Tap()
for name in sys.argv[1:] or CASES:
    client, ways, parts, least = CASES[name]
    if client and not any((pathlib.Path(modules) / client).is_dir() for modules in MODULES.split(":")):
        tap.skip(name, f"the module {client} is not installed")
        continue
    tap.note(name)
    compare(starter(client), ways, parts, together=("all",), tap=tap, least=least)
tap.done()
