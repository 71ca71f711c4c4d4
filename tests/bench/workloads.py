# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The work that is observed: a server that is started once, and a load that is put on it again and again."""
import contextlib
import os
import pathlib
import re
import statistics
import subprocess

import procfs
from services import Gunicorn, Postgres, Redis, Server, free_port

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build"
DEMO = HERE.parents[1] / "tools/demo"


class WorkloadError(Exception):
    """A load that did not run as it should: one line."""


def output(argv, env=None):
    """What a program prints; a WorkloadError when it fails."""
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False,
                          env={**os.environ, **(env or {})})
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise WorkloadError(f"{argv[0]}: status {done.returncode}: {' '.join(last)}")
    return done.stdout


def _number(pattern, text):
    found = re.search(pattern, text)
    if not found:
        raise WorkloadError(f"no {pattern!r} in: {text.strip()[-200:]}")
    return float(found[1])


def wrk(url, seconds, connections, *more, env=None):
    """{"requests", "per_s"}; any error or status but 2xx is a WorkloadError."""
    argv = ["wrk", "-t", min(os.cpu_count(), connections), "-c", connections, "-d", seconds, "--timeout", "60s", *more, url]
    text = output(argv, env)
    wrong = re.search(r"Socket errors:.*|Non-2xx.*", text)
    if wrong:
        raise WorkloadError(f"wrk: {wrong[0]}")
    return {"requests": int(_number(r"(\d+) requests in", text)), "per_s": _number(r"Requests/sec: +([\d.]+)", text)}


def wrk_routes(port, seconds, connections, routes, delay_ms=0):
    """The same, over so many routes in turn."""
    return wrk(f"http://127.0.0.1:{port}/", seconds, connections, "-s", HERE / "routes.lua",
               env={"ROUTES": str(routes), "DELAY_MS": str(delay_ms)})


class Nginx(Server):
    """nginx with as many workers as CPUs: /small is a file of 1 KiB, anything else answers 200 from memory."""

    name = "nginx"

    def prepare(self):
        self.port = free_port()
        (self.directory / "small").write_bytes(b"x" * 1024)
        (self.directory / "nginx.conf").write_text(f"""
            daemon off;
            {'user root;' if os.geteuid() == 0 else ''}
            worker_processes auto;
            worker_rlimit_nofile 20000;
            pid {self.directory}/pid;
            error_log stderr error;
            events {{ worker_connections 16384; }}
            http {{
                access_log off;
                sendfile on;
                keepalive_requests 1000000000;
                client_body_temp_path {self.directory}/body;
                proxy_temp_path {self.directory}/proxy;
                fastcgi_temp_path {self.directory}/fastcgi;
                uwsgi_temp_path {self.directory}/uwsgi;
                scgi_temp_path {self.directory}/scgi;
                server {{
                    listen 127.0.0.1:{self.port};
                    location = /small {{ root {self.directory}; }}
                    location / {{ return 200 "ok\\n"; }}
                }}
            }}
        """)
        self.argv = ["nginx", "-e", "stderr", "-c", self.directory / "nginx.conf"]


class Static:
    """(a) every request is a few tens of microseconds of work, so the cost per request shows."""

    key = "a"
    title = "nginx + wrk at saturation, a file of 1 KiB, keep-alive"
    figures = {"per_s": "requests/s", "cpu_us": "CPU of the server per request, us"}
    connections = 64
    saturates = True
    http = True

    def __enter__(self):
        self.server = Nginx().start()
        return self

    def __exit__(self, *_):
        self.server.stop()

    def run(self, seconds):
        pids = self.server.pids()
        before = procfs.run_ns(pids)
        done = wrk(f"http://127.0.0.1:{self.server.port}/small", seconds, self.connections)
        return {**done, "cpu_us": (procfs.run_ns(pids) - before) / done["requests"] / 1e3}


class Routes(Static):
    """Many routes at a given rate: what the observer keeps per route is in its memory then."""

    title = "nginx + wrk, 1,000 routes"
    figures = {"per_s": "requests/s"}
    routes = 1000
    rate = 10_000
    connections = 128
    delay_ms = 10
    saturates = False

    def run(self, seconds):
        return wrk_routes(self.server.port, seconds, self.connections, self.routes, self.delay_ms)


class PgBench:
    """(b) every transaction switches context a few times and is not HTTP: what the whole host pays."""

    key = "b"
    title = "pgbench -S -c 8 at saturation, over a unix socket"
    figures = {"per_s": "transactions/s"}
    saturates = True
    http = False
    scale = 10

    def __enter__(self):
        self.server = Postgres({"shared_buffers": "512MB", "fsync": "off"}).start()
        try:
            output([*self._pgbench(), "-i", "-q", "-s", self.scale])
            self.server.sql("CHECKPOINT")
        except BaseException:
            self.server.stop()
            raise
        return self

    def __exit__(self, *_):
        self.server.stop()

    def _pgbench(self):
        return ["env", f"PGHOST={self.server.directory}", f"PGPORT={self.server.port}", "PGUSER=postgres",
                "PGDATABASE=test", "pgbench"]

    def run(self, seconds):
        text = output([*self._pgbench(), "-n", "-S", "-c", 8, "-j", os.cpu_count(), "-T", seconds])
        failed = _number(r"number of failed transactions: (\d+)", text)
        if failed:
            raise WorkloadError(f"pgbench: {failed:.0f} failed transactions")
        return {"requests": int(_number(r"transactions actually processed: (\d+)", text)),
                "per_s": _number(r"tps = ([\d.]+)", text)}


class Paced:
    """(c) a service far from saturation: what its users and its host's owner notice."""

    key = "c"
    rate = 200
    title = f"gunicorn, the demo's shop at {rate} requests/s, open loop: 3 of 4 a cached page, 1 of 4 with 51 queries"
    figures = {"p99_ms": "p99, ms", "cpu_ms": "CPU per request, ms"}
    saturates = False
    http = True
    connections = 0
    # What is slow by itself, or waits for the disk, would hide what observing adds to the tail.
    targets = [target for customer in range(1, 51)
               for target in ("GET /", "GET /", "GET /", f"GET /orders/{customer}")]

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            database = stack.enter_context(Postgres())
            database.sql((DEMO / "schema.sql").read_text())
            cache = stack.enter_context(Redis())
            self.server = stack.enter_context(Gunicorn("shop:app", cwd=DEMO, workers=6, env={
                "DSN": database.dsn, "REDIS_PORT": str(cache.port)}))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def run(self, seconds):
        pids = self.server.pids()
        before = procfs.cpu_ns(pids)
        text = output([BUILD / "paced", self.server.port, self.rate, seconds, *self.targets])
        spent = procfs.cpu_ns(pids) - before
        answers = [tuple(map(int, line.split())) for line in text.splitlines()]
        wrong = sorted({status for _, status in answers if status != 200})
        if wrong:
            raise WorkloadError(f"gunicorn: answers with status {', '.join(map(str, wrong))} (0: none)")
        latencies = [latency for latency, _ in answers]
        p99 = statistics.quantiles(latencies, n=100, method="inclusive")[98]
        return {"requests": len(answers), "p99_ms": p99 / 1e6, "cpu_ms": spent / len(answers) / 1e6}
