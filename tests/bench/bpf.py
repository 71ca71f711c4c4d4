# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The BPF programs and maps of a process, and the kernel's own clock on them."""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import subprocess

import procfs

BPFTOOL = shutil.which("bpftool") or "/usr/sbin/bpftool"
SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
BPF_ENABLE_STATS = 32
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def stats_enabled():
    """The kernel times every run of a BPF program inside this block. It costs 60 to 90 ns a run, partly within the time
    that it measures. It ends with the file descriptor, so also when this process is killed."""
    attr = ctypes.create_string_buffer(128)  # BPF_STATS_RUN_TIME is 0
    fd = _libc.syscall(SYS_BPF, BPF_ENABLE_STATS, attr, len(attr))
    if fd < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"BPF_ENABLE_STATS: {os.strerror(error)}")
    try:
        yield
    finally:
        os.close(fd)


def _held(pid):
    """Ids of the programs and maps that the process holds open: by its descriptors, which needs no symbols."""
    programs, maps = set(), set()
    for info in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = info.read_text()
        except OSError:
            continue  # closed meanwhile
        for line in text.splitlines():
            key, _, value = line.partition(":")
            if key == "prog_id":
                programs.add(int(value))
            elif key == "map_id":
                maps.add(int(value))
    return programs, maps


def _show(what):
    done = subprocess.run([BPFTOOL, "-j", what, "show"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout or "[]")


def attached(pid):
    """Whether the process holds any BPF program."""
    return bool(_held(pid)[0])


def programs(pid):
    """{name: {"count", "ns"}} so far, of the process's programs; both stay as they are while statistics are off."""
    held = _held(pid)[0]
    found = {}
    for program in _show("prog"):
        if program["id"] in held:
            entry = found.setdefault(program.get("name", str(program["id"])), {"count": 0, "ns": 0})
            entry["count"] += program.get("run_cnt", 0)
            entry["ns"] += program.get("run_time_ns", 0)
    return found


def programs_bytes(pid):
    """Memory of the process's programs, and of the machine code that they became."""
    held = _held(pid)[0]
    return sum(entry["bytes_memlock"] + entry.get("bytes_jited", 0) for entry in _show("prog") if entry["id"] in held)


def spent(before, after):
    """What programs() counted between two readings."""
    zero = {"count": 0, "ns": 0}
    return {name: {key: value - before.get(name, zero)[key] for key, value in entry.items()}
            for name, entry in after.items()}


def maps(pid):
    """Memory of the maps that the process holds or its programs use: {name: bytes}. The kernel does not count the
    elements of task and socket storage: "(storage elements, at most)" is one for each thread and socket of the host."""
    held, used = _held(pid)
    for program in _show("prog"):
        if program["id"] in held:
            used |= set(program.get("map_ids", []))
    found = {}
    elements = 0
    for entry in _show("map"):
        if entry["id"] not in used:
            continue
        name = entry.get("name", str(entry["id"]))
        found[name] = found.get(name, 0) + entry["bytes_memlock"]
        owners = {"task_storage": procfs.threads, "sk_storage": procfs.sockets}.get(entry["type"])
        if owners:
            elements += owners() * entry["bytes_value"]
    if elements:
        found["(storage elements, at most)"] = elements
    return found
