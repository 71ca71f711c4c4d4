#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every command, built with the address, leak and undefined-behaviour sanitizers, on real servers under load."""
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import whole  # noqa: E402  (the path comes first)
from faults import HERE  # noqa: E402
from tap import Tap  # noqa: E402

ROOT = HERE.parents[1]
FLAGS = "-fsanitize=address,undefined"  # as in tests/run, whose objects these are


def complains(stderr):
    found = re.search(r"(ERROR: \w+Sanitizer|runtime error:).*", stderr, re.DOTALL)
    return found[0][:3000] if found else ""


def main():
    tap = Tap()
    built = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "B=build/asan",
                            f"CFLAGS=-O1 -g {FLAGS} -fno-sanitize-recover=all -fno-omit-frame-pointer -Wno-error", f"LDFLAGS={FLAGS}",
                            "build/asan/whywait"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tap.check("it is built", built.returncode == 0, built.stderr[-2000:]):
        whole.runs(tap, [str(ROOT / "build/asan/whywait")], complains, seconds=3, start_s=30)
    tap.done()


main()
