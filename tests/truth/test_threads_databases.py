#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""gunicorn's sync workers with a real MariaDB and a real memcached, on their own ports and on any: what whywait recorded against what
the workers and their clients measured. Debian has no MongoDB: in its place is something that takes and answers its messages, so of
MongoDB nothing but the name is tested here."""
import contextlib
import os
import pathlib
import signal
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from threads_truth import APPS, MS, Backends, Job, Measured, check_probe, observe  # noqa: E402
from threads_databases import FIRST  # noqa: E402
from services import Gunicorn, MariaDB, Memcached, Python, accepts  # noqa: E402

USUAL = {"mysql": 3306, "memcached": 11211, "mongodb": 27017}
REQUESTS = 20
FIRSTS = 4


@contextlib.contextmanager
def halting(pid):
    """Stops the process three quarters of the time: what it is asked has to wait."""
    ended = threading.Event()

    def halt():
        while not ended.is_set():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.006)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.002)

    thread = threading.Thread(target=halt)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def jobs_of(operation, count, ms=0):
    return [Job(f"/do/{operation}/{ms}/{number}", pause_ms=1) for number in range(count)]


def details(tap, record, samples, probes):
    """Each operation is all of one system, and all of its waiting is there."""
    for operation, system in (("mysql", "mysql"), ("mysql_new", "mysql"), ("memcached", "memcached"), ("mongodb", "mongodb")):
        ends = [endpoint for endpoint in record.report["endpoints"] if endpoint["route"].startswith(f"/do/{operation}/")]
        if not tap.check(f"{operation} is one endpoint", len(ends) == 1, [e["route"] for e in record.report["endpoints"]]):
            continue
        paths = [s.path for s in samples if s.path.startswith(f"/do/{operation}/")]
        should_ns = sum(probes[path][f"{system}_ns"] for path in paths)
        detail, net_ns = ends[0]["detail"].get("db", {}), ends[0]["kinds_ns"]["net"]["sum"]
        only = detail.get(system, {"sum_ns": 0, "count": 0})
        allowed = 0.02 * should_ns + 0.1 * MS * len(paths)
        tap.check(f"{operation}: {only['sum_ns'] / MS:.2f} ms of {system}, measured {should_ns / MS:.2f} ms",
                  abs(only["sum_ns"] - should_ns) <= allowed, detail)
        tap.check(f"{operation}: all of it, and no network", set(detail) == {system} and not net_ns
                  and only["sum_ns"] == ends[0]["kinds_ns"]["db"]["sum"], f"{detail} {ends[0]['detail'].get('net')}")
        # A wait that is over before the thread has left its CPU takes no time.
        waits = sum(probes[path][f"{system}_waits"] for path in paths)
        tap.check(f"{operation}: {only['count']} waits, measured {waits}", 0.9 * waits - 1 <= only["count"] <= 1.02 * waits)


def judge(ports, before):
    tap.note(f"{ports}, connections {'from before' if before else 'made while'} observed")
    with MariaDB(port=ports["mysql"]) as mariadb, Memcached(port=ports["memcached"]) as memcached, \
            Python(APPS / "threads_mongodb.py", port=ports["mongodb"]) as mongodb:
        of = {"mysql": mariadb.port, "memcached": memcached.port, "mongodb": mongodb.port}
        env = measured.environment(backends) | {f"TRUTH_{name.upper()}": str(port) for name, port in of.items()}
        env["TRUTH_PEERS"] += "".join(f" {port}={name}" for name, port in of.items())
        kept = ("mysql", "memcached", "mongodb")
        jobs = [job for name in (*kept, "mysql_new") for job in jobs_of(name, REQUESTS, 0 if name == "memcached" else 10)]
        if not before:
            jobs += [job for name in FIRST for job in jobs_of(f"memcached-{name}", FIRSTS)]
        with halting(memcached.pid):
            record, samples, probes = observe(
                measured, lambda: Gunicorn("threads_databases:app", cwd=APPS, env=env), [jobs],
                before=[Job(f"/do/{name}/0/before") for name in kept] if before else ())
    check_probe(tap, samples, probes)
    record.check(tap)
    tap.check(f"{len(samples)} requests sent, {len(samples)} recorded", {s.path for s in samples} == set(record.by_path()))
    details(tap, record, samples, probes)
    for name in [] if before else FIRST:
        ends = [endpoint for endpoint in record.report["endpoints"] if endpoint["route"].startswith(f"/do/memcached-{name}/")]
        found = [endpoint["detail"] for endpoint in ends]
        tap.check(f"memcached is told by {name}", ends and all(set(d.get("db", {})) == {"memcached"} and "net" not in d for d in found),
                  found)


tap = Tap()
taken = [f"{port} ({name})" for name, port in USUAL.items() if accepts(("127.0.0.1", port))]
any_ports = dict.fromkeys(USUAL)
with Backends() as backends, Measured() as measured:
    if taken:
        tap.skip("usual ports", f"in use: {', '.join(taken)}")
    else:
        tap.run("usual ports", judge, USUAL, False)
    tap.run("any ports", judge, any_ports, False)
    tap.run("any ports, connected before", judge, any_ports, True)
tap.done()
