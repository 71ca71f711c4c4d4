# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a piece of work costs, and how that grows: with threads, connections and routes. By the kernel's own clock on
BPF programs and by whywait's CPU time, so that other work on the host matters little."""
import statistics

import bpf
import observers
import pairs
import procfs
import workloads
from observers import Hooks
from services import Server, free_port
from workloads import BUILD, WorkloadError

ROUNDS = 20  # to an upstream, for one request
AXES = {  # what grows: (what it is called, from the least to the most)
    "threads": ("threads of the server, each with a connection", (1, 4, 16, 64)),
    "connections": ("connections kept alive", (10, 100, 1000, 10_000)),
    "routes": ("routes", (1, 100, 1000, 5000)),
}
OTHERS = {  # programs that are not observed
    "syscalls": "a program that does nothing but system calls",
    "switches": "two processes that do nothing but switch",
}


class Work(Server):
    """tests/bench/work.c as a server, which asks another process `rounds` times for each request."""

    def __init__(self, rounds):
        super().__init__(port=free_port())
        self.rounds = rounds

    def prepare(self):
        self.argv = [BUILD / "work", "server", str(self.port), str(self.rounds)]


class Threads(Server):
    """A thread-per-connection server in C."""

    def __init__(self, threads):
        super().__init__(port=free_port())
        self.threads = threads

    def prepare(self):
        self.argv = [BUILD / "threads", "threads", str(self.port), str(self.threads)]


def _wrk(port, path, seconds, connections, *more):
    return workloads.wrk(f"http://127.0.0.1:{port}{path}", seconds, connections, *more)["requests"]


def _pass(make_whywait, run, *arguments):
    """One observed run, with every BPF program timed: {"requests", "bpf_ns", "programs", "user_ns", "rss", ..}."""
    with bpf.stats_enabled(), make_whywait(*arguments) as observer:
        before, cost = bpf.programs(observer.pid), observers.Cost(observer)
        cpu = procfs.run_ns(cost.pids)
        requests = run()
        if not requests:
            raise WorkloadError("no request was answered")
        user = procfs.run_ns(cost.pids) - cpu
        spent = bpf.spent(before, bpf.programs(observer.pid))
        rss = cost.figures()["own_rss"]
        observer.end()
    return {"requests": requests, "bpf_ns": sum(program["ns"] for program in spent.values()), "programs": spent,
            "user_ns": user, "rss": rss, "complete": observer.result["complete"],
            "losses": observer.result["losses"]}


def _per_request(found):
    return {"bpf_us": found["bpf_ns"] / found["requests"] / 1e3, "user_us": found["user_ns"] / found["requests"] / 1e3,
            "rss": found["rss"], "complete": found["complete"], "losses": found["losses"]}


def _mean_ns(found, *names):
    programs = [program for name, program in found["programs"].items() if name in names]
    runs = sum(program["count"] for program in programs)
    return sum(program["ns"] for program in programs) / runs if runs else None


def pieces(make_whywait, seconds):
    """{piece: ns} of BPF programs: what a request, an upstream operation, a connection and a context switch take."""
    with Work(0) as server:
        bare = _pass(make_whywait, lambda: _wrk(server.port, "/", seconds, 1))
    with Work(ROUNDS) as server:
        asking = _pass(make_whywait, lambda: _wrk(server.port, "/", seconds, 1))
    with workloads.Static() as static:
        kept = _pass(make_whywait, lambda: static.run(seconds)["requests"])
        closed = _pass(make_whywait, lambda: _wrk(static.server.port, "/small", seconds, static.connections, "-H",
                                                  "Connection: close"))
    each = {name: found["bpf_ns"] / found["requests"]
            for name, found in (("bare", bare), ("asking", asking), ("kept", kept), ("closed", closed))}
    return {
        "switch": _mean_ns(bare, "ww_sched_switch"),
        "wakeup": _mean_ns(bare, "ww_sched_waking"),
        "request": each["bare"],
        "upstream": (each["asking"] - each["bare"]) / ROUNDS,
        "connection": each["closed"] - each["kept"],
    }


def axis(make_whywait, name, seconds):
    """[{"at", "bpf_us", "user_us" per request, "rss", ..}] for each point of an axis."""
    found = []
    for at in AXES[name][1]:
        if name == "connections":
            seconds += at // 2000  # they have to be made first
        if name == "threads":
            with Threads(at) as server:
                measured = _pass(make_whywait, lambda: _wrk(server.port, "/", seconds, at))
        else:
            with workloads.Static() as static:
                port = static.server.port
                if name == "connections":
                    measured = _pass(make_whywait, lambda: _wrk(port, "/small", seconds, at))
                else:
                    def run(port=port, clients=static.connections, at=at):
                        return workloads.wrk_routes(port, seconds, clients, at)["requests"]
                    measured = _pass(make_whywait, run, "--routes-max", str(at))
        found.append({"at": at, **_per_request(measured)})
    return found


def _piece_ns(what, seconds):
    return int(workloads.output([BUILD / "work", what, int(seconds * 1000)])) / 1000


def others(make_whywait, what, count, seconds):
    """CPU time of a piece of work of a program that is not observed, with whywait on the host, with its hooks alone, and
    without."""
    # It observes a port on which nobody listens.
    tools = {"whywait": lambda: make_whywait("--port", str(free_port())), Hooks.name: Hooks}
    runs = []
    for name in pairs.order(tools, count):
        if not name:
            runs.append((name, {"ns": _piece_ns(what, seconds)}))
            continue
        with tools[name]() as observer:
            runs.append((name, {"ns": _piece_ns(what, seconds)}))
            observer.end()
    noise = pairs.noise(runs, "ns")
    return {"title": OTHERS[what], "unobserved_ns": statistics.median(r["ns"] for name, r in runs if not name),
            "ratio": pairs.summary(pairs.ratios(runs, "whywait", "ns")),
            "hooks": pairs.summary(pairs.ratios(runs, Hooks.name, "ns")),
            "noise": {**pairs.summary(noise), "bound": pairs.noise_bound(noise)}}
