# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Compares what whywait says of a server that keeps account of itself, as go_server.go does, with that account: at so many requests
in flight, with work in seeded mixes.

compare(start, steps, parts) runs the whole test. start(environment) makes the server, an unstarted service of tools/services.py;
`steps` are those that it is asked to do, of STEPS; `parts` are numbers of PARTS. Of the requests recorded, those of services whose
names begin with `service` are compared; `lead` are so many that are observed before these, by which whywait learns. `select` are the options that say what is recorded; None: the server's port. also(tap, part,
found, requests) makes checks of its own: of {name: request}, and of all that were recorded. Of the kinds `opened` the server knows a
part only. `doubted`: whose work it is that some of the steps ask for can't be told; requests have to say so, and no more is asked of them.
`rest`: so many ms each connection is without a request in between. `own`: the share that has its own operations at least; where that is less
than usual, of all but 1 % the others say that they may not.

Beside the kinds a request has time that the server does not know: what it spends between its steps, and waits for a CPU or for a
thread. How much CPU time the process took in all says how much of that may be computing.
"""
import calendar
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests/lib"), str(ROOT / "tests/truth/apps")]
from loops_run import milliseconds, send  # noqa: E402  (the path comes first)
from services import Postgres, Redis, Server, Upstream, free_port  # noqa: E402, F401
from tap import Tap  # noqa: E402
from whywait import KINDS, Record  # noqa: E402

SEED = 7
MS = 1_000_000

# Step: the shortest and the longest time it is asked for, in ms; None: it takes none.
STEPS = {"cpu": (0.5, 4), "pg": (2, 40), "many": (2, 6), "redis": None, "http": (2, 40), "pgs": (6, 40), "https": (6, 40),
         "sleep": (2, 30), "lock": None, "chan": (2, 30), "fsync": None, "after": (2, 10)}

# The same of those by which a goroutine waits again and again without a socket.
SOCKETLESS = {"cpu": (0.5, 4), "sleep": (2, 30), "lock": None, "chan": (2, 30), "locks": (3, 10), "chans": (3, 12), "sleeps": (3, 12)}

GARBAGE = {"churn": (1, 4), "cpu": (0.5, 4), "sleep": (2, 30), "chan": (2, 30)}
COUNTED = ("many", "locks", "chans", "sleeps")

# In flight: requests, the client's pause before each in ms, by how much the waits are longer (so that two CPUs are not too few),
# tolerance of a kind's mean: share of the mean wall time, and ms more.
PARTS = {1: (150, 1, 1, 0.03, 0.2), 8: (400, 0, 1, 0.05, 0.3), 64: (1200, 0, 5, 0.06, 0.5)}

SLACK = 300_000  # between what a hook and what a handler says of the same moment


def letters(number):
    """A name without digits, which statements and routes lose."""
    return "".join("bcdfghjklm"[int(digit)] + "aeiou"[int(digit) % 5] for digit in str(number))


def plan(prefix, number, steps, longer=1):
    """`number` requests, [name, target], each with one to five random steps, whose waits are so many times longer."""
    draw = random.Random(f"{SEED} {prefix}")

    def step():
        name = draw.choice(steps)
        span = {**GARBAGE, **SOCKETLESS, **STEPS}[name]
        if span is None:
            return name
        number = draw.uniform(*span)
        return f"{name}:{number:.0f}" if name in COUNTED else f"{name}:{number * (1 if name in ('cpu', 'churn') else longer):.2f}"

    names = [f"{prefix}{letters(i)}" for i in range(number)]
    return [(name, f"/job/{name}?do={','.join(step() for _ in range(draw.randint(1, 5)))}") for name in names]


def monotonic(text):
    """CLOCK_MONOTONIC, of a time as RFC 3339 has it with nanoseconds."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    at = calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) * 1_000_000_000 + int(fraction.ljust(9, "0"))
    return at - (time.time_ns() - time.monotonic_ns())


def union(spans):
    """How long the [(start, end)] take together."""
    total, until = 0, 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, until))
        until = max(until, end)
    return total


class Part:
    """One number of requests in flight."""

    def __init__(self, in_flight, steps, prefix="", select=None, service="", also=None, opened=(), lead=0, doubted=False, rest=0, own=0.99):
        self.in_flight = in_flight
        self.lead, self.doubted, self.least_own = lead, doubted, own
        self.select, self.service, self.also, self.opened = select, service, also, opened
        self.steps = steps
        self.name = f"{prefix}{in_flight} in flight"
        self.requests, self.pause, self.longer, self.share, extra = PARTS[in_flight]
        self.pause = max(self.pause, rest / in_flight)
        self.extra = extra * MS
        self.record = self.times = self.cpu_ns = None

    def observe(self, server, truth):
        requests = plan({1: "one", 8: "eight"}.get(self.in_flight, "all"), self.requests, self.steps, self.longer)
        self.targets = dict(requests)
        before = truth()["cpu_ns"]
        with Record(*(self.select(server) if self.select else ("--port", server.port))) as self.record:
            if self.lead:
                send(server.port, [(self.in_flight, 0, plan("lead", self.lead, self.steps))])
            self.times = send(server.port, [(self.in_flight, self.pause, requests)])
        self.cpu_ns = truth()["cpu_ns"] - before

    def check(self, tap, recording):
        tap.note(f"---- {self.name}")
        self.record.check(tap)
        requests = [request for request in self.record.requests if request["path"].startswith("/job/") and not request["path"].startswith("/job/lead")]
        mine = [request for request in requests if request["service"].startswith(self.service)]
        found = {request["path"].rpartition("/")[2]: request for request in mine}
        if not tap.check(f"{self.name}: the requests recorded are those sent",
                         found.keys() == self.times.keys() and len(mine) == len(found),
                         f"{len(mine)} recorded, {len(self.times)} sent"):
            return
        tap.note(f"attribution: { {kind: sum(r['attribution'] == kind for r in found.values()) for kind in ('exact', 'inferred', 'ambiguous')} }, "
                 f"operations not all known: {sum(bool(r.get('operations_missing')) for r in found.values())}")
        if self.also:
            self.also(tap, self, found, requests)
        else:
            self.check_wall(tap, found)
        if not self.doubted:
            self.check_kinds(tap, found, recording)
        self.check_operations(tap, found, recording)

    def check_wall(self, tap, found):
        off = sorted(abs(found[name]["wall_ns"] - (answered - sent)) for name, (sent, answered) in self.times.items())
        share = sum(ns <= 500_000 for ns in off) / len(off)
        tap.check(f"{self.name}: wall time within 0.5 ms of the client's for 95 % of the requests", share >= 0.95,
                  f"for {share:.1%}; median {milliseconds(off[len(off) // 2])} ms off, worst {milliseconds(off[-1])} ms")

    def account(self, name, recording):
        """{kind: ns} that is certain, of one request; and of its waits for a CPU, those that are."""
        account = dict.fromkeys(KINDS, 0)
        spans = {}
        for kind, start, ready, end in recording["waits"][name] or ():
            spans.setdefault(kind, []).append((start, min(max(ready, start), end)))
        for kind, waits in spans.items():
            account[kind] += union(waits)
        for start, end, cpu in recording["cpu"][name] or ():
            account["compute"] += cpu
            account["queue"] += end - start - cpu
        return account

    def check_kinds(self, tap, found, recording):
        truth = {name: self.account(name, recording) for name in self.times}
        mean = {kind: statistics.mean(account[kind] for account in truth.values()) for kind in KINDS}
        is_ns = {kind: statistics.mean(request["kinds_ns"][kind] for request in found.values()) for kind in KINDS}
        wall = statistics.mean(answered - sent for sent, answered in self.times.values())
        tolerance = self.share * wall + self.extra
        open_ns = wall - sum(mean.values())
        computed = max(mean["compute"], min(self.cpu_ns / len(self.times), mean["compute"] + open_ns))
        tap.note(f"mean wall {milliseconds(wall)} ms, tolerance {milliseconds(tolerance)} ms, open {milliseconds(open_ns)} ms, "
                 f"CPU time of the process {milliseconds(self.cpu_ns / len(self.times))} ms a request")
        waited = is_ns.pop("queue") + is_ns.pop("runq")
        is_ns["compute"] += is_ns.pop("gc")
        lines = [(kind, ns, mean[kind], computed if kind == "compute" else mean[kind] + open_ns * (kind in self.opened)) for kind, ns in is_ns.items()]
        lines.append(("queue and runq", waited, mean["queue"], mean["queue"] + open_ns))
        for kind, ns, low, high in lines:
            line = f"{kind}: {milliseconds(ns)} ms, in truth {milliseconds(low)} to {milliseconds(high)} ms"
            tap.note(line)
            if os.environ.get("TRUTH_WORST"):
                tap.note(self.worst(kind, found, truth))
            tap.check(f"{self.name}: the mean of {kind} is right", low - tolerance <= ns <= high + tolerance,
                      f"{line}\n{self.worst(kind, found, truth)}")

    def worst(self, kind, found, truth):
        """The requests whose account of that kind is farthest off."""
        kind = kind.partition(" ")[0]

        def off(name):
            return abs(found[name]["kinds_ns"][kind] - truth[name][kind])

        lines = []
        for name in sorted(found, key=off, reverse=True)[:8]:
            request = found[name]
            kinds = ", ".join(f"{k} {milliseconds(request['kinds_ns'][k])} ({milliseconds(truth[name][k])})" for k in KINDS
                              if request["kinds_ns"][k] > 50_000 or truth[name][k])
            lines.append(f"{name} {self.targets[name].partition('=')[2]} {request['attribution']}: {kinds}")
        return "\n".join(lines)

    def check_operations(self, tap, found, recording):
        wrong, foreign, unsure, silent = [], [], 0, 0
        for name, request in found.items():
            should = sorted(recording["operations"][name] or (), key=lambda operation: operation[2])
            start = monotonic(request["start"])
            was = sorted(request["operations"], key=lambda operation: operation["start_ns"])
            strangers = [operation for operation in was if not self.own(operation, start, should)]
            foreign += [f"{name}: {operation['system']} {operation['summary']} {operation['statement']}" for operation in strangers]
            # A connection that is made is an operation of its own.
            was = [operation for operation in was if operation["summary"] != "connect"]
            should = [operation for operation in should if operation[1] != "connect"]
            unsure += bool(request.get("operations_missing"))
            silent += bool(strangers or len(was) != len(should)) and not request.get("operations_missing")
            if strangers or (len(was) != len(should) and not request.get("operations_missing")):
                wrong.append(f"{name}: {len(was)} instead of {len(should)}, {len(strangers)} of others; "
                             f"{[o['system'] for o in was]} instead of {[o[0] for o in should]}")
        share = 1 - (len(wrong) + unsure) / len(found)
        tap.note(f"own operations, all and no other: {share:.2%}; {len(foreign)} of others; {unsure} are said not to be all known, {silent} are wrong without that")
        if self.doubted:
            silent = len(wrong) / len(found)
            tap.note(f"wrong without a word: {silent:.2%}")
            tap.check(f"{self.name}: 99 % of the requests have their own operations, all of them and no one else's, or say that they may not",
                      silent <= 0.01, f"{silent:.2%}\n" + "\n".join(wrong[:int(os.environ.get("TRUTH_WRONG", "8"))]))
            return
        if self.least_own < 0.99:
            tap.check(f"{self.name}: 1 % of the requests at the most has other operations than its own and does not say that it may", silent <= 0.01 * len(found),
                      f"{silent} of {len(found)}\n" + "\n".join(wrong[:int(os.environ.get("TRUTH_WRONG", "8"))]))
        tap.check(f"{self.name}: {self.least_own:.0%} of the requests have their own operations, all of them and no one else's", share >= self.least_own,
                  f"{share:.2%}\n" + "\n".join(wrong[:int(os.environ.get("TRUTH_WRONG", "8"))]))
        if self.least_own < 0.99:
            return
        tap.check(f"{self.name}: where it is not said to be unsure, no operation is another one's", len(foreign) <= 0.001 * len(found),
                  "\n".join(foreign[:int(os.environ.get("TRUTH_WRONG", "8"))]))

    @staticmethod
    def own(operation, start, should):
        """Whether it is one of those that the handler has made: the same statement, within its call."""
        at = start + operation["start_ns"]
        end = at + operation["duration_ns"]
        if operation["summary"] == "connect" and not operation["system"]:
            # One that nothing was sent on yet: the call may have got another connection meanwhile.
            return any(began - SLACK <= at <= ended + SLACK for _, _, began, ended in should)
        for system, statement, began, ended in should:
            named = system != "postgresql" or statement.rpartition(" AS ")[2] in operation["statement"]
            named |= operation["summary"] == "connect"
            if system == operation["system"] and named and began - SLACK <= at and end <= ended + SLACK:
                return True
        return False


def check(tap, start, steps, parts, prefix="", **choices):
    """One server; `prefix` goes before the names of the tests."""
    parts = [Part(part, steps, prefix, **choices) for part in parts]
    with Postgres(settings={"max_connections": 500}) as postgres, Redis() as redis, Upstream() as upstream, \
            tempfile.TemporaryDirectory(prefix="whywait-runtimes-", dir="/var/tmp") as scratch:
        environment = {"POSTGRES_DSN": postgres.dsn, "REDIS_PORT": str(redis.port), "UPSTREAM_PORT": str(upstream.port),
                       "SCRATCH": scratch, "REALTIME": str(time.time_ns() - time.monotonic_ns())}
        with start(environment) as server:
            def truth():
                with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/truth") as response:
                    return json.load(response)

            # Code paths and connections come to be before anything is measured.
            send(server.port, [(max(part.in_flight for part in parts), 0, plan("warm", 200, steps))])
            for part in parts:
                part.observe(server, truth)
            recording = truth()
        for part in parts:
            tap.run(part.name, part.check, tap, recording)


def compare(start, steps, parts=tuple(PARTS), **choices):
    tap = Tap()
    check(tap, start, steps, parts, **choices)
    tap.done()
