#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where in the code, of the CPythons of other releases of Debian: 3.9 (Debian 11) and 3.13 (13), fetched and run in roots of their
own, beside this host's. Others by their paths: test_stacks_python.py /opt/python3.12/bin/python3 .."""
import pathlib
import shutil
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parents[1] / "truth")]
from debian import Archive  # noqa: E402  (the path comes first)
from stacks_truth import APPS, judge_shares  # noqa: E402
from tap import Tap  # noqa: E402

CACHE = pathlib.Path(__file__).resolve().parents[2] / "build" / "pythons"
RELEASES = {"bullseye": "python3.9", "trixie": "python3.13"}
COMPUTED_S = 25  # as test_stacks_shares.py
SECONDS = 150
POINTS = 3


def fetched(suite, python):
    """A root with that interpreter, made unless it is there."""
    root = CACHE / suite / "root"
    if not (root / "usr/bin" / python).exists():
        shutil.rmtree(root.parent, ignore_errors=True)
        root.mkdir(parents=True)
        for name in ("bin", "lib", "lib64", "sbin"):
            (root / "usr" / name).mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(f"usr/{name}")
        Archive(root.parent / "fetch", suite).unpack_all(root, python)
        shutil.rmtree(root.parent / "fetch")
    return root


def judge_release(suite, python):
    root = fetched(suite, python)
    shutil.copy(APPS / "stacks_threads.py", root / "app.py")
    judge_shares(tap, python, lambda port: ["chroot", root, f"/usr/bin/{python}", "/app.py", str(port)], SECONDS, POINTS,
                 computed_s=COMPUTED_S)


tap = Tap()
for release, interpreter in RELEASES.items():
    tap.run(interpreter, judge_release, release, interpreter)
for path in sys.argv[1:]:
    tap.run(path, judge_shares, tap, path, lambda port, path=path: [path, APPS / "stacks_threads.py", str(port)], SECONDS, POINTS, computed_s=COMPUTED_S)
tap.done()
