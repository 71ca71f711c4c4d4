# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""whywait and its peers, each observing the whole host, as processes that start, get ready, end, and leave a result."""
import json
import pathlib
import re
import shutil
import signal
import subprocess
import time

import bpf
import procfs
from services import Server, ServiceError

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build"
SETTLE_S = 0.3
END_S = 60  # for writing and symbolizing what was collected


class ObserverError(Exception):
    """A tool that is missing, did not start or left no result: one line."""


class Observer(Server):
    """Ready when it holds BPF programs. After end(), `result` is what check() made of what it left."""

    stop_signal = signal.SIGINT
    program = ""

    def __init__(self):
        super().__init__(ready=self.observes, timeout=20)
        self.result = None
        self.attach_s = None

    def command(self):
        """The program and its arguments; files go to self.directory."""
        raise NotImplementedError

    def prepare(self):
        if not shutil.which(self.program):
            raise ObserverError(f"{self.program}: not installed")
        self.argv = self.command()
        self.began = time.monotonic()

    def observes(self):
        return bpf.attached(self.pid)

    def is_ready(self):
        """True some time after it observes, when its start is no load any more."""
        now = time.monotonic()
        if self.attach_s is None and super().is_ready():
            self.attach_s = now - self.began
        return self.attach_s is not None and now - self.began - self.attach_s > SETTLE_S

    def start(self):
        try:
            return super().start()
        except ServiceError as error:
            raise ObserverError(one_line(str(error))) from error

    def check(self):
        """Returns what it observed, or raises ObserverError when it is not what this tool leaves after good work."""
        if not re.search(self.leaves, self.log()):
            raise self.failure("left no result", self.log())

    def failure(self, what, said):
        """The error for a tool that has ended."""
        return ObserverError(f"{what}, status {self._process.returncode}: {one_line(said)}")

    def end(self):
        """Ends it as its user would, by Ctrl-C, and reads what it left."""
        if self._process.poll() is not None:
            raise self.failure("ended early", self.log())
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            raise ObserverError(f"still busy {END_S} s after Ctrl-C") from None
        self.result = self.check()


class Whywait(Observer):
    """Ready when it says so; leaves a recording."""

    name = "whywait record"

    def __init__(self, program, *arguments):
        super().__init__()
        self.program, self.arguments = str(program), arguments

    @property
    def recording(self):
        return self.directory / "whywait.db"

    def command(self):
        return [self.program, "record", "-o", self.recording, *self.arguments]

    def observes(self):
        return "whywait: observing" in self.log()

    def check(self):
        """{"requests", "routes", "complete"} of the recording."""
        done = subprocess.run([self.program, "report", self.recording, "--format", "json"], capture_output=True,
                              text=True, check=False)
        if self._process.returncode != 0 or done.returncode != 0:
            raise self.failure("left no recording", done.stderr or self.log())
        report = json.loads(done.stdout)
        return {"requests": sum(endpoint["requests"] for endpoint in report["endpoints"]),
                "routes": len(report["endpoints"]), "complete": report["complete"], "losses": report["losses"]}


class Hooks(Observer):
    """No observer: the hooks of whywait with empty programs, the least that any observer on them costs."""

    name = "its hooks, empty"
    program = str(BUILD / "hooks")
    leaves = "attached"

    def command(self):
        return [self.program, BUILD / "hooks.bpf.o"]

    def observes(self):
        return self.leaves in self.log()


class OffCpuTime(Observer):
    name = program = "offcputime"
    leaves = r"(?m)^ +[a-zA-Z_]\w+$"  # a frame

    def command(self):
        return [self.program]


class BpfTrace(Observer):
    name = "bpftrace off-CPU script"
    program = "bpftrace"
    leaves = r"@off_ns\["

    def command(self):
        return [self.program, "-B", "none", str(HERE / "offcpu.bt")]


class _Perf(Observer):
    """Ready when its output file has begun."""

    program = "perf"
    minimum = 65536  # of the output; what it writes before it has seen anything is smaller

    @property
    def output(self):
        return self.directory / "perf.out"

    def observes(self):
        return self.output.exists() and self.output.stat().st_size > 0

    def check(self):
        if not self.output.exists() or self.output.stat().st_size < self.minimum:
            raise self.failure("left no result", self.log())


class PerfSched(_Perf):
    name = "perf sched record"

    def command(self):
        return [self.program, "sched", "record", "-o", str(self.output)]


class PerfTrace(_Perf):
    name = "perf trace"

    def command(self):
        return [self.program, "trace", "-a", "-o", str(self.output)]


PEERS = (OffCpuTime, BpfTrace, PerfSched, PerfTrace)


def one_line(text, width=160):
    """The line that tells most: the first that speaks of an error, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)]
    return (errors + lines[-1:] + ["no message"])[0][:width]


class Cost:
    """What the observer itself takes while something is measured."""

    def __init__(self, observer):
        self.pids = observer.pids()
        self.began = time.monotonic()
        self.cpu = procfs.cpu_ns(self.pids)

    def figures(self):
        """{"own_cpu": share of one CPU, "own_rss": bytes}; ObserverError when it is gone."""
        try:
            cpu = procfs.cpu_ns(self.pids) - self.cpu
            rss = sum(procfs.memory(pid)["rss"] for pid in self.pids)
        except (OSError, KeyError):
            raise ObserverError("ended while it was measured") from None
        return {"own_cpu": cpu / 1e9 / (time.monotonic() - self.began), "own_rss": rss}
