# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The operations of threads_plan.py, done by the thread that calls them.

Set by the environment: TRUTH_DSN (PostgreSQL), TRUTH_REDIS (port or path), TRUTH_UPSTREAM (port), TRUTH_SCRATCH (a directory on
a disk).
"""
import contextlib
import http.client
import os
import random
import subprocess
import sys
import threading
import time

import psycopg2
import redis

from threads_plan import plan


class Pool:
    """Things that one thread at a time uses, made when none is free. A list's pop and append need no lock."""

    def __init__(self, make):
        self.make = make
        self.free = []

    @contextlib.contextmanager
    def take(self):
        try:
            thing = self.free.pop()
        except IndexError:
            thing = self.make()
        yield thing
        self.free.append(thing)


def _connect_postgres():
    connection = psycopg2.connect(os.environ["TRUTH_DSN"])
    connection.autocommit = True
    return connection.cursor()


def _connect_redis():
    where = os.environ["TRUTH_REDIS"]
    return redis.Redis(unix_socket_path=where) if "/" in where else redis.Redis(port=int(where))


def _connect_upstream():
    return http.client.HTTPConnection("127.0.0.1", int(os.environ["TRUTH_UPSTREAM"]))


def _open_file():
    return os.open(f"{os.environ['TRUTH_SCRATCH']}/{time.monotonic_ns()}", os.O_CREAT | os.O_EXCL | os.O_WRONLY)


ANSWERS_LATER = "import os, time\nwhile ms := os.read(0, 64): time.sleep(float(ms) / 1000); os.write(1, b'x')"


def _start_child():
    return subprocess.Popen([sys.executable, "-c", ANSWERS_LATER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                            env={})


CURSORS, REDISES, UPSTREAMS, FILES, CHILDREN = map(
    Pool, (_connect_postgres, _connect_redis, _connect_upstream, _open_file, _start_child))


def compute(ms, _):
    """Takes that much of the thread's CPU time, at least."""
    end = time.thread_time_ns() + ms * 1e6
    while time.thread_time_ns() < end:
        sum(range(500))


def postgres(ms, _):
    with CURSORS.take() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", (ms / 1000,))


def queries(_, __):
    with CURSORS.take() as cursor:
        for number in range(3):
            cursor.execute("SELECT %s + count(*) FROM pg_class", (number,))
            cursor.fetchall()


def redis_calls(_, __):
    with REDISES.take() as client:
        client.set("key", "x" * 100)
        client.get("key")
        client.get("none")


def blpop(ms, _):
    with REDISES.take() as client:
        client.blpop("nothing", ms / 1000)


def http_kept(ms, _):
    with UPSTREAMS.take() as upstream:
        upstream.request("GET", f"/delay/{ms}/100")
        upstream.getresponse().read()


def http_new(ms, _):
    with contextlib.closing(_connect_upstream()) as upstream:
        upstream.request("GET", f"/delay/{ms}/100")
        upstream.getresponse().read()


def fsync(_, __):
    with FILES.take() as file:
        for _ in range(20):
            os.pwrite(file, os.urandom(65536), 0)
            os.fsync(file)


_MUCH = os.urandom(4 << 20)


def fsync_once(_, __):
    """A single long wait, or a few."""
    with FILES.take() as file:
        os.pwrite(file, _MUCH, 0)
        os.fsync(file)


def read_cold(_, __):
    """What is read is on the disk, and not in memory."""
    with FILES.take() as file:
        os.pwrite(file, _MUCH, 0)
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    again = os.open(f"/proc/self/fd/{file}", os.O_RDONLY)
    while os.read(again, 65536):
        pass
    os.close(again)


_lock = threading.Lock()
_holder = None


def _hold():
    draw = random.Random(1)
    while True:
        with _lock:
            time.sleep(draw.uniform(0.006, 0.014))
        time.sleep(0.001)


def lock(_, __):
    global _holder
    if not _holder:
        _holder = threading.Thread(target=_hold, daemon=True)
        _holder.start()
    with _lock:
        pass


def sleep(ms, _):
    time.sleep(ms / 1000)


def pipe(ms, _):
    with CHILDREN.take() as child:
        os.write(child.stdin.fileno(), str(ms).encode())
        os.read(child.stdout.fileno(), 1)


def upload(_, read_body):
    read_body()


def work_on(ms):
    """What a handler does when its response is out: half of the CPU time before its sleep, half of it after."""
    compute(ms / 2, None)
    sleep(ms, None)
    compute(ms / 2, None)


DO = {"compute": compute, "postgres": postgres, "queries": queries, "redis": redis_calls, "blpop": blpop, "http_kept": http_kept,
      "http_new": http_new, "fsync": fsync, "fsync_once": fsync_once, "read_cold": read_cold, "lock": lock, "sleep": sleep, "pipe": pipe, "upload": upload}


def answer(path, read_body):
    """Does what a request asks for; returns the response's body. read_body() reads the request's, to its end.

    /mix/NAME/NUMBER       all that plan(NAME, NUMBER) says
    /do/OPERATION/MS/..    one operation
    """
    _, word, name, number, *_ = path.split("/")
    for operation, ms in plan(name, number) if word == "mix" else [(name, float(number))]:
        DO[operation](ms, read_body)
    return f"{path}\n".encode()
