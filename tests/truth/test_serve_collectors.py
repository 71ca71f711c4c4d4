#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon, when it may do no more than observing needs: it sees the collectors of runtimes that are started later."""
import contextlib
import json
import os
import pathlib
import re
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parents[2] / "tools"),
                str(pathlib.Path(__file__).resolve().parent / "apps")]
from gc_truth import get, near  # noqa: E402  (the path comes first)
from serve_daemon import Daemon  # noqa: E402
from services import Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import ROOT, run  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = ["/usr/bin/python3", str(HERE / "apps" / "gc_httpserver.py")]
NODE = ["/usr/bin/node", "--trace-gc", str(ROOT / "tests/runtimes/apps/gc_http.js")]
CAP_SYS_ADMIN = 1 << 21


@contextlib.contextmanager
def started(argv):
    """(port, server): one that has answered."""
    port = free_port()
    with Server(argv, port=port, env={"PORT": str(port)}) as server:
        get(port, "/wait/1")
        yield port, server


def collectors(tap, directory):
    ports = []
    settings = f"data: {directory}/data/w.db\nlisten: none\nuser: nobody\n"
    with Daemon(directory, settings) as serve:
        tap.check("it is not root's any more", not int(serve.status("CapEff"), 16) & CAP_SYS_ADMIN, serve.status("CapEff"))
        with started(PYTHON) as (python, _), started(NODE) as (node, server):
            time.sleep(0.4)  # they are looked at when they have answered
            mark = len(server.log())
            get(python, *[f"/collect/{20 + i}" for i in range(5)])
            log = json.loads(get(python, "/log")[0])
            get(node, *[f"/allocate/{100 + i}" for i in range(30)])
            time.sleep(1.2)  # what they have collected is asked for each second
            scavenged = len(re.findall(r"^\[.*MB, [\d.]+ / [\d.]+ ms", server.log()[mark:], re.MULTILINE))
        tap.check("it ends well", serve.end() == 0, serve.log.read_text())
    report = json.loads(run("report", f"{directory}/data/w.db", "--format", "json").stdout)
    least = sum(1 for entry in log if entry[0] and entry[0].startswith("/collect"))
    # It may be seen from its start on, where its file is known from another process, and its imports, until it has ended.
    for name, port, least, most in (("CPython", python, least, len(log) + 60), ("Node", node, scavenged - 3, scavenged + 3)):
        told = sum(one["gc"]["collections"] for one in report["services"] if one["service"].endswith(f":{port}"))
        tap.check(f"{name}: as many collections as it says", least > 5 and least <= told <= most, f"{told}, not {least} to {most}")
    charged = sum(one["kinds_ns"]["gc"]["sum"] for one in report["endpoints"] if one["service"].endswith(f":{python}"))
    took = sum(entry[3] for entry in log if entry[0])
    tap.check("CPython: requests are charged for it", near(charged, took, 0.3, 0), f"{charged} ns, {took} ns by the thread's clock")
    charged = sum(one["kinds_ns"]["gc"]["sum"] for one in report["endpoints"] if one["service"].endswith(f":{node}"))
    tap.check("Node: and so are its", charged > 5_000_000, charged)
    tap.check("nothing was left out", not report["losses"].get("runtimes_unattached"), report["losses"])


def those_before(tap, directory, more):
    """Where the kernel has no links for many places, it sees those of programs that run, or are installed, when it starts, also after a
    reload with `more` settings."""
    port = free_port()
    settings = f"data: {directory}/{more.split(':')[0]}/w.db\nlisten: none\nuser: nobody\n"
    with Server(PYTHON, port=port, env={"PORT": str(port)}) as server, Daemon(directory, settings, {"WHYWAIT_WITHOUT": "many"}) as serve:
        get(server.port, *[f"/collect/{20 + i}" for i in range(4)])
        serve.reload(settings + more)
        serve.wait("observing, recording into")
        with started(NODE) as (node, _):
            time.sleep(0.4)
            get(node, *[f"/allocate/{100 + i}" for i in range(30)])
        get(server.port, *[f"/collect/{30 + i}" for i in range(4)])
        log = json.loads(get(server.port, "/log")[0])
        tap.check("before it: it ends well", serve.end() == 0, serve.log.read_text())
    report = json.loads(run("report", f"{directory}/{more.split(':')[0]}/w.db", "--format", "json").stdout)
    charged = sum(one["kinds_ns"]["gc"]["sum"] for one in report["endpoints"] if one["service"].endswith(f":{port}"))
    took = sum(entry[3] for entry in log if entry[0])
    tap.check("before it: requests are charged for it", near(charged, took, 0.3, 0), f"{charged} ns, {took} ns by the thread's clock")
    charged = sum(one["kinds_ns"]["gc"]["sum"] for one in report["endpoints"] if one["service"].endswith(f":{node}"))
    tap.check("installed before it, and started later: so are Node's", charged > 5_000_000, charged)


def main():
    tap = Tap()
    if os.geteuid():
        tap.skip("the daemon", "needs root")
    else:
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            tap.run("the collectors", collectors, tap, directory)
            tap.run("those before it", those_before, tap, directory, "keep: 3\n")
            # Probes for these can't be opened any more.
            tap.run("those before it, with promises since", those_before, tap, directory, "promises: true\n")
    tap.done()


if __name__ == "__main__":
    main()
