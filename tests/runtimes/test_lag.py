#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Event loops that are blocked: the finding names who blocks them, and for how much of the lag, as the program measured it."""
import http.client
import json
import os
import pathlib
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib"), str(HERE.parent / "truth")]

from findings_truth import prefer  # noqa: E402
from services import Node, Python  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

# Debian's, or npm's (tools/install-deps).
MODULES = f"/usr/share/nodejs:{HERE.parents[1] / 'build/node_modules'}"
SERVERS = {"aiohttp": lambda env: Python(HERE / "apps/lag_aiohttp.py", env=env),
           "uvicorn": lambda env: Python(HERE / "apps/lag_uvicorn.py", env={**env, "LAG_LOOP": "asyncio"}),
           "uvicorn on uvloop": lambda env: Python(HERE / "apps/lag_uvicorn.py", env={**env, "LAG_LOOP": "uvloop"}),
           "Express": lambda env: Node(HERE / "apps/lag_express.js", env={**env, "NODE_PATH": MODULES})}


def client(port, paths, pause, sent):
    """One after the other on a connection that is kept."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for path in paths:
        begin = time.monotonic_ns()
        connection.request("GET", path)
        connection.getresponse().read()
        sent[path] = begin, time.monotonic_ns()
        time.sleep(pause)
    connection.close()


def load(port):
    """{path: when it was sent and answered}"""
    sent = {}
    lists = [([f"/quick/0/{client}-{i}" for i in range(250)], 0.005) for client in range(2)] + [
        ([f"/render/40/{i}" for i in range(22)], 0.04), ([f"/thumb/12/{i}" for i in range(28)], 0.045)]
    clients = [threading.Thread(target=client, args=(port, *one, sent)) for one in lists]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    return sent


def shares(holds, sent):
    """{who: their share of the time in which quick requests were under way and the loop was held}; "" is no request's work. A quick
    request itself takes next to nothing."""
    by = dict.fromkeys(("", "render", "thumb"), 0)
    for path, (begin, end) in sent.items():
        if not path.startswith("/quick/"):
            continue
        for hold in holds:
            by[hold["who"]] += max(0, min(end, hold["to"]) - max(begin, hold["from"]))
    return {who: ns / sum(by.values()) for who, ns in by.items()}


def is_told(name, background):
    """Not everywhere: uvloop sends at the end of its turn what several requests' steps have written in it, and asyncio runs a task of
    nobody's between reading a request and its step, which is taken to be for the request."""
    return name == "Express" or not (background or name.endswith("uvloop"))


def judge(name, background):
    with tempfile.TemporaryDirectory(prefix="whywait-lag-") as directory:
        log = pathlib.Path(directory) / "log"
        env = {"LAG_LOG": str(log), **({"LAG_BACKGROUND": "1"} if background else {})}
        with SERVERS[name](env) as web:
            prefer(web)
            client(web.port, ["/quick/0/warm"], 0, {})
            with Record("--port", web.port) as record:
                sent = load(web.port)
        true = shares([json.loads(line) for line in log.read_text().splitlines()], sent)
    record.check(tap)
    quick = next(end for end in record.report["endpoints"] if end["route"].startswith("/quick/"))
    found = next((one for one in quick["findings"] if one["id"] == "pool-starved"), None)
    if not tap.check(f"{name}: its lag is found", found, quick["findings"]):
        return
    tap.note(found["text"])
    evidence = found["evidence"]
    said = {evidence.get(f"held_by{which}", "").split("/")[1:2][0]: evidence[f"held_by{which}_share"]
            for which in ("", "_2", "_3") if f"held_by{which}" in evidence}
    said[""] = evidence.get("held_by_none_share", 0)
    # Quick requests wait for one another, too.
    others = sum(share for who, share in said.items() if who != "quick")
    said = {who: share / others for who, share in said.items()}
    tap.check(f"{name}: a blocked event loop, or the one thread", evidence["cause"] in ("blocked event loop", "one thread"), evidence)
    wanted = ["render", "thumb"] + [""] * background if is_told(name, background) else []
    for who in wanted:
        tap.check(f"{name}: {who or 'work for no request'} has {said.get(who, 0):.0%} of the lag, measured {true[who]:.0%}",
                  abs(said.get(who, 0) - true[who]) <= 0.1, f"{said} {true}")
    tap.check(f"{name}: the one that blocks it most comes first", evidence["held_by"].startswith("GET /render/"), evidence)


tap = Tap()
for name in sys.argv[1:] or SERVERS:
    tap.run(f"{name}, blocked by requests", judge, name, False)
    tap.run(f"{name}, blocked by its own tasks, too", judge, name, True)
tap.done()
