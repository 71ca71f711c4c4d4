# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The course that the counting tests share: servers, an observer, cases, comparison."""
import pathlib
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "lib"))
from counts_client import allow_many_sockets  # noqa: E402  (the path comes first)
from counts_ledger import Ledger  # noqa: E402
from counts_servers import Sites  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402


def slug(name):
    """A server's name as part of a path without dots, so that it is no file name."""
    return name.replace(".", "-")


def side_by_side(sites, work):
    """Runs work(site) for all sites at the same time: for cases that wait more than they work."""
    threads = [threading.Thread(target=work, args=(site,)) for site in sites]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def count(names, cases, report=True, select=None):
    """Runs cases(tap, ledger, sites) on the named servers under observation and ends the process with its TAP status.

    `select(sites)` gives the arguments of `record`; its default are the servers' processes.
    """
    allow_many_sockets()
    tap = Tap()
    ledger = Ledger()
    with Sites(*names) as sites:
        arguments = select(sites) if select else ("--pid", ",".join(map(str, sites.pids)))
        with Record(*arguments) as record:
            cases(tap, ledger, sites)
        for site in sites:
            tap.check(f"{site.name} still serves", site.alive())
            if site.name == "nginx":
                tap.check("nginx logged no error", not site.service.errors(), "\n".join(site.service.errors()[:5]))
    record.check(tap)
    ledger.compare(tap, record.requests)
    if report:
        ledger.compare_report(tap, record.report)
    tap.done()
