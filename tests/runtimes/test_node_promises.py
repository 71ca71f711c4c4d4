#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Node whose promises are followed (--promises): timers, libuv's pool and a worker's messages beside connections to PostgreSQL and HTTP.
What each request has asked for is told, however many there are. And one connection to Redis that all share, where all that is not sure says so.

test_node_promises.py [VERSION].. [CASE].. [IN-FLIGHT].. [without]: only those; `without` the option. Node 20 of npm's, where no version (18, 20,
22, 24, or `host` for this host's) is named."""
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
import node_versions  # noqa: E402  (the path comes first)
import python_truth  # noqa: E402
from python_truth import APPS, PARTS, ROOT, STEPS, Record, Server, Tap, compare, free_port  # noqa: E402

PEERS = {name: STEPS[name] for name in ("cpu", "pg", "http")}
MODULES = f"{ROOT}/build/node_modules:/usr/share/nodejs:/usr/lib/nodejs"
SHARED = {**PEERS, "redis": None}
CASES = {
    "plain": {"plain": PEERS, "all": PEERS},
    "timers": {"timers": {**PEERS, "sleep": STEPS["sleep"]}},
    "pool": {"pool": {**PEERS, "fsync": None, "hash": (1, 5)}},
    "worker": {"worker": {**PEERS, "worker": (1, 5)}},
    "redis": {"plain": SHARED, "all": SHARED},
    "ioredis": {"plain": SHARED, "all": SHARED},
}
VERSIONS = ("18", "20", "22", "24", "host")
# Clean ones; of the others at most one in a hundred does not say so. Connections to Redis that all requests share: as without it.
LEAST = {1: 0.98, 8: 0.95, 64: 0.95}
WORDS = sys.argv[1:]


def chosen(all_of):
    return [each for each in all_of if str(each) in WORDS] or list(all_of)


def observed(*words, **options):
    return Record(*words, *([] if "without" in WORDS else ["--promises"]), **options)


class Means(python_truth.Part):
    """What a loop waits for in libuv's pool is `other` or `sleep`: docs/runtimes.md."""

    def check_means(self, tap, found, ledgers):
        pass


def judge(tap, version, name):
    node = shutil.which("node") if version == "host" else node_versions.fetched(version)

    def start(environment):
        port = free_port()
        return Server([node, APPS / "node_work.js"], port=port, env={**environment, "NODE_PATH": MODULES, "PORT": str(port),
                                                                "TRUTH_NODE_REDIS": name if "redis" in name else ""})

    parts = [part for part in PARTS if part[0] in in_flight]
    tap.note(f"Node {version}, {name}")
    python_truth.Part = part_of[name in ("plain", "timers")]
    compare(start, CASES[name], parts, together=("all",), tap=tap, least=[0 if "redis" in name else LEAST[part[0]] for part in parts])


part_of = {True: python_truth.Part, False: Means}
in_flight = [int(n) for n in chosen(LEAST)]
python_truth.Record = observed
tap = Tap()
for each in [version for version in VERSIONS if version in WORDS] or ["20"]:
    for case in chosen(CASES):
        if each == "host" or shutil.which("npm"):
            tap.run(f"Node {each}, {case}", judge, tap, each, case)
        else:
            tap.skip(f"Node {each}", "there is no npm to fetch it with")
tap.done()
