# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs `whywait record` around some traffic and gives what it recorded, with the checks that every suite makes.

    from whywait import Record

    with Record("--port", web.port) as record:      # observing when `with` returns
        .. send requests ..
    record.requests    a list of dicts: the lines of `requests --format json`, every request kept
    record.report      a dict: `report --format json`
    record.stderr      what `record` wrote there; record.status its exit status
    record.by_path()   {path: request}; it fails when two requests have the same path
    record.check(tap)  TAP checks: it ended well, nothing lost, and in every request and endpoint the kinds sum to the wall
                       time exactly, in non-negative integers. Every suite calls it.

Arguments of Record are those of `record`, as strings or numbers; `keep` is "all" unless given. The recording is removed with the
process, or kept where `path` says. `run(*arguments)` runs any other whywait command on this machine's build.
"""
import atexit
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WHYWAIT = os.environ.get("WHYWAIT", str(ROOT / "build" / "whywait"))
KINDS = tuple(line.split('"')[1] for line in (ROOT / "include/whywait/kinds.def").read_text().splitlines()
              if line.startswith("WW_KIND("))


class WhywaitError(Exception):
    """whywait did not do what the test needs; the text has its stderr."""


def run(*arguments, check=True):
    """Runs a command to its end; returns subprocess.CompletedProcess with text. WhywaitError on another status than 0 and 1 if check."""
    done = subprocess.run([WHYWAIT, *map(str, arguments)], capture_output=True, text=True, check=False)
    if check and done.returncode not in (0, 1):
        raise WhywaitError(f"whywait {' '.join(map(str, arguments))}: status {done.returncode}: {done.stderr.strip()}")
    return done


def sum_error(kinds, wall):
    """What is wrong with an account: {kind: ns} and its wall time; None when the one adds up to the other."""
    if set(kinds) != set(KINDS):
        return f"kinds {sorted(kinds)} instead of {sorted(KINDS)}"
    for name, ns in [*kinds.items(), ("wall", wall)]:
        if type(ns) is not int or ns < 0:  # bool and float would pass isinstance, or compare equal
            return f"{name} is {ns!r}"
    if sum(kinds.values()) != wall:
        return f"kinds sum to {sum(kinds.values())}, wall is {wall}"
    return None


def outside_ns(request, kind):
    """Of the time that the request's time line shows as `kind`, what lies outside of its operations of that kind."""
    operations = sorted((operation["start_ns"], operation["start_ns"] + operation["duration_ns"])
                        for operation in request["operations"] if operation["kind"] == kind)
    outside = 0
    for segment in request.get("segments", []):
        if segment["kind"] != kind:
            continue
        at, end = segment["start_ns"], segment["start_ns"] + segment["duration_ns"]
        for start, stop in operations:
            if stop > at and start < end:
                outside += max(start - at, 0)
                at = stop
        outside += max(end - at, 0)
    return outside


class Record:
    """A `whywait record` from `with` to its end."""

    def __init__(self, *arguments, keep="all", path=None, timeout=15):
        self.arguments = list(map(str, arguments))
        self.keep = keep
        self.timeout = timeout * int(os.environ.get("SERVICES_PATIENCE", "1"))
        if path is None:
            directory = tempfile.mkdtemp(prefix="whywait-record-")
            atexit.register(shutil.rmtree, directory, ignore_errors=True)
            path = pathlib.Path(directory) / "whywait.db"
        self.path = pathlib.Path(path)
        self.stderr = ""
        self.status = None
        self.pid = None
        self._process = None
        self._requests = None
        self._report = None

    def __enter__(self):
        self._process = subprocess.Popen(
            [WHYWAIT, "record", "-o", str(self.path), "--keep", str(self.keep), *self.arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.pid = self._process.pid
        os.set_blocking(self._process.stderr.fileno(), False)
        end = time.monotonic() + self.timeout
        while not any(line.startswith("whywait: observing") for line in self.stderr.splitlines()):
            if self._process.poll() is not None or time.monotonic() > end:
                self._process.kill()
                self._process.wait()
                self._read_stderr(0)
                raise WhywaitError(f"whywait record: did not start observing: {self.stderr.strip()}")
            self._read_stderr(0.1)
        return self

    def _read_stderr(self, seconds):
        if select.select([self._process.stderr], [], [], seconds)[0]:
            self.stderr += (self._process.stderr.read() or b"").decode(errors="replace")

    def __exit__(self, *_):
        """Ends it by SIGINT, as a user would; its exit status and the recording are looked at later."""
        self._process.send_signal(signal.SIGINT)
        end = time.monotonic() + self.timeout
        while self._process.poll() is None:
            self._read_stderr(0.1)  # a full pipe would keep it from ending
            if time.monotonic() > end:
                self._process.kill()
        self._read_stderr(0)
        self._process.stderr.close()
        self.status = self._process.returncode

    @property
    def requests(self):
        if self._requests is None:
            lines = run("requests", self.path, "--format", "json").stdout.splitlines()
            self._requests = [json.loads(line) for line in lines]
        return self._requests

    @property
    def report(self):
        if self._report is None:
            self._report = json.loads(run("report", self.path, "--format", "json").stdout)
        return self._report

    def by_path(self):
        paths = {request["path"]: request for request in self.requests}
        if len(paths) != len(self.requests):
            raise WhywaitError(f"{len(self.requests)} requests have only {len(paths)} different paths")
        return paths

    def check(self, tap, complete=True, sure=("exact", "inferred")):
        """`complete=False` for suites that provoke loss: then nothing is said about losses. `sure`: attributions of the requests
        whose operations are told to be their own."""
        tap.check("record ended with status 0", self.status == 0, f"status {self.status}: {self.stderr}")
        if complete:
            tap.check("nothing was lost", self.report["complete"] is True, self.report["losses"])
        tap.check("there are requests", self.requests)
        wrong = [f"{request.get('path')}: {error}" for request in self.requests
                 if (error := sum_error(request["kinds_ns"], request["wall_ns"]))]
        tap.check(f"in each of {len(self.requests)} requests the kinds sum to the wall time", not wrong, "\n".join(wrong[:10]))
        # Hooks of one call read the clock one after the other.
        wrong = [f"{request['path']}: {outside} ns of {kind}" for request in self.requests for kind in ("db", "net")
                 if request["attribution"] in sure and not request.get("operations_missing")
                 and (outside := outside_ns(request, kind)) > 50_000]
        tap.check("what they waited for databases and other peers lies inside of their operations", not wrong,
                  "\n".join(wrong[:10]))
        endpoints = self.report["endpoints"]
        wrong = [f"{endpoint['method']} {endpoint['route']}: {error}" for endpoint in endpoints
                 if (error := sum_error({kind: sums["sum"] for kind, sums in endpoint["kinds_ns"].items()},
                                        endpoint["wall_ns"]["sum"]))]
        tap.check(f"in each of {len(endpoints)} endpoints, too", not wrong, "\n".join(wrong[:10]))
        if self.keep == "all":
            reported, kept = sum(endpoint["requests"] for endpoint in endpoints), len(self.requests)
            tap.check("the report counts every request kept", reported == kept, f"{reported} reported, {kept} kept")
            sums = sum(endpoint["wall_ns"]["sum"] for endpoint in endpoints), sum(r["wall_ns"] for r in self.requests)
            tap.check("the report has their wall time", sums[0] == sums[1], f"{sums[0]} reported, {sums[1]} kept")
