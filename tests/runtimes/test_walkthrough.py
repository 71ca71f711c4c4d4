#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`make walkthrough` does on this machine what docs/walkthrough.md tells of another: it ends well, and writes the same text with figures
of its own. Its claims (the N+1 is found, mended and gone; the hotspot is named, ported, faster) it checks itself."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))

from tap import Tap  # noqa: E402

TEMPLATE = (ROOT / "tools/walkthrough/walkthrough.md.in").read_text()


def follows(text):
    """Whether it is the template, with something in each place."""
    return re.fullmatch(".+?".join(re.escape(part) for part in re.split(r"\{\{\w+\}\}", TEMPLATE)), text, re.DOTALL) is not None


tap = Tap()
tap.check("docs/walkthrough.md is the template with figures", follows((ROOT / "docs/walkthrough.md").read_text()))
done = subprocess.run(["/usr/bin/python3", "tools/walkthrough/walkthrough.py"], cwd=ROOT, capture_output=True, text=True, check=False)
if tap.check("the walk-through ends well", done.returncode == 0, done.stdout + done.stderr):
    written = ROOT / "build/walkthrough"
    tap.check("it is written down", follows((written / "walkthrough.md").read_text()))
    tap.check("with its pictures", all("<rect" in (written / name).read_text() for name in ("walkthrough-python.svg", "walkthrough-c.svg")))
    tap.check("the documentation stays as it is", not subprocess.run(["git", "status", "--porcelain", "docs/walkthrough.md"], cwd=ROOT,
                                                                      capture_output=True, text=True, check=True).stdout)
tap.done()
