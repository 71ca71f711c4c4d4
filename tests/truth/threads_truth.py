# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the truth tests of thread-per-request servers share: the servers with the probe in them, clients that take the time, and the
comparison of what whywait recorded with what the server and the clients measured themselves.

    with Backends() as backends, Measured() as measured:
        def server():
            return Gunicorn(.., env=measured.environment(backends))
        compare(tap, *observe(measured, server, [jobs_of_client_1, ..]))
"""
import contextlib
import gc
import json
import multiprocessing
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib"), str(HERE / "apps")]

from services import Postgres, Redis, Upstream  # noqa: E402
from threads_plan import KIND, plan  # noqa: E402
from whywait import KINDS, Record  # noqa: E402

APPS = HERE / "apps"
MS = 1_000_000
SYSTEMS = ("postgres", "redis", "mysql", "memcached", "mongodb")  # the probe's names, and those of the detail of db


class Backends(contextlib.ExitStack):
    """A Postgres, a Redis and an upstream."""

    def __enter__(self):
        super().__enter__()
        # Redis looks so often per second whether a BLPOP has waited long enough.
        self.postgres, self.redis, self.upstream = map(
            self.enter_context, (Postgres(), Redis(settings={"hz": 500}), Upstream()))
        return self


class Measured:
    """What a server that runs with environment() measures of itself."""

    def __enter__(self):
        self.scratch = tempfile.mkdtemp(prefix="whywait-truth-", dir="/var/tmp")  # on a disk
        self.memory = tempfile.mkdtemp(prefix="whywait-truth-", dir="/dev/shm")  # writing there never waits for one
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-shared",
                        "-fPIC", "-o", f"{self.memory}/probe.so", APPS / "threads_probe.c"], check=True)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.rmtree(self.memory, ignore_errors=True)

    def environment(self, backends, unix=False):
        """For the server; `unix`: it reaches Postgres and Redis by their unix sockets."""
        pathlib.Path(self.memory, "log").unlink(missing_ok=True)
        postgres, redis, upstream = backends.postgres, backends.redis, backends.upstream
        return {"LD_PRELOAD": f"{self.memory}/probe.so", "TRUTH_LOG": f"{self.memory}/log",
                "TRUTH_PEERS": f"{postgres.port}=postgres {redis.port}=redis {upstream.port}=net",
                "TRUTH_DSN": postgres.unix_dsn if unix else postgres.dsn,
                "TRUTH_REDIS": redis.socket if unix else str(redis.port),
                "TRUTH_UPSTREAM": str(upstream.port), "TRUTH_SCRATCH": self.scratch}

    def requests(self):
        """{path: what the probe wrote at the response's last send}"""
        lines = map(json.loads, pathlib.Path(self.memory, "log").read_text().splitlines())
        return {line["path"]: line for line in lines}


class Job(NamedTuple):
    path: str
    upload_ms: float = 0  # so long after the head comes the body; 0: there is none
    pause_ms: float = 0  # before it


class Sample(NamedTuple):
    """What a client saw; CLOCK_MONOTONIC."""
    path: str
    sent_ns: int  # before the first byte was sent
    done_ns: int  # when the last byte was there
    status: int

    @property
    def wall_ns(self):
        return self.done_ns - self.sent_ns


def mix(name, count, clients):
    """The jobs of so many clients, `count` in all, each as plan(name, number) says."""
    jobs = []
    for number in range(count):
        jobs.append(Job(f"/mix/{name}/{number}", dict(plan(name, number)).get("upload", 0)))
    return [jobs[client::clients] for client in range(clients)]


def _connect(address):
    if isinstance(address, int):
        connection = socket.create_connection(("127.0.0.1", address))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    return connection


class _Receiver:
    """Receives, and says when the last bytes were there: what the client then had to wait for a CPU is not the server's time."""

    def __init__(self, connection):
        self.connection = connection
        self.done_ns = 0
        self.schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def run_delay(self):
        return int(os.pread(self.schedstat, 100, 0).split()[1])

    def receive(self):
        before = self.run_delay()
        data = self.connection.recv(65536)
        now = time.perf_counter_ns()
        if data:
            self.done_ns = now - (self.run_delay() - before)
        return data

    def close(self):
        self.connection.close()
        os.close(self.schedstat)


def _read_response(receiver):
    """Returns the status."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receiver.receive() or _ended(data)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    chunked = b"chunked" in head.lower()
    while not (len(body) >= int(length[1]) if length else chunked and body.endswith(b"\r\n0\r\n\r\n")):
        more = receiver.receive()
        if not more:
            if length or chunked:
                _ended(data)
            break
        body += more
    return int(head.split()[1])


def _ended(data):
    raise ConnectionError(f"the response ended after {data!r}")


def _client(address, jobs, keep_alive, start, results):
    # It must not be late: what it waits for a CPU would look like the server's time.
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    gc.disable()
    samples, receiver = [], None
    start.wait()
    try:
        for job in jobs:
            time.sleep(job.pause_ms / 1000)
            receiver = receiver or _Receiver(_connect(address))
            method, length = ("POST", "Content-Length: 4\r\n") if job.upload_ms else ("GET", "")
            close = "" if keep_alive else "Connection: close\r\n"
            head = f"{method} {job.path} HTTP/1.1\r\nHost: truth\r\n{length}{close}\r\n".encode()
            sent = time.perf_counter_ns()
            receiver.connection.sendall(head)
            if job.upload_ms:
                time.sleep(job.upload_ms / 1000)
                receiver.connection.sendall(b"body")
            status = _read_response(receiver)
            samples.append(Sample(job.path, sent, receiver.done_ns, status))
            if not keep_alive:
                receiver.close()
                receiver = None
        results.put(samples)
    except OSError as error:
        results.put(error)


def drive(address, jobs_of_clients, keep_alive=False):
    """Lets each client, a process, do its jobs one after the other, all clients at once. `address` is a port on 127.0.0.1 or the path
    of a unix socket. Returns all samples."""
    fork = multiprocessing.get_context("fork")
    start, results, samples, failure = fork.Event(), fork.Queue(), [], None
    clients = [fork.Process(target=_client, args=(address, jobs, keep_alive, start, results), daemon=True)
               for jobs in jobs_of_clients]
    for client in clients:
        client.start()
    start.set()
    for _ in clients:
        result = results.get(timeout=80)
        if isinstance(result, OSError):
            failure = result
        else:
            samples += result
    for client in clients:
        client.join()
    if failure:
        raise failure
    return samples


def observe(measured, make_server, jobs_of_clients, keep_alive=False, before=()):
    """Starts a server, records it while the clients do their jobs; returns the record, the samples and what the server measured. Where
    server and clients do not agree themselves, as something kept a whole CPU from them, all is done again, twice at most. The jobs
    `before` are those that one client does before it is recorded.
    """
    for _ in range(3):
        with make_server() as web:
            drive(web.port or web.socket, [before] if before else [], keep_alive)
            selection = ("--port", web.port) if web.port else ("--pid", ",".join(map(str, web.pids())))
            with Record(*selection) as record:
                samples = drive(web.port or web.socket, jobs_of_clients, keep_alive)
        probes = measured.requests()
        if agreeing(samples, probes) >= 0.95 * len(samples):
            break
        print("# server and clients disagree about the time: something else takes the CPUs")
    return record, samples, probes


def _near(sample):
    """How far two measurements of a wall time may be apart: a CPU that has been idle for long wakes its client up late."""
    return max(0.3 * MS, sample.wall_ns / 100)


def agreeing(samples, probes):
    """How many requests took their client and their server the same time."""
    return sum(s.path in probes and abs(s.wall_ns - sum(truth(s, probes[s.path]).values())) < _near(s) for s in samples)


def _span(probe):
    """From the first bytes read to the last sent: {kind: ns} by the thread's clocks, and the time that is in none of them.

    When the thread was blocked only in calls that the probe knows, that is what the hypervisor took away from the virtual CPU on which
    the thread was: the scheduler does not count it as the thread's.
    """
    kinds = {kind: probe.get(f"{kind}_ns", 0) for kind in KINDS}
    kinds["compute"] = probe["cpu_ns"]
    kinds["db"] = sum(probe[f"{system}_ns"] for system in SYSTEMS)
    kinds["runq"] -= probe["last_runq_ns"]
    return kinds, probe["last_ns"] - probe["last_runq_ns"] - probe["first_ns"] - sum(kinds.values())


def truth(sample, probe):
    """A request's {kind: ns} as its server and its client measured it.

    The last send wakes the client, which takes the CPU if it has to: its send() returns late, but nothing was left to do.
    """
    kinds, rest = _span(probe)
    kinds["other" if probe["unknown_blocks"] else "compute"] += rest
    # From the first byte's arrival to its being read it waited for a thread: but what a thread did that was idle until then, and
    # woken by it, is the request's own.
    queue = probe["first_ns"] - sample.sent_ns
    if probe["woken_ns"] > sample.sent_ns:
        since = probe["first_ns"] - probe["woken_ns"]
        late = min(probe["woken_late_ns"], probe["woken_ns"] - sample.sent_ns)
        kinds["runq"] += probe["since_runq_ns"] + late
        kinds["lock"] += probe["since_lock_ns"]
        kinds["compute"] += since - probe["since_runq_ns"] - probe["since_lock_ns"]
        queue -= since + late
    kinds["queue"] = queue
    return kinds


def _known_work(path):
    _, word, name, number, *_ = path.split("/")
    if word == "after":
        return []  # it is done when the response has ended
    operations = plan(name, number) if word == "mix" else [(name, float(number))]
    # A late body is not always waited for: it may have come while the request did other things, or was in a queue.
    return [(KIND[operation.partition("-")[0]], ms) for operation, ms in operations if operation != "upload"]


def check_probe(tap, samples, probes):
    """Whether the truth is one: the probe saw every request, and no less than the work that it was known to have."""
    tap.check("the server measured every request, each on one thread",
              all(s.path in probes and probes[s.path]["one_thread"] for s in samples),
              [s.path for s in samples if s.path not in probes or not probes[s.path]["one_thread"]][:10])
    # Delays begin before the server waits for them: on a busy machine a part of them is gone when it gets to that.
    known, measured = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for sample in samples:
        for kind, ns in truth(sample, probes[sample.path]).items():
            measured[kind] += ns
        for kind, ms in _known_work(sample.path):
            known[kind] += ms * MS
    short = [f"{kind}: {measured[kind] / MS:.1f} ms, known are {known[kind] / MS:.1f}" for kind in KINDS
             if measured[kind] < 0.75 * known[kind]]
    tap.check("it measured no less than the work that it was known to do", not short, "\n".join(short))
    cpu_ns = sum(probes[s.path]["cpu_ns"] for s in samples)
    stolen_ns = sum(_span(probes[s.path])[1] for s in samples)
    tap.check("the thread's CPU clock shows its time on a CPU, or most of it where a hypervisor takes some",
              -0.02 * cpu_ns <= stolen_ns <= 0.4 * cpu_ns, f"{cpu_ns / MS:.1f} ms, and {stolen_ns / MS:.1f} ms are in no clock")
    near = agreeing(samples, probes)
    tap.check("server and clients agree on 95 % of the wall times", near >= 0.95 * len(samples), f"{near} of {len(samples)}")


def compare(tap, record, samples, probes, percent=2, slack_ns=0.1 * MS):
    """Checks that every account is right. `percent` of the mean wall time and `slack_ns` may the mean of a kind be off."""
    check_probe(tap, samples, probes)
    record.check(tap)
    recorded = record.by_path()
    missing = [s.path for s in samples if s.path not in recorded]
    tap.check(f"{len(samples)} requests sent, {len(samples)} recorded", not missing and len(recorded) == len(samples),
              f"missing {missing[:10]}, more {sorted(set(recorded) - {s.path for s in samples})[:10]}")
    samples = [s for s in samples if s.path in recorded]
    tap.check("each with its status", all(recorded[s.path]["status"] == s.status for s in samples))
    inexact = [s.path for s in samples if recorded[s.path]["attribution"] != "exact"]
    tap.check("all exact", not inexact, f"{len(inexact)} are not: {inexact[:10]}")

    off = sorted((abs(recorded[s.path]["wall_ns"] - s.wall_ns), s.path, _near(s)) for s in samples)
    far = [f"{path}: {ns / MS:.3f} ms" for ns, path, near in off if ns >= near]
    tap.check("95 % of the wall times are within 0.3 ms, or 1 %, of what the clients measured", len(far) <= 0.05 * len(samples),
              f"{len(far)} of {len(samples)} are not: {far[-10:]}")

    truths = {s.path: truth(s, probes[s.path]) for s in samples}
    wall = statistics.mean(s.wall_ns for s in samples)
    allowed = wall * percent / 100 + slack_ns
    for kind in KINDS:
        is_ns = statistics.mean(recorded[s.path]["kinds_ns"][kind] for s in samples)
        should_ns = statistics.mean(truths[s.path][kind] for s in samples)
        text = f"{is_ns / MS:.3f} ms, measured by the server {should_ns / MS:.3f} ms, allowed {allowed / MS:.3f} ms off"
        tap.check(f"{kind}: mean {text}", abs(is_ns - should_ns) <= allowed, _worst(kind, samples, recorded, truths))


    cpu_ns = statistics.mean(recorded[s.path]["cpu_ns"] for s in samples)
    should_ns = statistics.mean(truths[s.path]["compute"] for s in samples)
    tap.check(f"CPU time: mean {cpu_ns / MS:.3f} ms, measured {should_ns / MS:.3f} ms", abs(cpu_ns - should_ns) <= allowed)
    check_interpreter(tap, record, samples, probes, "gil", allowed)
    for system in SYSTEMS:
        should_ns = sum(probes[s.path][f"{system}_ns"] for s in samples)
        is_ns = sum(endpoint["detail"].get("db", {}).get(system, {"sum_ns": 0})["sum_ns"] for endpoint in record.report["endpoints"])
        tap.check(f"detail {system}: {is_ns / MS:.1f} ms, measured {should_ns / MS:.1f} ms",
                  abs(is_ns - should_ns) <= allowed * len(samples))


def interpreter_ns(sample, probe):
    """What the request waited for its interpreter's lock, as truth() has its waits for locks."""
    return probe["interpreter_ns"] + (probe["since_interpreter_ns"] if probe["woken_ns"] > sample.sent_ns else 0)


def check_interpreter(tap, record, samples, probes, name, allowed):
    """The interpreter's lock has a name of its own, and what is waited for it is told from what is for the program's locks."""
    should_ns = sum(interpreter_ns(s, probes[s.path]) for s in samples)
    is_ns = sum(endpoint["detail"].get("lock", {}).get(name, {"sum_ns": 0})["sum_ns"] for endpoint in record.report["endpoints"])
    tap.check(f"detail {name}: mean {is_ns / len(samples) / MS:.3f} ms, measured {should_ns / len(samples) / MS:.3f} ms",
              abs(is_ns - should_ns) <= allowed * len(samples))


def _worst(kind, samples, recorded, truths):
    """The requests whose account of that kind is farthest off, whole."""
    def off(sample):
        return abs(recorded[sample.path]["kinds_ns"][kind] - truths[sample.path][kind])

    lines = []
    for sample in sorted(samples, key=off, reverse=True)[:5]:
        request = recorded[sample.path]
        lines.append(f"{sample.path} tid {request['tid']}: " + ", ".join(
            f"{k} {request['kinds_ns'][k] / MS:.3f} (truth {truths[sample.path][k] / MS:.3f})" for k in KINDS
            if request["kinds_ns"][k] or truths[sample.path][k]))
    return "\n".join(lines)
