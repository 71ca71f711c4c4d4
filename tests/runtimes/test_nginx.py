#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""nginx as a proxy, by TCP and by a unix socket, with connections that are kept and that are not, and nginx with static files: at 1, 8
and 64 requests in flight, or at so many as the arguments say. What it waited for its upstreams is what it says in its own log."""
import pathlib
import random
import statistics
import sys
import tempfile

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from fastcgi_servers import Nginx  # noqa: E402  (the path comes first)
from side_by_side import KINDS, MS, Record, Tap, Upstream, letters, milliseconds, send  # noqa: E402

SEED = 3
PARTS = {1: (200, 1, 0.03, 0.2), 8: (600, 0, 0.04, 0.3), 64: (2000, 0, 0.06, 0.5)}
WAYS = ("tcp", "tcpkept", "unix", "unixkept", "static")
SIZES = (10, 5000, 300000)
LOG = 1 * MS  # its clock has milliseconds, and stands while it works
HTTP = """
    proxy_http_version 1.1;
    upstream tcp {{ server 127.0.0.1:{port}; }}
    upstream tcpkept {{ server 127.0.0.1:{port}; keepalive 64; }}
    upstream unix {{ server unix:{socket}; }}
    upstream unixkept {{ server unix:{socket}; keepalive 64; }}
"""
LOCATIONS = """
    location ~ ^/tcp/[^/]+/(.*) {{ proxy_pass http://tcp/$1; }}
    location ~ ^/tcpkept/[^/]+/(.*) {{ proxy_set_header Connection ""; proxy_pass http://tcpkept/$1; }}
    location ~ ^/unix/([^/]+/.*) {{ proxy_pass http://unix/tcpkept/$1; }}
    location ~ ^/unixkept/([^/]+/.*) {{ proxy_set_header Connection ""; proxy_pass http://unixkept/tcpkept/$1; }}
    location ~ ^/static/[^/]+/(.*) {{ alias {files}/$1; }}
"""


def plan(prefix, number, longer):
    draw = random.Random(f"{SEED} {prefix}")

    def target(name):
        way, size = draw.choice(WAYS), draw.choice(SIZES)
        return f"/{way}/{name}/{size}" if way == "static" else f"/{way}/{name}/delay/{draw.uniform(0.5, 20) * longer:.1f}/{size}"

    return [(name, target(name)) for name in (f"{prefix}{letters(i)}" for i in range(number))]


def way_of(path):
    return path.split("/")[1]


def delay_of(path):
    """What its upstream was asked to wait, in ns."""
    words = path.split("/")
    return float(words[4]) * MS if words[3] == "delay" else 0


class Part:
    def __init__(self, in_flight):
        self.in_flight, self.name = in_flight, f"{in_flight} in flight"
        self.requests, self.pause, self.share, extra = PARTS[in_flight]
        self.extra = extra * MS
        self.plan = plan({1: "one", 8: "eight"}.get(in_flight, "all"), self.requests, 1 if in_flight < 64 else 5)

    def observe(self, nginx):
        with Record("--port", nginx.port) as self.record:
            self.times = send(nginx.port, [(self.in_flight, self.pause, self.plan)])

    def near(self, is_ns, should_ns, slack=0):
        return abs(is_ns - should_ns) <= self.share * should_ns + self.extra + slack

    def check(self, tap, log, peers):
        tap.note(f"---- {self.name}")
        self.record.check(tap)
        found = self.record.by_path()
        targets = dict(self.plan)
        if not tap.check(f"{self.name}: the requests recorded are those sent", found.keys() == set(targets.values()),
                         f"{len(found)} recorded, {len(targets)} sent"):
            return
        tap.check(f"{self.name}: all exact", all(r["attribution"] == "exact" for r in found.values()),
                  self.record.report["endpoints"][0]["attribution"])
        off = [name for name, (sent, answered) in self.times.items()
               if abs(found[targets[name]]["wall_ns"] - (answered - sent)) > MS / 2]
        tap.check(f"{self.name}: wall time within 0.5 ms of the client's for 95 % of the requests", len(off) <= 0.05 * len(found),
                  f"{len(off)} are not")
        wrong = [f"{path}: {[(o['system'], o['peer'], o['summary']) for o in request['operations']]}" for path, request in found.items()
                 if [(o["system"], o["peer"]) for o in request["operations"] if o["summary"] != "connect"] != peers[way_of(path)]]
        tap.check(f"{self.name}: each has the operation of its own, and no other", len(wrong) <= 0.01 * len(found), "\n".join(wrong[:8]))
        for way in WAYS:
            mine = [request for path, request in found.items() if way_of(path) == way]
            mean = {kind: statistics.mean(request["kinds_ns"][kind] for request in mine) for kind in KINDS}
            took = statistics.mean(log[request["path"]] or 0 for request in mine)
            asked = statistics.mean(sum(o["duration_ns"] for o in request["operations"]) for request in mine)
            line = ", ".join(f"{kind} {milliseconds(ns)}" for kind, ns in mean.items() if ns)
            tap.note(f"{way}: {len(mine)} requests, upstream {milliseconds(took)} by nginx's log, operations {milliseconds(asked)}; {line}")
            # The log's time goes on until nginx sees the answer's end.
            late = sum(mean[kind] for kind in ("queue", "runq", "compute"))
            slack = self.share * took + self.extra + (LOG if took else 0)
            for what, ns in (("net", mean["net"]), ("the operations", asked)):
                tap.check(f"{self.name}, {way}: {what} is what nginx's log has, but for what it waited for nginx itself",
                          ns - slack <= took <= ns + late + slack, line)
            delays = statistics.mean(delay_of(request["path"]) for request in mine)
            tap.check(f"{self.name}, {way}: no less than the upstream's delay", min(mean["net"], asked) >= delays - slack,
                      f"{milliseconds(delays)}; {line}")
            strange = {kind: milliseconds(mean[kind]) for kind in ("db", "lock", "sleep", "ipc", "other")
                       if not self.near(mean[kind], 0)}
            tap.check(f"{self.name}, {way}: nothing else is waited for", not strange, strange)
        far = [f"{path}: {milliseconds(sum(o['duration_ns'] for o in r['operations']))}, by the log {milliseconds(log[path])}"
               for path, r in found.items() if log[path] is not None
               and not delay_of(path) - MS / 10 <= sum(o["duration_ns"] for o in r["operations"]) <= 1.03 * log[path] + 3 * LOG +
               (r["kinds_ns"]["queue"] + r["kinds_ns"]["runq"])]  # in which nginx was busy, and its clock stood
        tap.check(f"{self.name}: for 95 % the operations take what nginx's log says", len(far) <= 0.05 * len(found),
                  f"{len(far)}\n" + "\n".join(far[:8]))


tap = Tap()
parts = [Part(in_flight) for in_flight in (map(int, sys.argv[1:]) if sys.argv[1:] else PARTS)]
with Upstream() as upstream, tempfile.TemporaryDirectory(prefix="whywait-nginx-") as directory:
    socket = f"{directory}/http.sock"
    for size in SIZES:
        pathlib.Path(directory, str(size)).write_bytes(b"x" * size)
    http, locations = HTTP.format(port=upstream.port, socket=socket), LOCATIONS.format(files=directory)
    with Nginx(http, f"listen unix:{socket};{locations}"), Nginx(http, locations) as nginx:
        send(nginx.port, [(64, 0, plan("warm", 200, 1))])
        for part in parts:
            part.observe(nginx)
        log = {words[0]: None if words[3] == "-" else round(float(words[3]) * 1000) * MS for words in nginx.access()}
peers = {way: [("http", f"127.0.0.1:{upstream.port}" if way.startswith("tcp") else socket)] for way in WAYS[:-1]}
for part in parts:
    tap.run(part.name, part.check, tap, log, {**peers, "static": []})
tap.done()
