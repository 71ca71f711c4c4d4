#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How many stacks reach their thread's start, of programs of each runtime: at least 98 %, and those that are said to do so begin in a
function in which threads, or goroutines, begin. --markdown writes the table of docs/stacks.md."""
import gzip
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "truth"), str(HERE / "apps")]
from fastcgi_servers import Nginx  # noqa: E402  (the path comes first)
from stacks_truth import APPS, Built, load, python  # noqa: E402
from services import Gunicorn, Postgres, Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

SECONDS = 6
SHARE = 0.98
STARTS = re.compile(r"_start|(__)?clone3?|runtime\.(goexit|mcall|mstart|rt0_go)(\.abi0)?|_rt0_amd64(_linux)?")
DOCS = HERE.parents[1] / "docs/stacks.md"
MARKS = ("<!-- starts: tests/runtimes/test_stacks_starts.py --markdown writes it -->", "<!-- end of starts -->")


def count(path):
    """{whole: (stacks, ns)} of those that were taken, and the outermost functions of those that are said to be whole."""
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT whole, samples, sum_ns, frames FROM stack_sample JOIN stack ON stack.id = stack_sample.stack").fetchall()
        names = dict(database.execute("SELECT id, name FROM stack_frame"))
    counted, begins = {0: [0, 0], 1: [0, 0]}, {}
    for whole, samples, ns, frames in rows:
        outermost = names[int(re.match(r"\[(\d+)", frames).group(1))]
        if outermost == "[no thread]":
            continue
        counted[whole][0] += samples
        counted[whole][1] += ns
        if whole:
            begins[outermost] = begins.get(outermost, 0) + samples
    return counted, begins


def observe(name, port, ask):
    ask()
    with Record("--port", port, "--stacks=all", keep=1) as record:
        ask()
        time.sleep(0.2)
    record.check(tap, complete=False)
    counted, begins = count(record.path)
    stacks, ns = counted[0][0] + counted[1][0], counted[0][1] + counted[1][1]
    share, of_time = counted[1][0] / stacks, counted[1][1] / ns
    tap.note(f"{name}: {stacks} stacks, {100 * share:.2f} % reach their start, {100 * of_time:.2f} % of the time; from {begins}")
    tap.check(f"{name}: enough were taken", stacks >= 200, stacks)
    tap.check(f"{name}: stacks reach their thread's start", share >= SHARE and of_time >= SHARE, f"{share} of them, {of_time} of the time")
    wrong = {begin: samples for begin, samples in begins.items() if not STARTS.fullmatch(begin)}
    tap.check(f"{name}: and those that are said to are there", sum(wrong.values()) <= 0.002 * stacks, wrong)
    rows.append((name, stacks, share, of_time))


def serve(name, argv, path="/mix"):
    port = free_port()
    with Server(argv(port), port=port):
        observe(name, port, lambda: load(port, path, SECONDS))


def wrk(port, path, *arguments):
    subprocess.run(["wrk", "-t", "1", "-c", "8", "-d", f"{SECONDS}s", *arguments, f"http://127.0.0.1:{port}{path}"], check=True,
                   stdout=subprocess.DEVNULL)


def judge_nginx():
    """Files that it packs, and what it asks another server for."""
    upstream = free_port()
    http = f"upstream other {{ server 127.0.0.1:{upstream}; keepalive 8; }} proxy_http_version 1.1; gzip on; gzip_comp_level 6; gzip_types *;"
    with tempfile.TemporaryDirectory() as files, Server(python(upstream), port=upstream):
        pathlib.Path(files, "text").write_bytes(gzip.compress(bytes(range(256)) * 400, 0)[:100000])
        locations = f'location /proxy {{ proxy_set_header Connection ""; proxy_pass http://other/mix; }} location /files/ {{ alias {files}/; }}'
        pathlib.Path(files).chmod(0o755)
        with Nginx(http, locations) as nginx:
            observe("nginx, files", nginx.port, lambda: wrk(nginx.port, "/files/text", "-H", "Accept-Encoding: gzip"))
            observe("nginx, proxy", nginx.port, lambda: wrk(nginx.port, "/proxy"))


def judge_postgres():
    with Postgres() as postgres:
        for name, script in (("CPython, psycopg2 (libpq)", "stacks_postgres.py"), ("CPython, aiohttp and asyncpg", "stacks_aiohttp.py")):
            serve(name, lambda port, script=script: ["/usr/bin/python3", APPS / script, str(port), postgres.dsn])


def judge_gunicorn():
    with Gunicorn("threads_wsgi:app", cwd=APPS, workers=2, worker_class="gthread", threads=4, port=free_port()) as web:
        observe("CPython, gunicorn", web.port, lambda: wrk(web.port, "/do/compute/3/x"))


def write_table():
    text = DOCS.read_text(encoding="utf-8")
    begin, end = text.index(MARKS[0]) + len(MARKS[0]), text.index(MARKS[1])
    table = [f"On {time.strftime('%Y-%m-%d')}, of every request (`--stacks=all`), on Linux {pathlib.Path('/proc/sys/kernel/osrelease').read_text().strip().split('-')[0]}:", "",
             "| program | stacks | reach their thread's start | of the time |", "|---|---|---|---|"]
    table += [f"| {name} | {stacks:,} | {100 * share:.2f} % | {100 * of_time:.2f} % |" for name, stacks, share, of_time in rows]
    DOCS.write_text(text[:begin] + "\n" + "\n".join(table) + "\n" + text[end:], encoding="utf-8")


tap, rows = Tap(), []
with Built() as built:
    for title, flags in (("C", ["-fomit-frame-pointer"]), ("C, with frame pointers", ["-fno-omit-frame-pointer"]),
                         ("C, static", ["-static", "-fomit-frame-pointer"])):
        tap.run(title, serve, title, built.server(*flags))
    tap.run("C++", serve, "C++", built.cpp())
    tap.run("Rust", serve, "Rust", built.rust())
    tap.run("Go", serve, "Go", built.go())
    tap.run("Go, stripped, PIE", serve, "Go, stripped, PIE", built.go("-ldflags=-s -w", "-buildmode=pie"))
tap.run("CPython", serve, "CPython", python)
tap.run("CPython, gunicorn", judge_gunicorn)
tap.run("Postgres", judge_postgres)
tap.run("nginx", judge_nginx)
if "--markdown" in sys.argv[1:]:
    write_table()
tap.done()
