# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of stacks share: servers whose functions measure themselves, and what `whywait stacks` says of them."""
import collections
import http.client
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib")]
from services import Server, free_port  # noqa: E402  (the path comes first)
from whywait import Record, run  # noqa: E402

APPS = HERE / "apps"
COMPUTES = ("burn_a", "burn_b")
HOT = ("hot_a", "hot_b")
PERIOD_NS = 1e9 / 99  # between samples of what computes
WAITS = {"nap": "sleep", "take_lock": "lock"}


class Built:
    """Programs of C, built in a directory that goes at the end."""

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="whywait-stacks-")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory)

    def go(self, *flags):
        program = pathlib.Path(self.directory, "go" + "".join(flags).replace(" ", ""))
        subprocess.run(["go", "build", *flags, "-o", program, APPS / "stacks_go.go"], check=True,
                       env={**os.environ, "GO111MODULE": "off", "GOCACHE": f"{self.directory}/cache", "GOFLAGS": ""})
        return lambda port: [program, str(port)]

    def rust(self, *flags):
        program = pathlib.Path(self.directory, "rust" + "".join(flags).replace("-", "_").replace("=", "_"))
        subprocess.run(["/usr/bin/rustc", "--edition", "2021", "-O", *flags, "-o", program, APPS / "stacks_rust.rs"], check=True)
        return lambda port: [program, str(port)]

    def cpp(self):
        program = pathlib.Path(self.directory, "cpp")
        subprocess.run(["c++", "-std=c++17", "-O2", "-D_GNU_SOURCE", "-o", program, APPS / "stacks_cpp.cpp", "-lpthread"], check=True)
        return lambda port: [program, str(port)]

    def java(self):
        """Compiled as soon as it is called, and each function by itself."""
        subprocess.run(["javac", "-d", self.directory, APPS / "StacksJava.java"], check=True)
        flags = ["-XX:+PreserveFramePointer", "-Xcomp", "-XX:-Inline", "-XX:CompileCommand=quiet", "-XX:CompileOnly=StacksJava"]
        return lambda port: ["java", *flags, "-cp", self.directory, "StacksJava", str(port)]

    def server(self, *flags):
        program = pathlib.Path(self.directory, "server" + "".join(flags).replace("-", "_").replace("=", "_"))
        subprocess.run([*os.environ.get("CC", "cc").split(), "-std=gnu11", "-O2", *flags, "-D_GNU_SOURCE", "-o", program,
                        APPS / "stacks_server.c", "-lpthread"], check=True)
        return lambda port: [program, str(port)]


def python(port):
    return [sys.executable, APPS / "stacks_threads.py", str(port)]


def ask(port, path, enough, truth, counted):
    """Asks one request after the other until it is enough; adds what the responses say to `truth`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while not enough():
        connection.request("GET", path)
        for line in connection.getresponse().read().decode().splitlines():
            name, ns = line.split()
            truth[name] += int(ns)
        counted.append(path)
    connection.close()


def load(port, path, seconds, clients=2, computed_s=None):
    """{function: ns}, {"requests": N} of all clients: for so long, or until so much was computed, but then no longer than that."""
    truths, counted = [collections.Counter() for _ in range(clients)], []
    end = time.monotonic() + seconds

    def enough():
        computed = sum(truth[function] for truth in truths for function in COMPUTES + HOT)
        return time.monotonic() > end or (computed_s is not None and computed > computed_s * 1e9)

    threads = [threading.Thread(target=ask, args=(port, path, enough, truth, counted)) for truth in truths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(truths, collections.Counter()), len(counted)


def folded(path, *arguments):
    """[(frames, us)] of `whywait stacks`."""
    lines = run("stacks", path, *arguments, check=False).stdout.splitlines()
    return [(line.rsplit(" ", 1)[0].split(";"), int(line.rsplit(" ", 1)[1])) for line in lines]


def within(stacks, function):
    """The time in all stacks that the function is in, in ns."""
    named = re.compile(rf"(JS:[*^~+]?|main\.|long StacksJava\.|shop::(Pages::|Candle<.*>::)?|stacks_rust::|<stacks_rust::.*>::)?{function}(\(.*\))?( .*)?$")
    return sum(us * 1000 for frames, us in stacks if any(named.match(frame) for frame in frames))


def account(record, kind, route):
    return sum(endpoint["kinds_ns"][kind]["sum"] for endpoint in record.report["endpoints"] if endpoint["route"] == route)


def judge_shares(tap, name, argv, seconds, points, waiting=None, path="/mix", ready=None, also=None, computed_s=None,
                 by_wall=False):
    """A server of `argv` for so long, or until it has computed for computed_s: computing within so many points of what it measured,
    waits where they were. `by_wall`: it has no clock of its CPU time, so what it measured has waits for CPUs in it, too.
    `ready(server)` is called when it has warmed up, `also(port)` while it is observed still."""
    waiting = WAITS if waiting is None else waiting
    port = free_port()
    with Server(argv(port), port=port) as server:
        load(port, path, 0.3)
        if ready:
            ready(server)
        with Record("--port", port, "--stacks=all", keep=1) as record:
            truth, _ = load(server.port, path, seconds, computed_s=computed_s)
            if also:
                also(port)
            time.sleep(0.3)
    record.check(tap)
    computes = folded(record.path, "--endpoint", path, "--kinds", "compute")
    waits = folded(record.path, "--endpoint", path, "--kinds", "db,sleep,lock,runq")
    total = sum(us for _, us in computes) * 1000
    spent = account(record, "compute", path)
    # Of few samples a share, and their number, are a matter of luck: three quarters of n have this standard error.
    error = (0.75 * 0.25 / (spent / PERIOD_NS)) ** 0.5
    few = spent < 2000 * PERIOD_NS
    tap.note(f"{name}: {truth}, computing {total / 1e6:.0f} ms in stacks, {spent / 1e6:.0f} ms in the account")
    tap.note(record.report["losses"])
    tap.check(f"{name}: as much computing as in the account", abs(total - spent) < (10 * error if few else 0.05) * spent, f"{total} ns, {spent} ns")
    measured = sum(truth[function] for function in COMPUTES)
    for function in COMPUTES:
        of = max(spent, measured) if by_wall else spent
        share, true = 100 * within(computes, function) / total, 100 * truth[function] / of
        tap.check(f"{name}: {function} has its share", abs(share - true) <= (max(points, 400 * error) if few else points), f"{share:.1f} %, {true:.1f} % measured")
    tap.check(f"{name}: nearly all of it is under them", within(computes, "burn") >= (0.9 - 4 * error if few else 0.9) * total * measured / spent,
              f"{within(computes, 'burn')} of {total}")
    for function, kind in waiting.items():
        told = within(waits, function)  # its own kind, and what it then waited for a CPU
        own = within([stack for stack in waits if stack[0][-1].startswith(f"[{kind}")], function)
        tap.check(f"{name}: {function} waits for {kind}", own >= 0.1 * told, f"{own} of {told} ns")
        tap.check(f"{name}: {function} waited as long as it measured", abs(told - truth[function]) < 0.05 * truth[function] + 2e6,
                  f"{told} ns of {kind}, {truth[function]} ns measured")
    sums = {kind: sum(us for frames, us in waits if frames[-1].lstrip("[").rstrip("]").split()[0] == kind) * 1000
            for kind in ("db", "sleep", "lock", "runq")}
    wrong = {kind: (ns, account(record, kind, path)) for kind, ns in sums.items()
             if abs(ns - account(record, kind, path)) > 0.02 * account(record, kind, path) + 1e6}
    tap.check(f"{name}: waits sum to the account's", not wrong, wrong)
    whole = sum(us for frames, us in computes + waits if "[truncated]" not in frames)
    share = whole / sum(us for _, us in computes + waits)
    tap.note(f"{name}: {100 * share:.2f} % of the time is in stacks that reach their thread's start")
    tap.check(f"{name}: stacks reach their thread's start", share >= 0.98, f"{100 * share:.1f} % do")
    return record


def judge_hotspots(tap, name, argv, computed_s, ready=None):
    """The finding names the two functions that compute, with the shares that they have."""
    port = free_port()
    with Server(argv(port), port=port) as server:
        load(port, "/hot", 0.5, clients=1)
        if ready:
            ready(server)
        with Record("--port", port, "--stacks=all", keep=100) as record:
            truth, _ = load(port, "/hot", 10 * computed_s, clients=1, computed_s=computed_s)
            time.sleep(0.3)
    findings = [finding for endpoint in record.report["endpoints"] if endpoint["route"] == "/hot" for finding in endpoint["findings"]
                if finding["id"] == "compute-hotspot"]
    tap.check(f"{name}: computing is found", len(findings) == 1, record.report["endpoints"])
    said = findings[0]["evidence"]
    tap.note(f"{name}: {truth}: {findings[0]['text']}: {said}")
    told = {said.get(key): said.get(f"{key}_share") for key in ("function", "function_2", "function_3")}
    spent = account(record, "compute", "/hot")
    for function in HOT:
        named = [key for key in told if key and re.search(rf"\b{function}\b", key)]
        true = truth[function] / spent
        tap.check(f"{name}: {function} is named, with its share", len(named) == 1 and abs(told[named[0]] - true) < 0.05,
                  f"{told}, {true:.3f} measured")
