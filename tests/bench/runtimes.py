# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the probes in runtimes cost the programs that have them: a server of each language that makes much garbage, or has many
requests, by its CPU time for a request, with the probes and without them, in turn; and what the probes' programs take, by the
kernel's clock. That clock does not see the trap that each probe takes besides: what both take together is measured where a program
does nothing but collect.

And what it costs servers to follow their requests to other threads and tasks (handoffs), by the kernel's clock on all programs."""
import contextlib
import http.client
import json
import random
import statistics
import subprocess
import tempfile
import threading
import time

import bpf
import pairs as paired
import procfs
from observers import HERE
from services import PYTHON, Gunicorn, Postgres, Redis, Rust, Server, Upstream, free_port
from workloads import WorkloadError

APPS = HERE.parent / "runtimes/apps"
BUILD = HERE.parents[1] / "build/tests/bench"
PROBES = ("ww_gc_", "ww_stop_", "ww_pause_", "ww_part_")
CLIENTS = 2


def _java():
    subprocess.run(["javac", "-d", BUILD, APPS / "GcHttpServer.java"], check=True)
    return ["java", "-Xmx256m", "-cp", BUILD, "GcHttpServer"]


def _go():
    subprocess.run(["go", "build", "-o", BUILD / "gc_http", APPS / "gc_http.go"], check=True)
    return [BUILD / "gc_http"]


# A page that does what services do.
DOCUMENTS = {"CPython": "/json/500"}

# Name, what starts it, and a page that makes garbage.
RUNTIMES = {
    "CPython": (lambda: ["/usr/bin/python3", HERE.parent / "truth/apps/gc_httpserver.py"], "/allocate/20"),
    "Node": (lambda: ["node", APPS / "gc_http.js"], "/allocate/50"),
    "Java": (_java, "/allocate/500"),
    "Ruby": (lambda: ["puma", "-q", "-b", "tcp://127.0.0.1:PORT", "-t", "4:4", APPS / "gc_http.ru"], "/allocate/50"),
    "PHP": (lambda: ["php", "-S", "127.0.0.1:PORT", APPS / "gc_http.php"], "/cycles/50"),
    "Go": (_go, "/allocate/20000"),
}


class Load:
    """Clients that ask for one page again and again, each on a connection that is kept."""

    def __init__(self, port, page):
        self.port, self.page = port, page
        self.ends, self.open = 0, []
        self.requests = [0] * CLIENTS
        self.all_requests = 0  # of every run
        self.failure = None

    def _client(self, at):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            while time.monotonic() < self.ends:
                connection.request("GET", self.page)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise WorkloadError(f"{self.page}: an answer with status {answer.status}")
                self.requests[at] += 1
        except Exception as error:
            self.failure = error
        # Closed by whoever has read how much CPU time the thread has had that serves it.
        self.open.append(connection)

    def run(self, server, seconds):
        """{"cpu_ns" of the server, "requests"}"""
        self.open, self.requests = [], [0] * CLIENTS
        before, self.ends = procfs.cpu_ns(server.pids()), time.monotonic() + seconds
        clients = [threading.Thread(target=self._client, args=(at,)) for at in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        spent = procfs.cpu_ns(server.pids()) - before
        for connection in self.open:
            connection.close()
        if self.failure:
            raise WorkloadError(f"{self.page}: {self.failure}")
        requests = sum(self.requests)
        self.all_requests += requests
        return {"cpu_ns": spent, "requests": requests, "cpu_us": spent / requests / 1000}


def _probes(programs):
    mine = [entry for name, entry in programs.items() if name.startswith(PROBES)]
    return sum(entry["count"] for entry in mine), sum(entry["ns"] for entry in mine)


WITHOUT = "--no-collectors"


def _page(make_whywait, server, page, pairs, seconds):
    """`pairs`: runs with the probes, each between two without; 0: how often they are hit only."""
    load, runs = Load(server.port, page), []
    load.run(server, 1)
    for name in paired.order(["probes"], pairs) if pairs else ():
        with make_whywait("--port", str(server.port), *([WITHOUT] if name == paired.UNOBSERVED else [])) as observer:
            load.run(server, 0.3)  # its files are looked at when it has answered
            runs.append((name, load.run(server, seconds)))
            observer.end()
    with bpf.stats_enabled(), make_whywait("--port", str(server.port)) as observer:
        load.run(server, 0.3)
        before = bpf.programs(observer.pid)
        timed = load.run(server, seconds)
        spent = bpf.spent(before, bpf.programs(observer.pid))
        observer.end()
    count, ns = _probes(spent)
    found = {"cpu_us": timed["cpu_us"], "hits_per_request": count / timed["requests"], "hits_per_cpu_s": count / timed["cpu_ns"] * 1e9,
             "bpf_share": ns / timed["cpu_ns"], "programs_share": sum(entry["ns"] for entry in spent.values()) / timed["cpu_ns"]}
    if runs:
        noise = paired.noise(runs, "cpu_us")
        found["ratio"] = paired.summary(paired.ratios(runs, "probes", "cpu_us"))
        found["noise"] = {**paired.summary(noise), "bound": paired.noise_bound(noise)}
    return found


COLLECTS = """
import gc, time
gc.disable()
while True:
    began = time.thread_time_ns()
    for _ in range(4000):
        gc.collect(0)
    print((time.thread_time_ns() - began) / 4000, flush=True)
"""


def hit_ns(make_whywait, pairs, seconds):
    """What a hit of a probe costs the program, the trap and all: of one that does nothing else than collect what is not there."""
    with Server([PYTHON, "-c", COLLECTS], ready=lambda: True) as program:
        def took(*arguments):
            with make_whywait("--pid", str(program.pid), *arguments) as observer:
                at = len(program.log().splitlines())
                time.sleep(seconds)
                lines = program.log().splitlines()[at:]
                observer.end()
            return statistics.median(map(float, lines[:-1]))

        return [(took() - took(WITHOUT)) / 2 for _ in range(pairs)]


def measure(make_whywait, name, pairs, seconds):
    """{"garbage": .., "documents": .., "requests": ..}: what a server of that runtime pays."""
    BUILD.mkdir(parents=True, exist_ok=True)
    start, garbage = RUNTIMES[name]
    port = free_port()
    try:
        argv = [str(word).replace("PORT", str(port)) for word in start()]
    except (OSError, subprocess.CalledProcessError) as error:
        raise WorkloadError(f"{name}: {error}") from error
    with Server(argv, port=port, env={"PORT": str(port)}) as server:
        pages = {"garbage": _page(make_whywait, server, garbage, pairs, seconds)}
        if name in DOCUMENTS:
            pages["documents"] = _page(make_whywait, server, DOCUMENTS[name], pairs, seconds)
        return {**pages, "requests": _page(make_whywait, server, "/wait/0", 0, seconds)}


# ---- handoffs ----

IN_FLIGHT = 8
REQUESTS = 800
CLIENT = HERE.parent / "truth/apps/loops_client.py"
STEPS = {"cpu": (0.2, 2), "sleep": (2, 15), "pg": (2, 20), "redis": None, "http": (2, 20)}

# Name, the server, the beginnings of its paths, and how whywait is told not to follow its requests.
HANDOFFS = {
    "CPython's threads": (lambda environment: Gunicorn("python_pools:app", cwd=APPS, worker_class="gthread", threads=64, env=environment),
                          ("submit", "map", "thread", "queue")),
    "tokio's tasks": (lambda environment: Rust(APPS / "tokio_server", env={**environment, "WORKERS": "2"}), ("job",)),
}


def _plan(ways, prefix):
    draw = random.Random(prefix)

    def step():
        name = draw.choice(sorted(STEPS))
        return name if STEPS[name] is None else f"{name}:{draw.uniform(*STEPS[name]):.2f}"

    names = [f"{prefix}{at}" for at in range(REQUESTS)]
    return [(name, f"/{draw.choice(ways)}/{name}?do={','.join(step() for _ in range(draw.randint(1, 4)))}") for name in names]


def _send(port, ways, prefix):
    parts = [(IN_FLIGHT, 0, _plan(ways, prefix))]
    subprocess.run([PYTHON, CLIENT, str(port)], input=json.dumps(parts), stdout=subprocess.DEVNULL, text=True, check=True, timeout=80)


def _handed(make_whywait, server, ways, arguments):
    with bpf.stats_enabled(), make_whywait("--port", str(server.port), *arguments) as observer:
        _send(server.port, ways, "lead")
        before, began = bpf.programs(observer.pid), procfs.cpu_ns(server.pids())
        _send(server.port, ways, "all")
        spent = bpf.spent(before, bpf.programs(observer.pid))
        cpu_ns = procfs.cpu_ns(server.pids()) - began
        observer.end()
    total = sum(entry["ns"] for entry in spent.values())
    hottest = sorted(spent.items(), key=lambda item: -item[1]["ns"])[:4]
    return {"share": total / cpu_ns, "us": total / REQUESTS / 1000, "cpu_us": cpu_ns / REQUESTS / 1000,
            "hottest": {name: {"per_request": entry["count"] / REQUESTS, "ns": entry["ns"] / max(entry["count"], 1),
                               "share": entry["ns"] / cpu_ns} for name, entry in hottest}}


def handoffs(make_whywait, name):
    """{"followed", "left": ..}: what all of whywait's programs take of a server's CPU time, with its requests followed and not."""
    start, ways = HANDOFFS[name]
    with contextlib.ExitStack() as stack:
        postgres, redis = stack.enter_context(Postgres(settings={"max_connections": 300})), stack.enter_context(Redis())
        upstream, scratch = stack.enter_context(Upstream()), stack.enter_context(tempfile.TemporaryDirectory(prefix="whywait-bench-"))
        # The two servers call the same by other names.
        environment = {"POSTGRES_DSN": postgres.dsn, "REDIS_PORT": str(redis.port), "UPSTREAM_PORT": str(upstream.port),
                       "SCRATCH": scratch, "REALTIME": "0"}
        environment |= {"TRUTH_DSN": postgres.dsn, "TRUTH_REDIS": str(redis.port), "TRUTH_UPSTREAM": str(upstream.port),
                        "TRUTH_SCRATCH": scratch}
        server = stack.enter_context(start(environment))
        _send(server.port, ways, "warm")
        return {"followed": _handed(make_whywait, server, ways, ()), "left": _handed(make_whywait, server, ways, ("--no-handoffs",))}
