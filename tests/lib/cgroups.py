# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Control groups of the tests' own, of version 2 or, where a controller is still with it, of version 1; gone at the end.

    with Cgroup("name") as cgroup:             of version 2, without a controller
    with MemoryCgroup(64 << 20) as cgroup:
        cgroup.kills()                         processes that were too much for it
    with CpuCgroup(quota_ms=10, period_ms=50) as cgroup:
        cgroup.add(pid)                        with all its threads
        cgroup.throttled_ns()                  time in which the quota kept somebody of it waiting, since it was made

Unavailable says why there is none.
"""
import os
import pathlib
import time


class Unavailable(Exception):
    """No such control group can be made here."""


def _mounts():
    """[(directory, type, options)] of all control group hierarchies."""
    lines = pathlib.Path("/proc/self/mounts").read_text().splitlines()
    return [(pathlib.Path(place), kind, options.split(",")) for _, place, kind, options, *_ in map(str.split, lines)
            if kind in ("cgroup", "cgroup2")]


def root_v2():
    """Where version 2 is mounted."""
    roots = [place for place, kind, _ in _mounts() if kind == "cgroup2"]
    if not roots:
        raise Unavailable("cgroup v2 is not mounted")
    return roots[0]


class Cgroup:
    """A control group below the root, or below `parent`, a path."""

    def __init__(self, name="", parent=None):
        self.name = name or f"whywait-test-{os.getpid()}-{time.monotonic_ns()}"
        self.parent = parent
        self.path = None

    def __enter__(self):
        self.parent = self.parent or root_v2()
        path = self.parent / self.name
        try:
            path.mkdir()
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror}") from error
        self.path = path
        return self

    def __exit__(self, *_):
        # What was in it may take a moment to be gone; what was moved there and lives on is not ours to end.
        for pid in (self.path / "cgroup.procs").read_text().split():
            try:
                (self.path.parent / "cgroup.procs").write_text(pid)
            except OSError:
                pass
        end = time.monotonic() + 2
        while True:
            try:
                self.path.rmdir()
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def add(self, pid):
        (self.path / "cgroup.procs").write_text(str(pid))


class _Controlled(Cgroup):
    """One with a controller, of the version that has it."""

    controller = ""

    def __init__(self):
        super().__init__()
        self.version = None

    def limits(self):
        """{file: value} of its version."""
        raise NotImplementedError

    def __enter__(self):
        for place, kind, options in _mounts():
            if kind == "cgroup" and self.controller in options:
                self.version, self.parent = 1, place
                break
        else:
            self.version, self.parent = 2, root_v2()
            if self.controller not in (self.parent / "cgroup.controllers").read_text().split():
                raise Unavailable(f"no control group hierarchy has the {self.controller} controller")
            enabled = self.parent / "cgroup.subtree_control"
            try:
                if self.controller not in enabled.read_text().split():
                    enabled.write_text(f"+{self.controller}")
            except OSError as error:
                raise Unavailable(f"{enabled}: {error.strerror}") from error
        super().__enter__()
        try:
            for file, value in self.limits().items():
                (self.path / file).write_text(str(value))
        except OSError as error:
            self.path.rmdir()
            raise Unavailable(f"{error.filename}: {error.strerror}") from error
        return self


class CpuCgroup(_Controlled):
    """One that may use the CPUs for so long in every period."""

    controller = "cpu"

    def __init__(self, quota_ms, period_ms):
        super().__init__()
        self.quota_us, self.period_us = round(quota_ms * 1000), round(period_ms * 1000)

    def limits(self):
        if self.version == 1:
            return {"cpu.cfs_period_us": self.period_us, "cpu.cfs_quota_us": self.quota_us}
        return {"cpu.max": f"{self.quota_us} {self.period_us}"}

    def throttled_ns(self):
        stat = dict(line.split() for line in (self.path / "cpu.stat").read_text().splitlines())
        return int(stat["throttled_time"]) if self.version == 1 else int(stat["throttled_usec"]) * 1000


class MemoryCgroup(_Controlled):
    """One that may use so much memory; beyond it the kernel kills a process of it."""

    controller = "memory"

    def __init__(self, limit):
        """Bytes."""
        super().__init__()
        self.limit = limit

    def limits(self):
        return {"memory.limit_in_bytes" if self.version == 1 else "memory.max": self.limit}

    def kills(self):
        """Processes that it has killed."""
        file = "memory.oom_control" if self.version == 1 else "memory.events"
        return int(dict(line.split() for line in (self.path / file).read_text().splitlines())["oom_kill"])
