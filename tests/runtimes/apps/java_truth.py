# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Compares what whywait says of a Java server with what its handlers measured themselves: compare(server, parts).

Each handler keeps a ledger (JavaWork.java): the operations that it and its tasks did, and the time of each of its threads in parts,
with the CPU time and the time in the run queue that the kernel says that the thread had meanwhile.
"""
import datetime
import functools
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

APPS = pathlib.Path(__file__).resolve().parent
ROOT = APPS.parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/lib"), str(ROOT / "tests/truth/apps")]
from loops_run import milliseconds, send  # noqa: E402  (the path comes first)
from services import Postgres, Redis, Server, Upstream, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import KINDS, Record  # noqa: E402

LIBRARIES = "/usr/share/java"
SYSTEMS = {"postgresql": "postgres", "redis": "redis", "http": "http"}  # as operations name them: as ledgers do
SEED = 31
LEAD = 4  # requests for each in flight that are not compared: the observer sees them, but has not seen all threads yet
MS = 1_000_000

# Step: the shortest and the longest time it is asked for, in ms; None: it takes none.
STEPS = {"cpu": (0.2, 2), "pg": (2, 20), "queries": None, "redis": None, "url": (2, 20), "client": (2, 20), "sleep": (2, 15),
         "lock": None, "fsync": None, "handed": (2, 15), "chained": (2, 15), "calls": (4, 20), "executed": (4, 15),
         "after": (2, 10)}

# Tasks of other pools, and threads that are made for one.
FORKED = {"common": (2, 15), "forked": (2, 15), "thread": (2, 15), "stages": (2, 15), "invoked": (4, 20), "stream": (4, 20)}
ANY = STEPS | FORKED

# Tasks that nobody is woken by at their end: at many requests in flight, pools' threads go from one to the next without a sign.
UNSEEN = ("chained", "calls", "executed")
SEEN = tuple(step for step in STEPS if step not in UNSEEN)

# In flight, requests, the client's pause before each in ms; what a kind's mean may be off: a share of the mean wall time, and ms;
# the steps; the share of the requests that must have exactly their own operations; None: those that have not must say so.
PARTS = [(1, 250, 1, 0.03, 0.2, tuple(STEPS), 0.99), (8, 400, 0, 0.04, 0.3, tuple(STEPS), 0.99),
         (64, 1000, 0, 0.06, 0.5, SEEN, 0.99), (64, 400, 0, 0.06, 0.5, UNSEEN, 0.97)]


class Java(Server):
    """A server of Java on 127.0.0.1, the class of that name in this directory."""

    name = "java"

    def __init__(self, main, environment, threads):
        super().__init__(timeout=60, env={**environment, "THREADS": str(threads)})
        self.main = main

    def prepare(self):
        classes = compiled([APPS / "JavaWork.java", APPS / f"{self.main}.java"], ROOT / "build/tests/runtimes" / self.main)
        self.port = free_port()
        self.env["PORT"] = str(self.port)
        # Handlers don't know of collections, so there is to be none.
        self.argv = ["java", "-Xms1600m", "-Xmn1400m", "-XX:MetaspaceSize=128m", "-XX:+UseSerialGC",
                     "-Dsun.net.httpserver.nodelay=true", "-cp", f"{classes}:{LIBRARIES}/*", self.main]


def compiled(sources, classes):
    """Returns the directory `classes`, where they are."""
    made = [path.stat().st_mtime for path in classes.glob("*.class")]
    if not made or min(made) < max(path.stat().st_mtime for path in sources):
        subprocess.run(["javac", "-nowarn", "-d", classes, "-cp", f"{LIBRARIES}/*", *sources], check=True,
                       stderr=subprocess.DEVNULL)
    return classes


def plan(prefix, number, steps):
    """`number` requests, [name, target], each with one to four random steps."""
    draw = random.Random(f"{SEED} {prefix}")

    def step():
        name = draw.choice(steps)
        return name if ANY[name] is None else f"{name}:{draw.uniform(*ANY[name]):.2f}"

    names = [f"{prefix}-{i}" for i in range(number)]
    return [(name, f"/job/{name}?do={','.join(step() for _ in range(draw.randint(1, 4)))}") for name in names]


def _clamp(value, most):
    return max(0, min(value, most))


def _add(account, more):
    for kind, ns in more.items():
        account[kind] = account.get(kind, 0) + ns


OPEN = "open"  # a library's own threads had it: they worked, or waited, for a CPU, for each other or for the peer


def _part(start, end, kind, cpu, delay, known, since):
    """The account of [since, end) of a part of a thread's time."""
    wall = end - max(start, since)
    cpu = _clamp(cpu, wall)
    delay = _clamp(delay, wall - cpu)
    account = {"compute": cpu, "runq": delay}
    if kind == "client":
        known = _clamp(known, wall - cpu - delay)
        _add(account, {"net": known, OPEN: wall - cpu - delay - known})
    else:
        _add(account, {kind: wall - cpu - delay})
    return account


def _task(task, since):
    """The account of [since, its end) of a task of a pool: that part of its time in which somebody waited for it."""
    account = {}
    if task["start"] > since:
        # It waited for a thread that did other work, which then was woken.
        gap = task["start"] - since
        busy = _clamp(task["previous"] - since, gap)
        delay = _clamp(task["front_delay"], gap - busy)
        _add(account, {"lock": busy, "runq": delay, "compute": gap - busy - delay})
    _add(account, _span(task, since, task["end"]))
    return account


def _span(span, since, until):
    """The account of [max(since, its start), until) of what a thread did."""
    account, at = {}, max(since, span["start"])
    awaited = {place: tasks for place, tasks in span["awaited"]}
    cpu, delay = span["cpu"], span["delay"]
    for place, (kind, start, end, part_cpu, part_delay, known) in enumerate(span["parts"]):
        cpu -= part_cpu
        delay -= part_delay
        if end <= at:
            continue
        if start > at:
            _add(account, {"compute": start - at})
            at = start
        if kind != "task":
            _add(account, _part(start, end, kind, part_cpu, part_delay, known, at))
            at = end
            continue
        for task in awaited.get(place, ()):
            if task["end"] > at:
                _add(account, _task(task, at))
                at = task["end"]
        left = _clamp(end - at, end)
        late = _clamp(part_delay, left)
        _add(account, {"runq": late, "compute": left - late})
        at = max(at, end)
    _add(account, {"compute": max(0, until - at)})
    # What it waited for a CPU between its parts.
    late = _clamp(delay, account.get("compute", 0))
    _add(account, {"compute": -late, "runq": late})
    return account


def truth(span, sent, answered):
    """A request's {kind: ns}: sent and answered by its client's clock."""
    end = min(span["end"], answered)
    account = dict.fromkeys([*KINDS, OPEN], 0)
    front = span["start"] - sent
    busy = _clamp(span["previous"] - sent, front)
    late = _clamp(span["front_delay"], front - busy)
    compute = _clamp(span["front_cpu"], front - busy - late)
    _add(account, {"queue": front - late - compute, "runq": late, "compute": compute})
    _add(account, _span(span, span["start"], end))
    return account


def matched(request, operations, offset):
    """What is wrong with the operations recorded of a request: None when they are exactly those of its ledger."""
    slack = 300_000
    left = [operation for operation in operations if operation[0] != "connect"]
    connects = [operation for operation in operations if operation[0] == "connect"]
    more = []
    for operation in sorted(request["operations"], key=lambda o: o["start_ns"]):
        start = request["began"] - offset + operation["start_ns"]
        end = start + operation["duration_ns"]

        def within(own):
            return own[1] - slack <= start and end <= own[2] + slack

        own = next((own for own in left if SYSTEMS.get(operation["system"]) == own[0] and within(own)), None)
        if "connect" in operation["flags"]:
            own = any(map(within, operations))
        elif own:
            left.remove(own)
        if not own and not any(map(within, connects)):
            more.append(f"{operation['system']} {operation['summary']} at {operation['start_ns'] / MS:.1f}")
    missing = [own[0] for own in left]
    if request.get("operations_missing"):
        return f"not all known; {len(missing)} of {len(operations)} missing, others' {more}"
    return f"{len(missing)} of {len(operations)} missing {missing[:5]}, others' {more[:5]}" if missing or more else None


def began(request):
    """Its start as nanoseconds since 1970."""
    text, _, fraction = request["start"].rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc).timestamp()
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))


class Part:
    """One number of requests in flight."""

    def __init__(self, in_flight, requests, pause, share, extra, steps, own):
        self.name = f"{in_flight} in flight" + (", tasks that wake nobody" if steps == UNSEEN else "")
        self.prefix = f"{in_flight}-{steps[0]}"
        self.steps, self.own = steps, own
        self.in_flight, self.requests, self.pause = in_flight, requests, pause
        self.share, self.extra = share, extra * MS
        self.record = self.times = None

    def observe(self, port):
        # Where a thread waits for work is known when it was seen to do so.
        lead = plan(f"lead-{self.prefix}", LEAD * self.in_flight, self.steps)
        with Record("--port", port) as self.record:
            times = send(port, [(self.in_flight, 0, lead), (self.in_flight, self.pause, list(self.plan.items()))])
        self.times = {name: times[name] for name in self.plan}

    def check(self, tap, recording, offset):
        self.record.check(tap, sure=("exact",))  # of the others, check_operations() counts how many are wrong
        found = {path.rpartition("/")[2]: request for path, request in self.record.by_path().items()}
        found = {name: request for name, request in found.items() if not name.startswith("lead")}
        if not tap.check(f"{self.name}: the requests recorded are those sent", found.keys() == self.times.keys(),
                         f"{len(found)} recorded, {len(self.times)} sent"):
            return
        tap.note(f"attribution: {self.record.report['endpoints'][0]['attribution']}")
        self.check_operations(tap, found, recording["requests"], offset)
        if self.own is not None:
            self.check_means(tap, found, recording["requests"])

    def check_operations(self, tap, found, ledgers, offset):
        wrong, unsaid = [], 0
        for name, request in found.items():
            request["began"] = began(request)
            error = matched(request, ledgers[name]["operations"], offset)
            if error:
                wrong.append(f"{name} {request['attribution']}: {error}; {self.plan[name]}")
                unsaid += request["attribution"] != "ambiguous" and not request.get("operations_missing")
        if self.own is None:
            tap.check(f"{self.name}: the {len(wrong)} of {len(found)} requests whose operations are not all known say so", not unsaid, f"{unsaid} do not")
            return
        share = 1 - len(wrong) / len(found)
        tap.check(f"{self.name}: {share:.1%} of {len(found)} requests have exactly their own operations", share >= self.own,
                  "\n".join(wrong[:12]))
        tap.note(f"{len(wrong)} have not, {unsaid} of which do not say so")
        if os.environ.get("TRUTH_WORST"):
            tap.note("\n".join(wrong))

    @functools.cached_property
    def plan(self):
        return dict(plan(self.prefix, self.requests, self.steps))

    def check_means(self, tap, found, ledgers):
        truths = {name: truth(ledgers[name]["span"], *times) for name, times in self.times.items()}
        wall = statistics.mean(answered - sent for sent, answered in self.times.values())
        tolerance = self.share * wall + self.extra
        opened = statistics.mean(account[OPEN] for account in truths.values())
        tap.note(f"{self.name}: mean wall {milliseconds(wall)} ms, tolerance {milliseconds(tolerance)} ms")
        for kind in KINDS:
            is_ns = statistics.mean(request["kinds_ns"][kind] for request in found.values())
            should_ns = statistics.mean(account[kind] for account in truths.values())
            most_ns = should_ns + (opened if kind in ("compute", "runq", "queue", "net", "lock") else 0)
            line = f"{kind}: {milliseconds(is_ns)} ms, in truth {milliseconds(should_ns)} to {milliseconds(most_ns)} ms"
            tap.check(f"{self.name}: the mean of {line}", should_ns - tolerance <= is_ns <= most_ns + tolerance,
                      self.worst(kind, found, truths))
        off = [abs(found[name]["wall_ns"] - (answered - sent)) for name, (sent, answered) in self.times.items()]
        share = sum(ns <= max(MS / 2, 0.01 * found[name]["wall_ns"]) for name, ns in zip(self.times, off)) / len(off)
        tap.check(f"{self.name}: wall times are the client's", share >= 0.95, f"for {share:.1%}")

    def worst(self, kind, found, truths):
        names = sorted(found, key=lambda name: -abs(found[name]["kinds_ns"][kind] - truths[name][kind]))[:5]
        return "\n".join(f"{name}: " + ", ".join(
            f"{k} {found[name]['kinds_ns'][k] / MS:.2f} (truth {truths[name][k] / MS:.2f})" for k in KINDS
            if found[name]["kinds_ns"][k] or truths[name][k]) + f"; {self.plan[name]}" for name in names)


def compare(main, parts=tuple(PARTS), threads=64, warm=600, settings=None):
    """`settings`: more of the server's environment."""
    tap = Tap()
    parts = [Part(*part) for part in parts]
    with tempfile.TemporaryDirectory(prefix="whywait-java-", dir="/var/tmp") as scratch, \
            Postgres(settings={"max_connections": 400}) as postgres, Redis() as redis, Upstream() as upstream:
        environment = {"TRUTH_JDBC": f"jdbc:postgresql://127.0.0.1:{postgres.port}/test?user=postgres",
                       "TRUTH_REDIS": str(redis.port), "TRUTH_UPSTREAM": str(upstream.port), "TRUTH_SCRATCH": scratch, **(settings or {})}
        with Java(main, environment, threads) as server:
            # What is called often is compiled, and connections are made, before anything is measured.
            send(server.port, [(max(part.in_flight for part in parts), 0, plan("warm", warm, tuple(STEPS)))])
            for part in parts:
                part.observe(server.port)
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/truth") as response:
                recording = json.load(response)
        offset = time.time_ns() - time.monotonic_ns()
        for part in parts:
            tap.run(part.name, part.check, tap, recording, offset)
    tap.done()
