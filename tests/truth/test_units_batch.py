#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record -- COMMAND` tells a batch job as one unit of work: what it measured itself is what its kinds say, they add up, its
statements are all there, and its parts over time are the whole. A command that answers requests is told by those."""
import csv
import io
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parents[1] / "tools")]

from tap import Tap  # noqa: E402
from services import PYTHON, Postgres  # noqa: E402
from whywait import KINDS, WHYWAIT, run, sum_error  # noqa: E402

ROWS = 4000
MS = 1_000_000


def record(path, *command):
    done = subprocess.run([WHYWAIT, "record", "--replace", "-o", path, "--keep", "all", "--", *command], capture_output=True,
                          text=True, check=False, timeout=60)
    return done, json.loads(run("report", path, "--format", "json").stdout)


def near(name, got, wanted, least=0.85, most=1.4, slack=60 * MS):
    tap.check(f"{name}: {got / MS:.0f} ms where {wanted / MS:.0f} ms were",
              wanted * least - 10 * MS <= got <= wanted * most + slack, f"got {got}, wanted {wanted}")


def batch(path, dsn):
    done, report = record(path, PYTHON, str(HERE / "apps" / "units_batch.py"), dsn, str(ROWS))
    tap.check("record ended well", done.returncode == 0, done.stderr)
    told = json.loads(done.stdout)
    tap.check("one endpoint, the command as a whole",
              [(e["service"], e["protocol"], e["method"], e["requests"]) for e in report["endpoints"]] ==
              [("units_batch.py", "batch", "run", 1)], str(report["endpoints"])[:600])
    job = report["endpoints"][0]
    kinds = {kind: job["kinds_ns"][kind]["sum"] for kind in KINDS}
    tap.check("the kinds add up", sum_error(kinds, job["wall_ns"]["sum"]) is None, sum_error(kinds, job["wall_ns"]["sum"]))
    near("sleep, its own and its child's", kinds["sleep"], told["sleep"] + told["child"], most=1.05)
    # What a row's round trip takes beside the wait is its own computing.
    near("db", kinds["db"], told["db"], most=1.0, slack=told["rows"])
    near("cpu over all threads", job["cpu_ns"]["sum"], told["cpu"])
    tap.check("computes for no longer than its threads ran", kinds["compute"] <= job["cpu_ns"]["sum"] + MS)
    tap.check("hardly anything is `other`", kinds["other"] < 0.05 * job["wall_ns"]["sum"], f"{kinds['other'] / MS} ms")
    statement = [o for o in job["operations"] if o["summary"] == "SELECT items"]
    tap.check("each statement is counted", len(statement) == 1 and statement[0]["per_request"] == ROWS, str(job["operations"])[:800])
    tap.check("the loop of statements is found",
              any(f["id"] == "n-plus-one" and "FROM items" in f["text"] for f in job["findings"]), str(job["findings"])[:800])
    parts = list(csv.DictReader(io.StringIO(run("report", path, "--format", "csv", "--interval", "10").stdout)))
    tap.check("over time there are its parts", parts and all(part["method"] == "part" for part in parts))
    sums = {kind: round(sum(float(part[f"{kind}_ms"]) * int(part["requests"]) for part in parts) * MS) for kind in KINDS}
    tap.check("they add up to the whole", all(abs(sums[kind] - kinds[kind]) <= 10 for kind in KINDS), f"{sums} {kinds}")
    service = report["services"][0]
    tap.check("its memory is known", service["rss_bytes"]["peak"] > 8 << 20, str(service))


def collecting(path):
    """CPU time of the collections, as the program's own callbacks measure it: for what they wait for a CPU is `runq`."""
    code = ("import gc, time\nkeep, spent, begun = [[i] for i in range(100000)], 0, 0\n"
            "def told(phase, info):\n"
            "    global spent, begun\n"
            "    now = time.thread_time_ns()\n"
            "    if phase == 'start': begun = now\n"
            "    else: spent += now - begun\n"
            "time.sleep(0.3)\ngc.callbacks.append(told)\n"
            "for _ in range(20): gc.collect(); sum(range(100000))\n"
            "print(spent)\n")
    done, report = record(path, PYTHON, "-c", code)
    job = report["endpoints"][0]
    kinds = {kind: job["kinds_ns"][kind]["sum"] for kind in KINDS}
    tap.check("the kinds add up", sum_error(kinds, job["wall_ns"]["sum"]) is None, sum_error(kinds, job["wall_ns"]["sum"]))
    near("garbage collection", kinds["gc"], int(done.stdout), least=0.9, slack=10 * MS)


def failing(path):
    done, report = record(path, "sh", "-c", "exit 3")
    tap.check("it is an error", done.returncode == 0 and report["endpoints"][0]["errors"] == 1, str(report["endpoints"])[:400])


def serving(path):
    """A server that is asked by its own child, so that it ends by itself."""
    code = ("import http.server, threading, urllib.request\n"
            "server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
            "threading.Thread(target=server.serve_forever, daemon=True).start()\n"
            "for _ in range(5): urllib.request.urlopen('http://127.0.0.1:%d/' % server.server_port).read()\n")
    done, report = record(path, PYTHON, "-c", code)
    tap.check("a command that answers requests is told by them",
              [(e["protocol"], e["requests"]) for e in report["endpoints"]] == [("http", 5)],
              done.stderr + str(report["endpoints"])[:400])


tap = Tap()
with tempfile.TemporaryDirectory() as directory, Postgres() as server:
    database = str(pathlib.Path(directory) / "units.db")
    server.sql("CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items SELECT n, n FROM generate_series(0, 4999) n")
    tap.run("a batch job", batch, database, server.dsn)
    tap.run("one that collects garbage", collecting, database)
    tap.run("one that fails", failing, database)
    tap.run("a server", serving, database)
tap.done()
