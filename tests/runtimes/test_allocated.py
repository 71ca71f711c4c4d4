#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record --allocations` of runtimes with heaps of their own: Go's and HotSpot's counts, read from the process's memory, against what
the runtime tells its program: runtime.ReadMemStats(), com.sun.management.ThreadMXBean."""
import http.client
import pathlib
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "apps"), str(HERE.parents[1] / "tools"), str(HERE.parent / "lib")]

import go_versions  # noqa: E402
from gc_runtimes import APPS, build_directory  # noqa: E402
from services import Go, Node, Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record, run  # noqa: E402

CLIENTS, RATE, SECONDS, OBJECTS = 2, 50, 8, 200


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    body = connection.getresponse().read().decode()
    connection.close()
    return body


def load(port, path, seconds=SECONDS):
    """Clients that keep their connections and ask at set times; how many requests they made."""
    def client(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        start = time.monotonic() + number / RATE / CLIENTS
        for request in range(seconds * RATE):
            time.sleep(max(start + request / RATE - time.monotonic(), 0))
            connection.request("GET", path)
            connection.getresponse().read()
        connection.close()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return CLIENTS * seconds * RATE


def counted(name, server, page="allocate", objects=True, close=0.03):
    with server as web:
        load(web.port, f"/{page}/{OBJECTS}", 1)
        with Record("--port", web.port, "--allocations", keep=5) as record:
            load(web.port, f"/{page}/{OBJECTS}", 1)
            before = list(map(int, get(web.port, "/counted").split()))
            requests = load(web.port, f"/{page}/{OBJECTS}")
            after = list(map(int, get(web.port, "/counted").split()))
        record.check(tap)
    own = [(last - first) / (requests + 1) for first, last in zip(before, after)]
    told = record.report["services"][0].get("allocated_per_request")
    tap.note(f"{name}: told {told}, its own count {own}")
    tap.check(f"{name}: it is told", told is not None and told["bytes"] is not None, record.report["services"][0])
    if not told:
        return
    tap.check(f"{name}: the bytes are those of the runtime's own count", abs(told["bytes"] / own[0] - 1) < close, (told, own))
    tap.check(f"{name}: the objects, too" if objects else f"{name}: no objects are told, which it does not count",
              abs(told["objects"] / own[1] - 1) < close if objects else told["objects"] is None, (told, own))
    tap.check(f"{name}: the report and the baseline tell them", "a request, by its runtime's own count" in run("report", record.path).stdout
              and "| allocated a request | objects |" in run("report", record.path, "--baseline").stdout)


def none(name, server, path):
    with server as web, Record("--port", web.port, "--allocations", keep=5) as record:
        load(web.port, path, 3)
    tap.check(f"{name}: nothing is told", "allocated_per_request" not in record.report["services"][0], record.report["services"][0])


tap = Tap()
tap.run("Go", counted, "Go of the host", Go(APPS / "allocated.go"))
tap.run("Go, PIE", counted, "Go, PIE", Go(APPS / "allocated.go", flags=("-buildmode=pie",)))
for version in ("1.24", "1.27"):
    try:
        tap.run(f"Go {version}", counted, f"Go {version}", Go(APPS / "allocated.go", root=go_versions.root(version)))
    except go_versions.FetchError as error:
        tap.skip(f"Go {version}", str(error))
tap.run("Go, stripped", none, "Go without debug information", Go(APPS / "allocated.go", flags=("-ldflags=-s -w",)), f"/allocate/{OBJECTS}")
classes = build_directory()
subprocess.run(["javac", "-d", classes, APPS / "AllocatedServer.java"], check=True)
for collector in ("G1", "Serial"):
    port = free_port()
    java = ["java", f"-XX:+Use{collector}GC", "-Xmx128m", "-cp", classes, "AllocatedServer"]
    tap.run(f"HotSpot, {collector}", counted, f"HotSpot, {collector}", Server(java, port=port, env={"PORT": str(port)}), "allocate", False)
tap.run("Node", none, "Node", Node(APPS / "gc_http.js"), "/wait/1-1")
tap.done()
