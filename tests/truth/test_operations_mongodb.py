#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A web server's handlers say what they had a MongoDB do by a real driver, pymongo; the server is a stand-in that answers as one, as
Debian has none. Each request's operations are held against that."""
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parent)]

from tap import Tap  # noqa: E402
from operations_truth import APPS, ask, compare  # noqa: E402
from services import Gunicorn, Python  # noqa: E402

JOBS = ("simple", "errors", "large", "rounds")
tap = Tap()
with Python(APPS / "mongodb_server.py") as server:
    with Gunicorn("operations_mongodb:app", cwd=APPS, env={"MONGODB_PORT": str(server.port)}) as web:
        record, told = ask(web, [f"/{name}/{number}" for number in range(5) for name in JOBS], before=["/open_/0"])
    record.check(tap)
    compare(tap, record, told)
    findings = {finding["id"]: finding for end in record.report["endpoints"] if end["route"].startswith("/rounds")
                for finding in end["findings"]}
    found = findings.get("n-plus-one", {"evidence": {}})
    tap.check("rounds: n-plus-one", found["evidence"].get("per_request") == 12
              and found["evidence"]["statement"] == 'find orders {"customer": ?, "ms": ?}', findings)
tap.done()
