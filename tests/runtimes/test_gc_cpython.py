#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CPython's collector against gc.callbacks: in a server that runs, one that starts later, and one in a mount namespace of its own
under another name."""
import json
import os
import pathlib
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]

from gc_runtimes import MS, Collected, get  # noqa: E402
from gc_truth import APPS  # noqa: E402
from services import PYTHON  # noqa: E402
from tap import Tap  # noqa: E402

APP = APPS / "gc_httpserver.py"


def collects(argv, later, named, environment=None):
    with Collected(tap, argv, environment, later=later, named=named) as seen:
        before = json.loads(get(seen.web.port, "/log")[0])
        # One client: a callback that has to wait for the interpreter lock would say that it was all the collection's.
        seen.load([[f"/allocate/100/{i}" for i in range(40)]])
        log = json.loads(get(seen.web.port, "/log")[0])
    first = 0 if named else len(before)
    log = log[first:]
    if later:  # it has collected before it could make notes of that
        tap.check("no more than a few were before its notes", 0 <= seen.collections - len(log) < 100, seen.collections - len(log))
        seen.collections = len(log)
    seen.agree(len(log), sum(end - start for _, start, end, _ in log), slack_ns=0.003 * MS * len(log))
    own = sum(cpu for path, _, _, cpu in log if path and path.startswith("/allocate"))
    tap.check("requests are charged for it", seen.sum(page="/allocate") > 0.9 * own, f"{seen.sum(page='/allocate')}, {own}")


def elsewhere():
    """A copy that no other process has mapped, where only it can see it."""
    with tempfile.TemporaryDirectory() as directory:
        command = (f"mount -t tmpfs none {directory} && cp -L {PYTHON} {directory}/server && "
                   f"exec {directory}/server {APP}")
        collects(["unshare", "-m", "sh", "-c", command], False, False, {"PYTHONHOME": "/usr"})
        tap.check("nobody else could see it", not os.listdir(directory))


tap = Tap()
tap.run("a server that runs", collects, [PYTHON, APP], False, True)
tap.run("one that starts later", collects, [PYTHON, APP], True, True)
tap.run("one in another mount namespace", elsewhere)
tap.done()
