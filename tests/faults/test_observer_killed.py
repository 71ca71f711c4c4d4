#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""kill -9 of `record` under load, and a new one at once, again and again: nothing of those that were killed stays in the kernel."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from faults import Served, recorded  # noqa: E402  (the path comes first)
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_nginx  # noqa: E402
from whywait import run  # noqa: E402

BPFTOOL = shutil.which("bpftool") or "/usr/sbin/bpftool"
KILLS = 3
PATIENCE = 5.0  # seconds within which the kernel frees what nobody holds any more


def objects():
    """{"prog" | "map" | "link": {id: what bpftool says of it}}, of the whole host."""
    found = {}
    for kind in ("prog", "map", "link"):
        done = subprocess.run([BPFTOOL, "-j", kind, "list"], capture_output=True, text=True, check=True)
        found[kind] = {entry["id"]: entry for entry in json.loads(done.stdout or "[]")}
    return found


def held(pids):
    """{(kind, id)} that these processes hold by a descriptor."""
    found = set()
    for pid in pids:
        try:
            infos = list(pathlib.Path(f"/proc/{pid}/fdinfo").iterdir())
        except OSError:
            continue  # it has ended meanwhile
        for info in infos:
            try:
                found |= {(kind, int(number)) for kind, number in
                          re.findall(r"^(prog|map|link)_id:\s*(\d+)$", info.read_text(), re.MULTILINE)}
            except OSError:
                continue
    return found


def everybody():
    return [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()]


def orphans(before):
    """What is there that was not before and that no process holds, nor a program or link that one holds."""
    now = objects()
    used = held(everybody())
    used |= {("prog", entry["prog_id"]) for kind, entry in ((k, now["link"].get(i)) for k, i in used if k == "link")
             if entry and "prog_id" in entry}
    used |= {("map", number) for kind, entry in ((k, now["prog"].get(i)) for k, i in used if k == "prog")
             if entry for number in entry.get("map_ids", [])}
    return [f"{kind} {number} {entry.get('name', '')}" for kind, entries in now.items() for number, entry in entries.items()
            if number not in before[kind] and (kind, number) not in used]


def gone(condition):
    """Whether condition() becomes empty in time; what it is then."""
    end = time.monotonic() + PATIENCE
    while (left := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def main():
    tap = Tap()
    site = start_nginx()
    before = objects()
    ours, kinds = set(), set()
    try:
        with tempfile.TemporaryDirectory(prefix="whywait-killed-") as directory, Served(site) as load:
            for number in range(KILLS):
                path = pathlib.Path(directory, f"{number}.db")
                with Record("--port", site.port, keep=10, path=path) as record:
                    time.sleep(1.3)
                    mine = held([record.pid])
                    os.kill(record.pid, signal.SIGKILL)
                ours |= mine
                kinds |= {kind for kind, _ in mine}
                report = json.loads(run("report", path, "--format", "json").stdout)
                tap.check(f"{number}: it was killed, and what it recorded can be read",
                          record.status == -signal.SIGKILL and recorded(report) > 0, (record.status, report["endpoints"]))
            with Record("--port", site.port, keep=10) as last:
                time.sleep(0.5)
        load.unharmed(tap, "killed")
        last.check(tap)
    finally:
        site.stop()
    tap.check(f"they held programs, maps and links: {len(ours)}", kinds == {"prog", "map", "link"}, ours)

    def left():
        now = objects()
        return [f"{kind} {number}" for kind, number in sorted(ours) if number in now[kind]]

    still = gone(left)
    tap.check("none of these is left in the kernel", not still, "\n".join(still))
    still = gone(lambda: orphans(before))
    tap.check("nothing else came that nobody holds", not still, "\n".join(still))
    pinned = [str(path) for path in pathlib.Path("/sys/fs/bpf").rglob("*whywait*")]
    tap.check("nothing is pinned", not pinned, pinned)
    tap.done()


main()
