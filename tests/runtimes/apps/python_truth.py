# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Compares what whywait says of a Python server with what its handlers and its clients measured (python_work.py):

    compare(start, ways, parts)    start(environment) makes the server; `ways` are the beginnings of the paths asked for, or
                                   {way: its steps}; `together` those whose steps are done side by side: how long all took says
                                   nothing of the kinds then
"""
import datetime
import json
import pathlib
import random
import statistics
import sys
import tempfile
import time
import urllib.request

APPS = pathlib.Path(__file__).resolve().parent
ROOT = APPS.parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/lib"), str(ROOT / "tests/truth/apps")]
from loops_run import milliseconds, send  # noqa: E402  (the path comes first)
from services import PYTHON, Postgres, Redis, Server, Upstream, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

SEED = 7
MS = 1_000_000
SLACK = 300_000

# Step: the shortest and the longest time it is asked for, in ms; None: it takes none.
STEPS = {"cpu": (0.2, 2), "sleep": (2, 15), "pg": (2, 20), "redis": None, "http": (2, 20), "fsync": None}

# In flight, requests, the client's pause before each in ms; what a kind's mean may be off: a share of the mean wall time
# (None: what is not followed has no kinds), and ms.
PARTS = [(1, 120, 2, 0.03, 0.2), (8, 320, 0, 0.06, 0.5), (64, 640, 0, 0.06, 0.5)]

SYSTEMS = {"postgres": "postgresql", "redis": "redis", "http": "http"}  # as operations name them: as ledgers do

EXACT = ("db", "net", "sleep", "ipc")  # the handlers know all of it
OWN = ("compute", "runq")  # at least what the handlers had
NONE = ("client", "gc", "other")


class Uvicorn(Server):
    """An application under uvicorn, on asyncio's own event loop, or uvloop's; `python`: how its interpreter is started."""

    name = "uvicorn"

    def __init__(self, app, loop="asyncio", python=(PYTHON,), **options):
        super().__init__(timeout=60, **options)
        self.app, self.loop, self.python = app, loop, python

    def prepare(self):
        self.port = free_port()
        self.argv = [*self.python, "-m", "uvicorn", "--app-dir", APPS, self.app, "--port", str(self.port), "--loop", self.loop,
                     "--no-access-log", "--log-level", "warning"]


class Waitress(Server):
    """An application under Waitress, with a thread for each that is in flight."""

    name = "waitress"

    def __init__(self, app, **options):
        super().__init__(timeout=60, **options)
        self.app = app

    def prepare(self):
        self.port = free_port()
        self.argv = [PYTHON, "-m", "waitress", "--listen", f"127.0.0.1:{self.port}", "--threads", "64", self.app]


def plan(prefix, number, ways):
    """`number` requests, [name, target], each with one to four random steps."""
    draw = random.Random(f"{SEED} {prefix}")
    steps = ways if isinstance(ways, dict) else dict.fromkeys(ways, STEPS)

    def step(of):
        name = draw.choice(sorted(of))
        return name if of[name] is None else f"{name}:{draw.uniform(*of[name]):.2f}"

    def target(name):
        way = draw.choice(list(steps))
        return f"/{way}/{name}?do={','.join(step(steps[way]) for _ in range(draw.randint(1, 4)))}"

    return [(name, target(name)) for name in (f"{prefix}-{i}" for i in range(number))]


def _began(request):
    """Its start as nanoseconds since 1970."""
    text, _, fraction = request["start"].rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc).timestamp()
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))


def matched(request, ledger, offset):
    """What is wrong with the operations recorded of a request: None when they are exactly those of its ledger."""
    left = [operation for operation in ledger["operations"] if operation[0] != "connect"]
    connects = [operation for operation in ledger["operations"] if operation[0] == "connect"]
    more, began = [], _began(request) - offset
    for operation in request["operations"]:
        start = began + operation["start_ns"]
        end = start + operation["duration_ns"]

        def within(own):
            return own[1] - SLACK <= start and end <= own[2] + SLACK

        if operation["summary"] == "connect" and any(map(within, connects)):
            continue
        own = next((own for own in left if operation["system"] == SYSTEMS[own[0]] and within(own)), None)
        if own:
            left.remove(own)
        elif not any(map(within, connects)):
            more.append(f"{operation['system']} {operation['summary']}")
    if left or more:
        return f"missing {[own[0] for own in left]}, others' {more}"
    return "not all known" if request.get("operations_missing") else None


class Part:
    """One number of requests in flight."""

    def __init__(self, in_flight, requests, pause, share, extra):
        self.name = f"{in_flight} in flight"
        self.in_flight, self.requests, self.pause = in_flight, requests, pause
        self.share, self.extra = share, (extra or 0) * MS
        self.record = self.times = self.plan = None
        self.offset = 0  # CLOCK_REALTIME - CLOCK_MONOTONIC: the former is set right now and then

    def observe(self, port, ways, settle):
        # The interpreter is looked at when it has answered a request, and what is under way on connections that are shared is not known at
        # first, nor a pool's thread that was at work then, so the first ones are not compared. What Tasks of nobody's do is known after
        # some more of them, for which `settle` s are left.
        self.plan = dict(plan(str(self.in_flight), self.requests, ways))
        lead = plan(f"lead-{self.in_flight}", max(48, 2 * self.in_flight), ways)
        with Record("--port", port) as self.record:
            send(port, [(self.in_flight, 0, lead)])
            time.sleep(settle)
            self.offset = time.time_ns() - time.monotonic_ns()
            self.times = send(port, [(self.in_flight, self.pause, list(self.plan.items()))])

    def check(self, tap, ledgers, together, least):
        self.record.check(tap)
        found = {path.rpartition("/")[2]: request for path, request in self.record.by_path().items()}
        found = {name: request for name, request in found.items() if not name.startswith("lead")}
        if not tap.check(f"{self.name}: the requests recorded are those sent", found.keys() == self.times.keys(),
                         f"{len(found)} recorded, {len(self.times)} sent"):
            return
        wrong, unsaid, marked = [], [], 0
        for name, request in found.items():
            error = matched(request, ledgers[name], self.offset)
            says = request["attribution"] == "ambiguous" or request.get("operations_missing")
            marked += bool(says)
            if error:
                wrong.append(f"{name} {request['attribution']}: {error}; {self.plan[name]}")
                unsaid += [] if says else wrong[-1:]
        share = 1 - len(wrong) / len(found)
        if least is not None:
            tap.check(f"{self.name}: of {len(found)} requests {marked / len(found):.1%} say that they are not sure, and {len(unsaid)} of the others "
                      "have not exactly their own operations", len(unsaid) <= 0.01 * len(found), "\n".join(unsaid[:12]))
            tap.check(f"{self.name}: {share:.1%} have so, and say nothing else", share >= least)
            if self.in_flight == 1 and self.share:
                self.check_means(tap, {name: request for name, request in found.items() if self.plan[name].split("/")[1] not in together}, ledgers)
            return
        tap.check(f"{self.name}: {share:.1%} of {len(found)} requests have exactly their own operations", share >= 0.99,
                  "\n".join(wrong[:12]))
        tap.note("\n".join([f"{len(wrong)} have not, {len(unsaid)} of which do not say so", *wrong[:4]]))
        apart = {name: request for name, request in found.items() if self.plan[name].split("/")[1] not in together}
        self.check_means(tap, apart, ledgers)

    def check_means(self, tap, found, ledgers):
        wall = statistics.mean(self.times[name][1] - self.times[name][0] for name in found)
        tolerance = self.share * wall + self.extra
        tap.note(f"{self.name}: mean wall {milliseconds(wall)} ms, tolerance {milliseconds(tolerance)} ms")

        def mean(kind):
            return statistics.mean(request["kinds_ns"][kind] for request in found.values())

        def own(key):
            return statistics.mean(ledgers[name][key] for name in found)

        waits = {kind: statistics.mean(ledgers[name]["waits"].get(kind, 0) for name in found) for kind in (*EXACT, "disk")}
        for kind in EXACT:
            line = f"{kind} {milliseconds(mean(kind))} ms, measured {milliseconds(waits[kind])} ms"
            tap.check(f"{self.name}: the mean of {line}", abs(mean(kind) - waits[kind]) <= tolerance)
        line = f"disk {milliseconds(mean('disk'))} ms, measured {milliseconds(waits['disk'])} ms with waits for the interpreter"
        tap.check(f"{self.name}: the mean of {line}", mean("disk") <= waits["disk"] + tolerance)
        for kind, key in zip(OWN, ("cpu", "delay")):
            line = f"{kind} {milliseconds(mean(kind))} ms, of which the handler had {milliseconds(own(key))} ms"
            tap.check(f"{self.name}: the mean of {line}", mean(kind) >= own(key) - tolerance)
        for kind in NONE:
            tap.check(f"{self.name}: the mean of {kind} is next to nothing", mean(kind) <= tolerance, milliseconds(mean(kind)))
        tap.note(f"queue {milliseconds(mean('queue'))} ms, lock {milliseconds(mean('lock'))} ms")
        off = [abs(request["wall_ns"] - (self.times[name][1] - self.times[name][0])) for name, request in found.items()]
        share = sum(ns <= max(MS / 2, 0.01 * request["wall_ns"]) for request, ns in zip(found.values(), off)) / len(off)
        tap.check(f"{self.name}: wall times are the client's", share >= 0.95, f"for {share:.1%}")


def compare(start, ways, parts=tuple(PARTS), together=(), tap=None, least=None, settle=0.3):
    """`least`: for each part, the share of requests that have their own operations and are sure of it, where not all are; those that are
    sure have to be right. With `tap` the suite goes on afterwards."""
    last, tap = not tap, tap or Tap()
    parts = [Part(*part) for part in parts]
    with tempfile.TemporaryDirectory(prefix="whywait-python-", dir="/var/tmp") as scratch, \
            Postgres(settings={"max_connections": 300}) as postgres, Redis() as redis, Upstream() as upstream:
        offset = time.time_ns() - time.monotonic_ns()
        environment = {"TRUTH_DSN": postgres.dsn, "TRUTH_URL": f"postgresql://postgres@127.0.0.1:{postgres.port}/test", "TRUTH_POSTGRES": str(postgres.port),
                       "TRUTH_REDIS": str(redis.port), "TRUTH_UPSTREAM": str(upstream.port),
                       "TRUTH_SCRATCH": scratch, "REALTIME": str(offset), "PYTHONPATH": str(APPS)}
        with start(environment) as server:
            most = max(part.in_flight for part in parts)
            send(server.port, [(most, 0, plan("warm", 4 * most, ways))])
            for part in parts:
                part.observe(server.port, ways, settle)
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/truth") as response:
                ledgers = json.load(response)
        for at, part in enumerate(parts):
            tap.run(part.name, part.check, tap, ledgers, together, least and least[at])
    if last:
        tap.done()
