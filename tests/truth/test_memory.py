#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Memory of a service in a control group that has too little of it: resident size, page faults and who was killed, against what the
worker and the control group count themselves."""
import http.client
import pathlib
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parents[2] / "tools")]

from cgroups import MemoryCgroup, Unavailable  # noqa: E402
from services import Gunicorn  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

APPS = pathlib.Path(__file__).resolve().parent / "apps"
LIMIT, LEAK_MIB, LEAKS = 192 << 20, 20, 5


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return int(connection.getresponse().read())
    finally:
        connection.close()


def ask_until_killed(port):
    try:
        while True:
            ask(port, f"/leak/{LEAK_MIB}")
    except (OSError, http.client.HTTPException):
        pass


tap = Tap()
try:
    with MemoryCgroup(LIMIT) as cgroup, Gunicorn("memory_wsgi:app", cwd=APPS, workers=1) as web:
        for pid in web.pids():
            cgroup.add(pid)
        with Record("--port", web.port) as record:
            before = ask(web.port, "/start")
            time.sleep(1.5)  # each second is looked
            for _ in range(LEAKS):
                faults = ask(web.port, f"/leak/{LEAK_MIB}") - before
            time.sleep(1.5)
        calm, killed = record.report["services"][0], cgroup.kills()
        with Record("--port", web.port) as record:
            ask(web.port, "/start")
            time.sleep(2.5)  # to be looked at while it lives: what is counted is what is added since
            ask_until_killed(web.port)
            time.sleep(1.5)
        kills = cgroup.kills() - killed
        after = record.report["services"][0]
except Unavailable as error:
    tap.skip("memory of a control group", error)
    tap.done()
tap.check("the peak has what was leaked", LEAKS * LEAK_MIB << 20 < calm["rss_bytes"]["peak"] < (LEAKS * LEAK_MIB << 20) + (100 << 20), calm)
tap.check("page faults are the worker's", abs(calm["page_faults"]["minor"] - faults) < 0.05 * faults + 100,
          f"{calm['page_faults']} recorded, {faults} counted by the worker")
tap.check("nobody was killed there", calm["oom_kills"] == 0 and killed == 0, calm)
tap.check("who was killed is counted", after["oom_kills"] == kills >= 1, f"{after['oom_kills']} recorded, {kills} by the control group")
tap.check("of so short a recording no growth is told", calm["rss_growth_per_request_bytes"] is None, calm)
tap.done()
