#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How many instructions the kernel's verifier looks at for each BPF program stays within a tenth of verifier.txt: more
makes loading slower, and in the end fail on some kernel; less may mean that something is not done any more.

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


def counted():
    """{program: instructions}, of the programs that a `record` has loaded."""
    with tempfile.TemporaryDirectory() as directory, \
            Record("--port", "9", path=pathlib.Path(directory) / "idle.db") as record:
        counts = {}
        for info in pathlib.Path(f"/proc/{record.pid}/fdinfo").iterdir():
            found = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
            if "prog_id" in found and "verified_insns" in found:
                counts[int(found["prog_id"])] = int(found["verified_insns"])
        shown = subprocess.run([BPFTOOL, "-j", "prog", "show"], capture_output=True, text=True, check=True)
        return {program["name"]: counts[program["id"]] for program in json.loads(shown.stdout)
                if program["id"] in counts}


def kept():
    """The file's setting and counts."""
    lines = [line for line in FILE.read_text().splitlines() if line and not line.startswith("#")]
    return lines[0], {name: int(count) for name, count in (line.split() for line in lines[1:])}


def renew():
    counts = counted()
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
    now = counted()
    tap.check("the programs are those of verifier.txt", set(now) == set(before),
              f"only one has: {', '.join(sorted(set(now) ^ set(before)))}")
    for name in sorted(set(now) & set(before)):
        tap.check(name, abs(now[name] - before[name]) <= TOLERANCE * before[name],
                  f"{before[name]} instructions before, {now[name]} now; when that is meant: {FILE.parent.name}/"
                  f"{pathlib.Path(__file__).name} --renew")
    tap.check("there are some", len(now) > 5, f"{len(now)} programs")
    tap.done()


main()
