# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What stacks cost: taking one in the kernel, unwinding it, finding names, the tables of files once; and what that comes to by default."""
import os
import re
import statistics
import subprocess
import time

import bpf
import procfs
from observers import HERE
from runtimes import BUILD, Load
from services import Server, free_port
from workloads import WorkloadError

APPS = HERE.parent / "truth/apps"
SETTLE_S = 1  # the tables of files are read by then
SAID = re.compile(r"(\d+) stacks, ([\d.]+) % whole; each ([\d.]+) us to take, ([\d.]+) to unwind, ([\d.]+) for names; (\d+) ms once for (\d+) files, ([\d.]+) MiB")


def _c():
    subprocess.run([*os.environ.get("CC", "cc").split(), "-std=gnu11", "-O2", "-D_GNU_SOURCE", "-fomit-frame-pointer", "-o", BUILD / "stacks_server",
                    APPS / "stacks_server.c", "-lpthread"], check=True)
    return [BUILD / "stacks_server"]


def _go():
    subprocess.run(["go", "build", "-o", BUILD / "stacks_go", APPS / "stacks_go.go"], check=True, env={**os.environ, "GO111MODULE": "off", "GOFLAGS": ""})
    return [BUILD / "stacks_go"]


# Name, what starts it, and a page that waits, or computes.
PROGRAMS = {
    "C, waiting": (_c, "/nap"),
    "C, computing": (_c, "/mix"),
    "CPython": (lambda: ["/usr/bin/python3", APPS / "stacks_threads.py"], "/mix"),
    "Go": (_go, "/mix"),
    "Node": (lambda: ["node", APPS / "stacks_node.js"], "/mix"),
}


def _pass(make_whywait, server, page, seconds, *arguments):
    """{"bpf_ns", "user_ns"} of a request, {"said"} of what it says of stacks at its end, and the share of the host's CPU time."""
    load = Load(server.port, page)
    with make_whywait("--port", str(server.port), *arguments) as observer:
        load.run(server, SETTLE_S)
        before, cpu, began = bpf.programs(observer.pid), procfs.run_ns([observer.pid]), time.monotonic()
        requests = load.run(server, seconds)["requests"]
        programs = bpf.spent(before, bpf.programs(observer.pid))
        ns, user = sum(program["ns"] for program in programs.values()), procfs.run_ns([observer.pid]) - cpu
        passed = (time.monotonic() - began) * 1e9 * os.cpu_count()
        observer.end()
        said = SAID.search(observer.log())
    return {"bpf_ns": ns / requests, "user_ns": user / requests, "share": (ns + user) / passed,
            "all": load.all_requests, "said": [float(word) for word in said.groups()] if said else None}


def measure(make_whywait, name, pairs, seconds):
    """What a stack costs of such a program, with all taken, and what stacks cost by default; medians of the pairs."""
    BUILD.mkdir(parents=True, exist_ok=True)
    start, page = PROGRAMS[name]
    port = free_port()
    try:
        argv = [*start(), str(port)]
    except (OSError, subprocess.CalledProcessError) as error:
        raise WorkloadError(f"{name}: {error}") from error
    added = []
    with Server(argv, port=port) as server, bpf.stats_enabled():
        for _ in range(pairs):
            without = _pass(make_whywait, server, page, seconds)
            every = _pass(make_whywait, server, page, seconds, "--stacks=all")
            default = _pass(make_whywait, server, page, seconds, "--stacks")
            if not every["said"]:
                raise WorkloadError(f"{name}: whywait took no stacks")
            stacks, whole, take, unwind, names, once, files, mib = every["said"]
            of_request = stacks / every["all"]
            added.append({"stacks": of_request, "take_ns": 1000 * take, "bpf_ns": (every["bpf_ns"] - without["bpf_ns"]) / of_request, "unwind_ns": 1000 * unwind,
                          "names_ns": 1000 * names, "user_ns": (every["user_ns"] - without["user_ns"]) / of_request, "once_ms": once,
                          "whole": whole / 100, "files": files, "mib": mib, "share_all": every["share"] - without["share"],
                          "share": default["share"] - without["share"]})
    return {key: statistics.median(one[key] for one in added) for key in added[0]}
