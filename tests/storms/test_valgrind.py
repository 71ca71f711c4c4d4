#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every command under valgrind, on real servers under load: no wrong access, nothing unset that decides, nothing leaked."""
import pathlib
import re
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "faults"))
import whole  # noqa: E402  (the path comes first)
from tap import Tap  # noqa: E402
from whywait import WHYWAIT  # noqa: E402


def complains(stderr):
    """Its warnings, of calls that it does not know, begin otherwise."""
    return "\n".join(line for line in stderr.splitlines() if re.match(r"==\d+==", line))[:3000]


def main():
    tap = Tap()
    if not shutil.which("valgrind"):
        tap.skip("valgrind", "it is not installed")
        tap.done()
    argv = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite,possible",
            "--show-leak-kinds=definite,possible", f"--suppressions={HERE / 'valgrind.supp'}", WHYWAIT]
    whole.runs(tap, argv, complains, seconds=5, start_s=200)
    tap.done()


main()
