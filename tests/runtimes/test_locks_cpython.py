#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CPython's locks: waits for the interpreter's own in this host's version and in Debian's oldest and newest, against what a probe in
the server measured; and who held the program's, in gunicorn's threads, against what the handlers measured.

Packages that are not there are fetched and unpacked below build/, as those of tests/kernels are."""
import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib"), str(HERE.parent / "truth")]

from debian import FetchError  # noqa: E402
from findings_truth import prefer, send_at_once  # noqa: E402
from pythons import fetched  # noqa: E402
from services import Gunicorn, Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from threads_truth import MS, Job, Measured, check_interpreter, observe  # noqa: E402
from whywait import Record  # noqa: E402

APPS = HERE / "apps"
VERSIONS = ("3.9", "3.13", "3.14")  # the probe needs this host's libraries, or later ones
CLIENTS, EACH = 4, 25


def interpreter(version):
    """Threads that compute, a connection a request: each waits for the lock."""
    try:
        command, env = fetched(version, [f"python{version}-minimal", f"libpython{version}-stdlib"]) if version else (["/usr/bin/python3"], {})
    except (FetchError, StopIteration) as error:
        tap.note(f"SKIP: {error}")
        return

    def server():
        port = free_port()
        return Server([*command, APPS / "locks_httpserver.py"], port=port,
                      env={**env, "PORT": str(port), "LD_PRELOAD": f"{measured.memory}/probe.so", "TRUTH_LOG": f"{measured.memory}/log"})

    with Measured() as measured:
        jobs = [[Job(f"/spin/{6 + client}/{1000 * client + i}") for i in range(EACH)] for client in range(CLIENTS)]
        record, samples, probes = observe(measured, server, jobs)
    record.check(tap)
    wall = sum(s.wall_ns for s in samples) / len(samples)
    check_interpreter(tap, record, samples, probes, "gil", 0.03 * wall + 0.2 * MS)
    gil, own = (sum(end["detail"].get("lock", {}).get(name, {"sum_ns": 0})["sum_ns"] for end in record.report["endpoints"])
                for name in ("gil", "futex"))
    tap.check("they wait for nothing else in it", gil > 200 * MS and own < 0.05 * gil, f"gil {gil}, futex {own}")


def holders():
    """/lookup needs the lock that /report and /tail hold: the first is still there when it is let go, the other one goes on."""
    with tempfile.TemporaryDirectory(prefix="whywait-locks-") as directory:
        log = pathlib.Path(directory) / "log"
        with Gunicorn("locks_wsgi:app", cwd=APPS, worker_class="gthread", threads=8,
                      env={"LOCKS_LOG": str(log)}) as web:
            prefer(web)
            with Record("--port", web.port) as record:
                send_at_once(web.port, [f"/report/20/{i}" for i in range(40)], [f"/lookup/0/{i}" for i in range(70)],
                             [f"/lookup/0/{1000 + i}" for i in range(70)], [f"/tail/10/{i}" for i in range(8)],
                             [f"/flushed/0/{i}" for i in range(60)])
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    record.check(tap)
    waits = {line["path"]: line for line in lines if "waits" in line}
    ends = {end["route"].split("/")[1]: end for end in record.report["endpoints"]}
    told = {page: end["detail"].get("lock", {}) for page, end in ends.items()}
    for page, end in ends.items():
        true = {}
        for path, line in waits.items():
            if path.split("/")[1] == page:
                for holder, ns in line["waits"].items():
                    true[holder] = true.get(holder, 0) + ns
        allowed = (0.03 * end["wall_ns"]["mean"] + 0.2 * MS) * end["requests"]
        for holder in ("report", "tail", "lookup", "flusher"):
            name = "held by thread flusher-*" if holder == "flusher" else f"held by GET /{holder}/{{id}}/{{id}}"
            is_ns, should_ns = told[page].get(name, {"sum_ns": 0})["sum_ns"], true.get(holder, 0)
            if is_ns or should_ns:
                tap.check(f"/{page}: {name} {is_ns / MS:.1f} ms, measured {should_ns / MS:.1f} ms", abs(is_ns - should_ns) <= allowed,
                          f"{told[page]} {true}")
    found = {one["id"]: one for one in ends["lookup"]["findings"]}
    if tap.check("/lookup: lock-contention", "lock-contention" in found, ends["lookup"]["findings"]):
        said = found["lock-contention"]
        tap.note(f"{said['text']}: {said['advice']}")
        tap.check("it names the endpoint that held it most, and what to do there",
                  said["evidence"]["held_by"].startswith("GET /report/") and said["evidence"]["held_by_share"] > 0.6
                  and "have GET /report" in said["advice"], said)
    found = {one["id"]: one for one in ends["flushed"]["findings"]}
    if tap.check("/flushed: lock-contention", "lock-contention" in found, ends["flushed"]["findings"]):
        said = found["lock-contention"]
        tap.note(f"{said['text']}: {said['advice']}")
        tap.check("it names the thread that held it", said["evidence"]["held_by"] == "thread flusher-*", said)


tap = Tap()
for version in sys.argv[1:] or ["", *VERSIONS]:
    tap.run(f"the interpreter's lock, CPython {version or 'of this host'}", interpreter, version)
tap.run("who holds the program's", holders)
tap.done()
