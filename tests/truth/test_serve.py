#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon: what it may do, what it sees after it may do no more than that, a reload, a crash, a disk that says no."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from serve_daemon import Daemon, Page  # noqa: E402  (the path comes first)
from tap import Tap  # noqa: E402
from whywait import ROOT, run, sum_error  # noqa: E402

# CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_PERFMON, CAP_BPF, CAP_CHECKPOINT_RESTORE
ALLOWED = 1 << 2 | 1 << 19 | 1 << 38 | 1 << 39 | 1 << 40
NOBODY = 65534


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def counts(data, *arguments):
    """Requests by route, of a report whose kinds add up."""
    report = json.loads(run("report", data, "--format", "json", *arguments).stdout)
    for endpoint in report["endpoints"]:
        error = sum_error({kind: sums["sum"] for kind, sums in endpoint["kinds_ns"].items()}, endpoint["wall_ns"]["sum"])
        if error:
            raise AssertionError(error)
    return {endpoint["route"]: endpoint["requests"] for endpoint in report["endpoints"]}, report


def example(tap):
    """The example in tools/ is right, also where what is commented out in it is not."""
    text = (ROOT / "tools/whywait.yaml").read_text()
    lines = [line[1:] if re.match(r"#( {2})?[a-z_]+:( |$)", line) else line for line in text.splitlines()]
    with tempfile.TemporaryDirectory() as directory:
        whole = pathlib.Path(directory) / "whole.yaml"
        whole.write_text("\n".join(line for line in lines if not line.startswith("#") and "cgroups:" not in line))
        for file in (ROOT / "tools/whywait.yaml", whole):
            done = run("serve", "--config", file, "--check", check=False)
            # The user and the files that it names in comments need not be on this host.
            wrong = [line for line in done.stderr.splitlines() if "/etc/whywait/" not in line and "user 'whywait'" not in line]
            tap.check(f"{file.name} is right", not wrong and (done.returncode == 0) == (not done.stderr), done.stderr)
        wrong = pathlib.Path(directory) / "wrong.yaml"
        wrong.write_text("listn: none\nkeep: much\n")
        done = run("serve", "--config", wrong, "--check", check=False)
        tap.check("all that is wrong is told, each with its line",
                  done.returncode == 2 and f"{wrong}:1:1:" in done.stderr and f"{wrong}:2:7:" in done.stderr, done.stderr)


def daemon(tap, directory):
    port, other = free_port(), free_port()
    data = pathlib.Path(directory) / "data" / "w.db"
    settings = (f"data: {data}\nlisten: none\nuser: nobody\nbackoff: 1s\nselect: {{ports: [{port}, {other}]}}\n"
                f"names: {{'*:{port}': shop}}\n")
    with Page(port) as page, Daemon(directory, settings) as serve:
        tap.check("it has become the user", serve.status("Uid").split() == [str(NOBODY)] * 4, serve.status("Uid"))
        for name in ("CapPrm", "CapEff", "CapBnd"):
            tap.check(f"{name} is what observing needs", int(serve.status(name), 16) == ALLOWED, serve.status(name))
        tap.check("nor gets it more", serve.status("NoNewPrivs") == "1" and int(serve.status("CapAmb"), 16) == 0)
        tap.check("the recording is the user's", data.stat().st_uid == NOBODY and data.parent.stat().st_uid == NOBODY)
        modes = [oct(file.stat().st_mode & 0o777) for file in data.parent.iterdir()]
        tap.check("and not for everyone's eyes", len(modes) == 3 and set(modes) == {"0o640"}, modes)
        page.ask("/before", 5)
        with Page(other) as later:
            later.ask("/later", 5)
        with Page(other) as later:
            later.ask("/again", 5)
        time.sleep(1.5)
        found, report = counts(data)
        tap.check("servers of before and of after are seen, read while it is written",
                  [found.get(route) for route in ("/before", "/later", "/again")] == [5, 5, 5], found)
        tap.check("the service has the name that it was given",
                  any(endpoint["service"] == "shop" for endpoint in report["endpoints"]))

        serve.reload(settings + "keep: few\n")
        serve.wait("all stays as it was")
        # What it may not do: write a file of root's. It says so, and comes back when it may.
        os.chown(data, 0, 0)
        serve.reload(settings + "keep: 3\n")
        serve.wait("nothing is observed for")
        os.chown(data, NOBODY, NOBODY)
        serve.wait("observing, recording into")
        page.ask("/reloaded", 5)
        time.sleep(1.5)
        serve.end(signal.SIGKILL)
        serve.start()
        page.ask("/killed", 5)
        time.sleep(1.5)
        tap.check("it ends well", serve.end() == 0, serve.log.read_text())
    found, report = counts(data)
    tap.check("all of it is in one file", [found.get(route) for route in ("/before", "/reloaded", "/killed")] == [5, 5, 5], found)
    tap.check("what was not observed is told", report["losses"].get("not_observed", 0) > 0 and not report["complete"])
    services = [service["service"] for service in report["services"]]
    tap.check("a service is the same after a restart", services.count("shop") == 1 and len(services) == 2, services)
    checked = subprocess.run(["sqlite3", str(data), "PRAGMA integrity_check"], capture_output=True, text=True, check=False)
    tap.check("the file is sound", checked.stdout.strip() == "ok", checked.stdout + checked.stderr)


def main():
    tap = Tap()
    tap.run("the example", example, tap)
    if os.geteuid():
        tap.skip("the daemon", "needs root")
    else:
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            tap.run("the daemon", daemon, tap, directory)
    tap.done()


if __name__ == "__main__":
    main()
