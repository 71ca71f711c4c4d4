# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a daemon takes of the host's memory, in all: what is resident of its process, and what the kernel holds for it. Rings are mapped into
the process, twice: they are counted once, as the kernel's maps."""
import pathlib

import bpf

MAPS_OF_BPF = "anon_inode:bpf-map"


def resident(pid):
    """Resident bytes by what they are: "own" (heap, stacks), "files" (its program, libraries), "mapped" of BPF maps."""
    sums = {"own": 0, "files": 0, "mapped": 0}
    name = ""
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        fields = line.split()
        if not fields[0].endswith(":"):
            name = fields[5] if len(fields) > 5 else ""
        elif fields[0] == "Rss:":
            sums["mapped" if name == MAPS_OF_BPF else "files" if name.startswith("/") else "own"] += int(fields[1]) * 1024
    return sums


def kernel(pid):
    """Bytes that the kernel holds: "maps", "programs"; "state" of threads and sockets, of which it has no figure, is left out here."""
    return {"maps": sum(size for name, size in bpf.maps(pid).items() if "(" not in name), "programs": bpf.programs_bytes(pid)}


def in_all(pid):
    """{part: bytes}, "all" their sum."""
    parts = resident(pid)
    del parts["mapped"]
    parts.update(kernel(pid))
    parts["all"] = sum(parts.values())
    return parts
