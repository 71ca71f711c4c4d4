# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of runtimes' collectors share: a server that makes garbage, recorded, beside the runtime's own log.

    with Collected(tap, argv, environment) as seen:     # the server runs, and is observed
        seen.load([["/allocate/100-0", ..], ..])                         # each list on a connection of its own
    seen.log                 what the server wrote meanwhile
    seen.record              the record: as tests/lib/whywait.py has it
    seen.collections, seen.stopped_ns    what it told of the service
    seen.agree(count, ns, ..)            TAP checks: that is what the runtime's own log says
"""
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib"), str(HERE.parent / "truth")]

from gc_truth import MS, get, get_at_once, near  # noqa: E402
from services import Server, free_port  # noqa: E402
from whywait import Record  # noqa: E402

APPS = HERE / "apps"
# Runtimes measure by clocks that go on while something else has the CPU: nothing else shall have it.
FIRST = ["chrt", "-f", "1"]


class Collected:
    def __init__(self, tap, argv, environment=None, later=False, named=True, first=True):
        """`later`: the server is started when observation has begun; `named`: as a runtime that is known by its files' names, so that
        a server that runs is seen from the beginning."""
        self.tap, self.later, self.named = tap, later, named
        port = free_port()
        argv = [str(word).replace("PORT", str(port)) for word in argv]
        self.web = Server([*(FIRST if first else []), *argv], port=port, env={"PORT": str(port), **(environment or {})})
        self.record = Record("--port", port)
        self.log = ""

    def __enter__(self):
        if self.later:
            self.record.__enter__()
        self.web.__enter__()
        if not self.later:
            get(self.web.port, "/wait/1")
            time.sleep(0.5)
            mark = len(self.web.log())
            self.record.__enter__()
        # What a file has is seen when a process that has it mapped has answered, where its name does not tell.
        get(self.web.port, "/wait/1")
        time.sleep(0.5)
        self.mark = mark if self.named and not self.later else len(self.web.log())
        return self

    def load(self, lists):
        get_at_once(self.web.port, lists)

    def __exit__(self, *raised):
        self.log = self.web.log()[self.mark:]
        for context in (self.record, self.web):
            context.__exit__(*raised)
        if raised[0]:
            return
        self.record.check(self.tap)
        services = [one["gc"] for one in self.record.report["services"]]
        self.collections = sum(one["collections"] for one in services)
        self.stopped_ns = sum(one["stopped_ns"] for one in services)

    def sum(self, kind="gc", page=""):
        return sum(one["kinds_ns"][kind] for one in self.record.requests if one["path"].startswith(page))

    def agree(self, count, ns, least=0.95, most=1.05, slack_ns=0):
        """The count within 1 %, the time between `least` and `most` of what the runtime says."""
        self.tap.note(f"collections: {self.collections} told, {count} in the runtime's log; {self.stopped_ns / MS:.2f} ms told, "
                      f"{ns / MS:.2f} ms in the log; {self.sum() / MS:.2f} ms of requests")
        self.tap.check("there were some", count >= 5, count)
        self.tap.check("as many collections as the runtime's log has", near(self.collections, count, 0.01, 0),
                       f"{self.collections} told, {count} in the log")
        self.tap.check("and they took as long", least * ns - slack_ns <= self.stopped_ns <= most * ns + slack_ns,
                       f"{self.stopped_ns} ns told, {ns} ns in the log")


def build_directory():
    directory = HERE.parents[1] / "build" / "tests" / "runtimes"
    os.makedirs(directory, exist_ok=True)
    return directory
