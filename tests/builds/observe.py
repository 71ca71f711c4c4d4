# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The whywait that $WHYWAIT names observes a server for a moment: every request is recorded, nothing is lost, and the kinds
sum to the wall time. TAP; the instructions that the verifier has looked at stand in a comment."""
import pathlib
import re
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tools")]
from services import Upstream  # noqa: E402  (the path comes first)
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

REQUESTS = 20
WAIT_MS = 5


def verified(pid):
    """Instructions of all programs that the process has loaded."""
    texts = [path.read_text() for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir()]
    return sum(int(found[1]) for text in texts if (found := re.search(r"^verified_insns:\s*(\d+)", text, re.M)))


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as directory, Upstream() as server:
        with Record("--port", server.port, path=pathlib.Path(directory) / "whywait.db") as record:
            tap.note(f"verified {verified(record.pid)}")
            for _ in range(REQUESTS):
                with urllib.request.urlopen(server.url(WAIT_MS), timeout=30) as answer:
                    answer.read()
        record.check(tap)
        tap.check("each request is recorded once", len(record.requests) == REQUESTS, f"{len(record.requests)} of {REQUESTS}")
        tap.check("each waited as long as the server did",
                  all(sum(request["kinds_ns"].values()) - request["kinds_ns"]["compute"] >= WAIT_MS * 900000
                      for request in record.requests), [request["kinds_ns"] for request in record.requests])
    tap.done()


main()
