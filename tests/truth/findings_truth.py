# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of findings share: requests are sent to a server that is observed, and its report is asked what it found."""
import http.client
import os
import pathlib
import sys
import threading

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lib"), str(TESTS.parent / "tools")]

from whywait import Record  # noqa: E402

APPS = pathlib.Path(__file__).resolve().parent / "apps"
MS = 1_000_000
# Findings about how a program goes about its operations, and those that depend on how busy the machine is.
OF_OPERATIONS = {"n-plus-one", "repeated-query", "slow-query", "serial-calls"}


def prefer(*servers):
    """What they wait for is not to depend on how busy the machine is. A session has a share of the CPUs of its own."""
    for pid in (pid for server in servers for pid in server.pids()):
        os.setpriority(os.PRIO_PROCESS, pid, -15)
        autogroup = pathlib.Path(f"/proc/{pid}/autogroup")
        if autogroup.exists():
            autogroup.write_text("-15")


def send(port, paths):
    """One after the other, each on a connection of its own. An answer that is none ends the test."""
    for path in paths:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, f"{path}: {answer.status}"
        finally:
            connection.close()


def send_at_once(port, *lists):
    """Each list by a client of its own, all at the same time."""
    failures = []

    def client(paths):
        try:
            send(port, paths)
        except Exception as error:
            failures.append(error)

    clients = [threading.Thread(target=client, args=(paths,)) for paths in lists]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    if failures:
        raise failures[0]


class Found:
    """The report of what was sent to a server, and checks of its findings."""

    def __init__(self, tap, server, lists, keep="all", warm=()):
        """`server` is started already; `warm` is sent before it is observed."""
        self.tap = tap
        send(server.port, warm)
        with Record("--port", server.port, keep=keep) as self.record:
            send_at_once(server.port, *lists)
        self.record.check(tap)

    def endpoint(self, route):
        ends = [end for end in self.record.report["endpoints"] if end["route"].split("/")[1] == route]
        assert len(ends) == 1, f"{route}: {[end['route'] for end in self.record.report['endpoints']]}"
        return ends[0]

    def findings(self, route):
        return {finding["id"]: finding for finding in self.endpoint(route)["findings"]}

    def has(self, route, kind, evidence=(), saves_ms=None, first=True):
        """It was found there, before anything else, with that in its evidence; what it saves is between two numbers."""
        found, end = self.findings(route), self.endpoint(route)
        said = "\n".join(f"{one['id']}: {one['text']}: {one['advice']} {one['evidence']}" for one in end["findings"]) or "nothing was found"
        if not self.tap.check(f"/{route}: {kind}", kind in found, said):
            return
        finding = found[kind]
        self.tap.note(f"/{route}: {finding['text']}: {finding['advice']}")
        if first:
            self.tap.check(f"/{route}: it comes first", end["findings"][0]["id"] == kind, said)
        wrong = {name: finding["evidence"].get(name) for name, value in dict(evidence).items()
                 if not (value(finding["evidence"].get(name)) if callable(value) else finding["evidence"].get(name) == value)}
        self.tap.check(f"/{route}: its evidence", not wrong, f"{wrong} in {finding['evidence']}")
        wall = end["wall_ns"]
        self.tap.check(f"/{route}: it saves no more than there is",
                       finding["saves_ns"] <= wall["mean"] and finding["saves_p95_ns"] <= wall["p95"], f"{finding} {wall}")
        if saves_ms:
            self.tap.check(f"/{route}: it saves {saves_ms[0]} to {saves_ms[1]} ms",
                           saves_ms[0] * MS <= finding["saves_ns"] <= saves_ms[1] * MS, said)

    def has_not(self, route, kinds):
        found = self.findings(route)
        wrong = [f"{kind}: {found[kind]['text']} {found[kind]['evidence']}" for kind in kinds if kind in found]
        self.tap.check(f"/{route}: none of {', '.join(sorted(kinds))}", not wrong, "\n".join(wrong))
