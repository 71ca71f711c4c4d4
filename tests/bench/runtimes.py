# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the probes in runtimes cost the programs that have them: a server of each language that makes much garbage, or has many
requests, by its CPU time for a request, observed and not, in turn; and what the probes' programs take, by the kernel's clock. That
clock does not see the trap that each probe takes besides, about a microsecond: it shows in the CPU time only."""
import http.client
import statistics
import subprocess
import threading
import time

import bpf
import pairs as paired
import procfs
from observers import HERE
from services import Server, free_port
from workloads import WorkloadError

APPS = HERE.parent / "runtimes/apps"
BUILD = HERE.parents[1] / "build/tests/bench"
PROBES = ("ww_gc_", "ww_stop_", "ww_pause_", "ww_part_", "ww_assist_")
CLIENTS = 2


def _java():
    subprocess.run(["javac", "-d", BUILD, APPS / "GcHttpServer.java"], check=True)
    return ["java", "-Xmx256m", "-cp", BUILD, "GcHttpServer"]


def _go():
    subprocess.run(["go", "build", "-o", BUILD / "gc_http", APPS / "gc_http.go"], check=True)
    return [BUILD / "gc_http"]


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
        before, self.ends = procfs.run_ns(server.pids()), time.monotonic() + seconds
        clients = [threading.Thread(target=self._client, args=(at,)) for at in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        spent = procfs.run_ns(server.pids()) - before
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


def _page(make_whywait, server, page, pairs, seconds):
    load, runs = Load(server.port, page), []
    load.run(server, 1)
    for name in paired.order(["whywait"], pairs):
        if name == paired.UNOBSERVED:
            runs.append((name, load.run(server, seconds)))
            continue
        with make_whywait("--port", str(server.port)) as observer:
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
    noise = paired.noise(runs, "cpu_us")
    return {"cpu_us": statistics.median(figures["cpu_us"] for name, figures in runs if name == paired.UNOBSERVED),
            "ratio": paired.summary(paired.ratios(runs, "whywait", "cpu_us")),
            "noise": {**paired.summary(noise), "bound": paired.noise_bound(noise)},
            "probes_per_request": count / timed["requests"], "probes_share": ns / timed["cpu_ns"],
            "programs_share": sum(entry["ns"] for entry in spent.values()) / timed["cpu_ns"]}


def measure(make_whywait, name, pairs, seconds):
    """{"garbage": .., "requests": ..}: what a server of that runtime pays."""
    BUILD.mkdir(parents=True, exist_ok=True)
    start, garbage = RUNTIMES[name]
    port = free_port()
    try:
        argv = [str(word).replace("PORT", str(port)) for word in start()]
    except (OSError, subprocess.CalledProcessError) as error:
        raise WorkloadError(f"{name}: {error}") from error
    with Server(argv, port=port, env={"PORT": str(port)}) as server:
        return {title: _page(make_whywait, server, page, pairs, seconds)
                for title, page in (("garbage", garbage), ("requests", "/wait/0"))}
