#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How many instructions the kernel's verifier looks at for each BPF program stays within a tenth of verifier.txt: more
makes loading slower, and in the end fail on some kernel; less may mean that something is not done any more. On several
CPUs several threads load them (src/kernel/loader.c): the same programs as one does.

test_verifier.py --renew writes the file anew, for this kernel.
"""
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tap import Tap  # noqa: E402  (the path comes first)
from whywait import Record  # noqa: E402

FILE = pathlib.Path(__file__).with_name("verifier.txt")
BPFTOOL = shutil.which("bpftool") or "/usr/sbin/bpftool"
TOLERANCE = 0.1
HEAD = """# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Instructions that the verifier looked at for each program: tests/kernel/test_verifier.py --renew
"""


def setting():
    """What the counts depend on, besides the programs: the kernel, and the compiler."""
    clang = subprocess.run([os.environ.get("CLANG", "clang"), "--version"], capture_output=True, text=True, check=True)
    version = re.search(r"version (\d+)", clang.stdout).group(1)
    kernel = ".".join(platform.release().split("-")[0].split(".")[:2])
    return f"kernel {kernel} {platform.machine()}, clang {version}"


def cpu_ticks(stat):
    """User and system time in a /proc/../stat."""
    fields = pathlib.Path(stat).read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def counted():
    """{program: instructions}, of the programs that a `record` has loaded, and the share of its CPU time until then that
    was not the main thread's."""
    with tempfile.TemporaryDirectory() as directory, \
            Record("--port", "9", path=pathlib.Path(directory) / "idle.db") as record:
        counts = {}
        for info in pathlib.Path(f"/proc/{record.pid}/fdinfo").iterdir():
            found = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
            if "prog_id" in found and "verified_insns" in found:
                counts[int(found["prog_id"])] = int(found["verified_insns"])
        main, every = cpu_ticks(f"/proc/{record.pid}/task/{record.pid}/stat"), cpu_ticks(f"/proc/{record.pid}/stat")
        shown = subprocess.run([BPFTOOL, "-j", "prog", "show"], capture_output=True, text=True, check=True)
        return {program["name"]: counts[program["id"]] for program in json.loads(shown.stdout)
                if program["id"] in counts}, 1 - main / every


def on_one_cpu():
    """counted() of a `record` that has a single CPU."""
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        return counted()
    finally:
        os.sched_setaffinity(0, cpus)


def kept():
    """The file's setting and counts."""
    lines = [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")]
    return lines[0], {name: int(count) for name, count in (line.split() for line in lines[1:])}


def renew():
    counts, _ = counted()
    width = max(map(len, counts))
    lines = [f"{name:<{width}} {count}\n" for name, count in sorted(counts.items())]
    FILE.write_text(HEAD + setting() + "\n" + "".join(lines))


def main():
    if sys.argv[1:] == ["--renew"]:
        renew()
        return
    tap = Tap()
    of, before = kept()
    if of != setting():
        tap.skip("instructions verified", f"{FILE.name} is of {of}, this is {setting()}")
        tap.done()
        return
    now, shared = counted()
    alone, shared_alone = on_one_cpu()
    tap.check("one thread alone loads the same programs", alone == now,
              f"only one has: {set(alone.items()) ^ set(now.items())}")
    tap.check("on one CPU no thread helps", shared_alone < 0.05, f"{shared_alone:.0%} of the CPU time")
    if len(os.sched_getaffinity(0)) > 1:
        tap.check("on several CPUs several threads load", shared > 0.1, f"{shared:.0%} of the CPU time")
    tap.check("the programs are those of verifier.txt", set(now) == set(before),
              f"only one has: {', '.join(sorted(set(now) ^ set(before)))}")
    for name in sorted(set(now) & set(before)):
        tap.check(name, abs(now[name] - before[name]) <= TOLERANCE * before[name],
                  f"{before[name]} instructions before, {now[name]} now; when that is meant: {FILE.parent.name}/"
                  f"{pathlib.Path(__file__).name} --renew")
    tap.check("there are some", len(now) > 5, f"{len(now)} programs")
    tap.done()


main()
