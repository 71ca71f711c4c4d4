# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Compares what whywait says of a server on an event loop with what the server and its client measured themselves.

compare(start, steps) runs the whole test; with count=True, the waits for peers are counted, too. start(environment) makes the
server, an unstarted service of tools/services.py, with the interface of loops_aiohttp.py; `steps` are those of its steps that it
is asked to do.
"""
import json
import pathlib
import random
import statistics
import subprocess
import sys
import time
import urllib.request

APPS = pathlib.Path(__file__).resolve().parent
ROOT = APPS.parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/lib")]
from loops_accounts import OPEN, accounts  # noqa: E402  (the path comes first)
from services import PYTHON, Postgres, Redis, Upstream  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import KINDS, Record  # noqa: E402

SEED = 20

# Step: the shortest and the longest time it is asked for, in ms; None: it takes none.
STEPS = {"cpu": (0.2, 3), "pg": (2, 40), "pgunix": (2, 40), "http": (2, 40), "sleep": (2, 30), "fsync": None, "redis": None,
         "pool": (2, 40), "timed": (2, 40)}

# In flight, requests, the client's pause before each in ms, tolerance of a kind's mean: share of the mean wall time, and ms more.
PARTS = [(1, 200, 2, 0.02, 0.1), (20, 400, 0, 0.05, 0.2)]


def plan(prefix, number, steps):
    """`number` requests, [name, target], each with one to five random steps."""
    draw = random.Random(f"{SEED} {prefix}")

    def step():
        name = draw.choice(steps)
        if STEPS[name] is None:
            return name
        ms = draw.uniform(*STEPS[name])
        # Node has no finer timer.
        return f"{name}:{ms:.0f}" if name == "sleep" else f"{name}:{ms:.2f}"

    names = [f"{prefix}{i}" for i in range(number)]
    return [(name, f"/job/{name}?do={','.join(step() for _ in range(draw.randint(1, 5)))}") for name in names]


def send(port, parts):
    """Has the client do `parts`; returns {name: (sent, answered)}."""
    done = subprocess.run([PYTHON, APPS / "loops_client.py", str(port)], input=json.dumps(parts), stdout=subprocess.PIPE,
                          text=True, check=True, timeout=80)
    return json.loads(done.stdout)


def milliseconds(ns):
    return f"{ns / 1e6:.3f}"


class Part:
    """One number of requests in flight."""

    def __init__(self, in_flight, requests, pause, share, extra, count):
        self.name = f"{in_flight} in flight"
        self.in_flight, self.requests, self.pause = in_flight, requests, pause
        self.share, self.extra = share, extra * 1e6
        self.count = count
        self.record = self.times = None

    def observe(self, port, steps):
        requests = plan(f"{self.in_flight}00", self.requests, steps)
        with Record("--port", port) as self.record:
            self.times = send(port, [(self.in_flight, self.pause, requests)])

    def check(self, tap, recording, peer, sure):
        tap.note(f"---- {self.name}")
        self.record.check(tap, sure=sure)
        found = {path.rpartition("/")[2]: request for path, request in self.record.by_path().items()}
        if not tap.check(f"{self.name}: the requests recorded are those sent", found.keys() == self.times.keys(),
                         f"{len(found)} recorded, {len(self.times)} sent"):
            return
        truth = accounts(self.times, recording, KINDS)
        tap.note(f"attribution: {self.record.report['endpoints'][0]['attribution']}")
        self.check_wall(tap, found, truth)
        self.check_means(tap, found, truth)
        self.check_each(tap, found, truth)
        details = self.record.report["endpoints"][0]["detail"]
        if self.count:
            self.check_count(tap, recording, details)
        tap.check(f"{self.name}: the peers are named", set(details["db"]) <= {"postgres", "redis"} and "postgres" in details["db"]
                  and set(details["net"]) == {peer}, {kind: list(details.get(kind, ())) for kind in ("db", "net")})

    def check_wall(self, tap, found, truth):
        off = sorted(abs(found[name]["wall_ns"] - (answered - sent)) for name, (sent, answered) in self.times.items())
        share = sum(ns <= 300_000 for ns in off) / len(off)
        tap.check(f"{self.name}: wall time within 0.3 ms of the client's for 95 % of the requests", share >= 0.95,
                  f"for {share:.1%}; median {milliseconds(off[len(off) // 2])} ms off, worst {milliseconds(off[-1])} ms")
        # Two clocks in two processes, so that what follows is compared with something sound.
        off = statistics.mean(abs(sum(truth[name].values()) - (answered - sent))
                              for name, (sent, answered) in self.times.items())
        tap.check(f"{self.name}: the server's own accounts have the wall time of the client", off < 150_000, milliseconds(off))
        share = sum(account[OPEN] for account in truth.values()) / sum(sum(account.values()) for account in truth.values())
        tap.check(f"{self.name}: nearly all of the server's own accounts is of a certain kind", share < 0.03, share)

    def check_means(self, tap, found, truth):
        wall = statistics.mean(answered - sent for sent, answered in self.times.values())
        tolerance = self.share * wall + self.extra
        slack = statistics.mean(account[OPEN] for account in truth.values())
        tap.note(f"mean wall {milliseconds(wall)} ms, tolerance {milliseconds(tolerance)} ms, open {milliseconds(slack)} ms")
        for kind in KINDS:
            low = statistics.mean(account[kind] for account in truth.values())
            high = low + slack if kind in ("compute", "queue") else low
            mean = statistics.mean(request["kinds_ns"][kind] for request in found.values())
            line = f"{kind}: {milliseconds(mean)} ms, in truth {milliseconds(low)} to {milliseconds(high)} ms"
            tap.note(line)
            tap.check(f"{self.name}: the mean of {kind} is right", low - tolerance <= mean <= high + tolerance, line)

    def check_count(self, tap, recording, details):
        asked = sum(wait[0] in ("db", "net") for name in self.times for wait in recording["waits"].get(name, ()))
        found = sum(peer["count"] for kind in ("db", "net") for peer in details.get(kind, {}).values())
        slack = (0.01 if self.in_flight == 1 else 0.05) * asked
        tap.check(f"{self.name}: each operation upstream is one wait", abs(found - asked) <= slack, f"{found} found, of {asked}")

    def check_each(self, tap, found, truth):
        wrong = []
        for name, account in truth.items():
            off = {kind: abs(found[name]["kinds_ns"][kind] - account[kind]) for kind in KINDS}
            worst = max(off, key=off.get)
            if off[worst] > 1_000_000 + account[OPEN]:
                wrong.append(f"{name}: {worst} {milliseconds(found[name]['kinds_ns'][worst])} ms, "
                             f"in truth {milliseconds(account[worst])} ms")
        line = f"{self.name}: every kind within 1 ms for 90 % of the requests"
        said = f"not for {len(wrong)} of {len(found)}, such as\n" + "\n".join(wrong[:10])
        if self.in_flight == 1:
            tap.check(line, len(wrong) <= 0.1 * len(found), said)
        else:
            # Means are right as long as each wait is somebody's: whose it is can be told only in part.
            tap.note(f"{line}: {said}")


def compare(start, steps, parts=PARTS, count=False, sure=("exact", "inferred")):
    tap = Tap()
    parts = [Part(*part, count) for part in parts]
    with Postgres() as postgres, Redis() as redis, Upstream() as upstream:
        environment = {"POSTGRES_HOSTS": f"127.0.0.1,{postgres.directory}", "POSTGRES_PORT": str(postgres.port),
                       "REDIS_PORT": str(redis.port), "UPSTREAM_PORT": str(upstream.port), "CONNECTIONS": "20",
                       "REALTIME": str(time.time_ns() - time.monotonic_ns())}
        with start(environment) as server:
            # Prepared statements, code paths and connections come to be before anything is measured.
            send(server.port, [(20, 0, plan("warm", 60, steps))])
            for part in parts:
                part.observe(server.port, steps)
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/truth") as response:
                recording = json.load(response)
        for part in parts:
            tap.run(part.name, part.check, tap, recording, f"127.0.0.1:{upstream.port}",
                    sure)
    tap.done()
