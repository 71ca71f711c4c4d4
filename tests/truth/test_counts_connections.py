#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""N requests sent are N recorded, per method, route and status, at 1, 50 and 500 connections, kept alive or not."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_cases import connection_each, keep_alive  # noqa: E402  (the path comes first)
from counts_run import count, slug  # noqa: E402
from counts_servers import STARTERS  # noqa: E402

KEPT = ((1, 120), (50, 12), (500, 2))   # connections, requests on each
ENDED = ((1, 60), (50, 3), (500, 1))    # connections at once, times over


def cases(tap, ledger, sites):
    for site in sites:
        for connections, rounds in KEPT:
            if site.keeps_alive:
                case = ledger.case(f"{slug(site.name)}-kept-{connections}")
                tap.run(case.name, keep_alive, case, site, site.ipv4, connections, rounds)
        for at_once, rounds in ENDED:
            case = ledger.case(f"{slug(site.name)}-ended-{at_once}")
            tap.run(case.name, connection_each, case, site, site.ipv4, at_once, rounds)


count(STARTERS, cases)
