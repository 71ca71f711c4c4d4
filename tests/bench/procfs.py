# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What /proc tells of processes and of the host."""
import contextlib
import os
import pathlib

from services import descendants

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def _stat(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_ns(pids):
    """CPU time of these processes so far, all their threads, user and kernel mode, in nanoseconds (steps of a tick)."""
    return sum(int(ticks) for pid in pids for ticks in _stat(pid)[11:13]) * TICK_NS


def run_ns(pids):
    """The same by the scheduler's own clock, to the nanosecond, for processes whose threads do not end meanwhile."""
    return sum(int(thread.read_text().split()[0]) for pid in pids
               for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))


def memory(pid):
    """Resident bytes of a process: {"rss", "peak"}."""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {"rss": int(status["VmRSS"].split()[0]) * 1024, "peak": int(status["VmHWM"].split()[0]) * 1024}


class HostClock:
    """Shares of all CPUs' time since it was made."""

    def __init__(self):
        self.host, self.own = self._host(), self._own()

    @staticmethod
    def _host():
        with open("/proc/stat", encoding="ascii") as stat:
            return [int(field) for field in stat.readline().split()[1:9]]

    @staticmethod
    def _own():
        """CPU time, in ticks, of this process, of what it has started, and of its children that have ended."""
        ticks = sum(map(int, _stat("self")[13:15]))
        for pid in [os.getpid(), *descendants(os.getpid())]:
            with contextlib.suppress(OSError):
                ticks += sum(map(int, _stat(pid)[11:13]))
        return ticks

    def shares(self):
        """{"idle", "stolen" by the hypervisor, "foreign": spent on what this process has not started}."""
        user, nice, system, idle, iowait, irq, softirq, stolen = (
            now - then for now, then in zip(self._host(), self.host))
        busy = user + nice + system + irq + softirq
        total = (busy + idle + iowait + stolen) or 1
        return {"idle": (idle + iowait) / total, "stolen": stolen / total,
                "foreign": max(0, busy - (self._own() - self.own)) / total}


def threads():
    """Threads on this host."""
    return int(pathlib.Path("/proc/loadavg").read_text().split()[3].split("/")[1])


def sockets():
    """Sockets in use on this host."""
    return int(pathlib.Path("/proc/net/sockstat").read_text().split()[2])


def host():
    """What a result is only valid for: {"kernel", "cpu", "cpus", "load", "bpf_stats": every BPF run is timed}."""
    models = [line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")]
    return {"kernel": os.uname().release, "cpu": models[0] if models else os.uname().machine,
            "cpus": os.cpu_count(), "load": os.getloadavg()[0],
            "bpf_stats": pathlib.Path("/proc/sys/kernel/bpf_stats_enabled").read_text().strip() == "1"}
