#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""SELECT: of three servers that answer at the same time each selection observes those that it names, and no other."""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "truth" / "apps"))
from counts_client import Connection  # noqa: E402  (the path comes first)
from counts_failures import fails_well  # noqa: E402
from counts_ledger import Case  # noqa: E402
from counts_run import Record, Tap, side_by_side  # noqa: E402
from counts_servers import Sites, free_port  # noqa: E402
from cgroups import Cgroup, Unavailable  # noqa: E402
from services import Python  # noqa: E402
from whywait import WHYWAIT, run  # noqa: E402

NAMES = ("nginx", "http.server", "node")
CONTAINER = "5e1ec7ed" * 8  # an id as container engines give them
REQUESTS = 20
OURS = f"selection-{os.getpid()}"  # other servers of this host may have one of the names


def comm(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def threads(pids):
    """The names of all their threads."""
    return {task.read_text().strip() for pid in pids for task in pathlib.Path(f"/proc/{pid}/task").glob("*/comm")}


def send(site, case):
    """On connections of their own and on one that is kept."""
    for _ in range(REQUESTS // 2):
        case.once(site.ipv4, "size", 16)
    with Connection(site.ipv4) as connection:
        for _ in range(REQUESTS // 2):
            case.request(connection, "size", 16)


def send_to_all(sites):
    """{server: paths that it was asked for}"""
    cases = {name: Case(f"{OURS}-{name.replace('.', '-')}") for name in NAMES}
    side_by_side(sites, lambda site: send(site, cases[site.name]))
    return {name: {exchange.path for exchange in case.exchanges} for name, case in cases.items()}


def selections(sites, cgroups):
    """[(options, whom they mean)]"""
    nginx, python, node = (sites[name] for name in NAMES)
    of_node = threads(node.pids) - threads(nginx.pids + python.pids)
    chosen = [
        (("--pid", nginx.service.pid), {"nginx"}),  # its workers are its children
        (("-p", f"{python.service.pid},{node.service.pid}"), {"http.server", "node"}),
        (("--port", f"{nginx.port},{node.port}"), {"nginx", "node"}),
        (("--comm", ",".join(sorted(of_node | {comm(nginx.service.pid)}))), {"nginx", "node"}),
        (("--service", f"nginx:{nginx.port}"), {"nginx"}),
        (("--service", f"*[!a]:{node.port}", "--service", f"*py:{python.port}"), {"http.server", "node"}),
        (("--port", f"{nginx.port},{python.port}", "--pid", python.service.pid), {"http.server"}),
        (("--port", nginx.port, "--comm", comm(node.service.pid)), set()),
    ]
    if cgroups:
        outer, _ = cgroups
        chosen += [
            (("--cgroup", outer.path), {"nginx", "node"}),
            (("--cgroup", pathlib.Path(f"/proc/{nginx.service.pid}/cgroup").read_text().split("0::")[1].split()[0]), {"nginx"}),
            (("--container", CONTAINER[:12]), {"node"}),
            (("--container", CONTAINER, "--port", nginx.port), set()),
        ]
    return chosen


def observe_all(tap, sites, cgroups):
    """All selections at the same time."""
    chosen = selections(sites, cgroups)
    with contextlib.ExitStack() as stack:
        records = [stack.enter_context(Record(*options)) for options, _ in chosen]
        sent = send_to_all(sites)
    for (options, meant), record in zip(chosen, records):
        name = " ".join(map(str, options))
        should = set().union(*(sent[server] for server in meant))
        paths = [request["path"] for request in record.requests if request["path"].startswith(f"/{OURS}-")]
        tap.check(f"{name}: {', '.join(sorted(meant)) or 'nobody'}", sorted(paths) == sorted(should),
                  f"{len(paths)} recorded, {len(should)} meant; not meant {sorted(set(paths) - should)[:3]}; "
                  f"missing {sorted(should - set(paths))[:3]}")
        if meant:
            record.check(tap)
        else:
            tap.check(f"{name}: says that there was no request", record.status == 0 and " 0 requests" in record.stderr,
                      f"{record.status} {record.stderr}")
        tap.check(f"{name}: nothing on stderr but what it does", all(line.startswith("whywait: ") and "error:" not in line
                                                                     for line in record.stderr.splitlines()), record.stderr)
        if "--service" in options:
            rest = sum(map(len, sent.values())) - len(should)
            counted = re.search(r"; (\d+) requests were of other services", record.stderr)
            tap.check(f"{name}: {rest} requests of others, or more, are counted", counted and int(counted[1]) >= rest, record.stderr)


def later(tap, outer):
    """A control group that is made below a selected one while it is observed belongs to it as well."""
    apps = pathlib.Path(__file__).resolve().parents[1] / "truth" / "apps"
    case = Case("later")
    with Record("--cgroup", outer.path) as record:
        with Cgroup("later", parent=outer.path) as cgroup:
            port = free_port()
            with Python(apps / "counts_threading.py", f"127.0.0.1:{port}", port=port) as server:
                cgroup.add(server.pid)
                for _ in range(REQUESTS):
                    case.once(("127.0.0.1", port), "size", 16)
    tap.check("a control group made later, below one that is selected", len(record.requests) == REQUESTS,
              f"{len(record.requests)} of {REQUESTS} recorded")


def wrong(tap):
    """What can't be meant is one line, and status 2."""
    with tempfile.TemporaryDirectory(prefix="whywait-selection-") as directory:
        for name, mentions, arguments in (
                ("a container that is not there", ["0123456789ab"], ["--container", "0123456789ab"]),
                ("a container's id that is none", ["web-1"], ["--container", "web-1"]),
                ("a container's id that is too short", ["abc"], ["--container", "abc"]),
                ("no name", ["''"], ["--comm", ""]),
                ("a name longer than a thread's", ["sixteen-letters-"], ["--comm", "sixteen-letters-"]),
                ("ports with a gap", ["''"], ["--port", "80,,81"]),
                ("a port that is no number", ["http"], ["--port", "http"]),
                ("no cgroup's name", ["''"], ["--cgroup", ""]),
                ("a cgroup's name with a way out", ["/../"], ["--cgroup", "/../.."])):
            output = f"{directory}/wrong.db"
            for command, rest in (("record", ["-d", "1", "-o", output]), ("top", ["-n", "1"])):
                done = run(command, *rest, *arguments, check=False)
                fails_well(tap, f"{command} with {name}", done, 2, *mentions, command=command)
            tap.check(f"record with {name} leaves no recording", not os.path.exists(output))
    # Nobody listens there, but somebody may soon.
    with Record("--port", free_port(), "-d", "1") as record:
        pass
    tap.check("a port that nobody listens on is observed, and that there was no request is said",
              record.status == 0 and " 0 requests" in record.stderr, f"{record.status} {record.stderr}")


def top(tap, sites):
    """`top` takes the same options."""
    with subprocess.Popen([WHYWAIT, "top", "-i", "1", "-n", "2", "--service", f"nginx:{sites['nginx'].port}"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        case = Case("top")
        while process.poll() is None:
            for name in ("nginx", "http.server"):
                case.once(sites[name].ipv4, "size", 16)
        text = process.stdout.read()
    tap.check("top shows the one that is selected, and no other", f"nginx:{sites['nginx'].port}" in text and "python" not in text
              and "counts_threading" not in text, text)


def watching(tap, outer):
    """`top` says whom it watches in the words that were given."""
    given = ["--cgroup", str(outer.path), "--cgroup", "/", "--container", CONTAINER[:12]]
    text = run("top", "-i", "1", "-n", "1", *given).stdout
    tap.check("top says what it watches as it was given", f"watching cgroup {outer.path},/, container {CONTAINER[:12]}\n" in text, text)


def main():
    tap = Tap()
    with Sites(*NAMES) as sites, contextlib.ExitStack() as stack:
        cgroups = None
        try:
            outer = stack.enter_context(Cgroup())
            inner = stack.enter_context(Cgroup("inner", parent=outer.path))
            scope = stack.enter_context(Cgroup(f"docker-{CONTAINER}.scope", parent=outer.path))
            for cgroup, name in ((inner, "nginx"), (scope, "node")):
                for pid in sites[name].pids:
                    cgroup.add(pid)
            cgroups = outer, scope
        except Unavailable as why:
            tap.skip("--cgroup and --container", why)
        tap.run("selections", observe_all, tap, sites, cgroups)
        if cgroups:
            tap.run("a cgroup made later", later, tap, cgroups[0])
            tap.run("what top watches", watching, tap, cgroups[0])
        tap.run("top", top, tap, sites)
    tap.run("wrong selections", wrong, tap)
    tap.done()


main()
