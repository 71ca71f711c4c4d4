# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What it adds to tell a request's operations: whywait with them and without, in turn, on pages of many queries."""
import http.client
import statistics
import time

import bpf
import procfs
import querying
from observers import HERE
from services import Gunicorn, Postgres
from workloads import WorkloadError

SETTLE_S = 0.3  # what the last page left is read by then


def _ask(port, text):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"/{text}")
    answer = connection.getresponse()
    if answer.status != 200:
        raise WorkloadError(f"gunicorn: an answer with status {answer.status}")
    connection.close()


def _calls_ns(pid):
    """So far, of the programs that see what sockets send and receive: of the others, how often they run depends on how
    long the server sleeps."""
    return sum(program["ns"] for name, program in bpf.programs(pid).items() if "send" in name or "recv" in name)


def _pass(observer, port, text, seconds):
    """{"bpf_ns", "user_ns"} of an operation, all that is done for its request and call included."""
    _ask(port, text)
    time.sleep(SETTLE_S)
    calls, cpu, pages, end = _calls_ns(observer.pid), procfs.run_ns([observer.pid]), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        _ask(port, text)
        pages += 1
    time.sleep(SETTLE_S)
    done = pages * querying.QUERIES
    return {"bpf_ns": (_calls_ns(observer.pid) - calls) / done, "user_ns": (procfs.run_ns([observer.pid]) - cpu) / done}


def measure(make_whywait, pairs, seconds):
    """{text: {"bytes", "bpf_ns", "user_ns", "ns"}} that telling an operation of such a query adds, medians of the pairs."""
    found = {text: [] for text in querying.TEXTS}
    with Postgres({"fsync": "off"}) as database:
        database.sql(querying.SCHEMA)
        with Gunicorn("querying:app", cwd=HERE, env={"DSN": database.dsn}) as server, bpf.stats_enabled():
            for _ in range(pairs):
                passes = []
                for more in ((), ("--no-operations",)):
                    with make_whywait("--port", str(server.port), *more) as observer:
                        passes.append({text: _pass(observer, server.port, text, seconds) for text in found})
                        observer.end()
                for text, added in found.items():
                    added.append({key: passes[0][text][key] - without for key, without in passes[1][text].items()})
    result = {}
    for text, added in found.items():
        bpf_ns, user_ns = (statistics.median(one[key] for one in added) for key in ("bpf_ns", "user_ns"))
        result[text] = {"bytes": len(querying.TEXTS[text]), "bpf_ns": bpf_ns, "user_ns": user_ns, "ns": bpf_ns + user_ns}
    return result
