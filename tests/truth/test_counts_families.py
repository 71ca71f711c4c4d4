#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Requests are counted alike over IPv4, IPv6 and unix sockets."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_cases import connection_each, keep_alive  # noqa: E402  (the path comes first)
from counts_run import count, slug  # noqa: E402
from counts_servers import STARTERS  # noqa: E402


def cases(tap, ledger, sites):
    for site in sites:
        for family in ("ipv4", "ipv6", "unix"):
            address = getattr(site, family)
            if site.keeps_alive:
                case = ledger.case(f"{slug(site.name)}-{family}-kept")
                tap.run(case.name, keep_alive, case, site, address, 20, 6)
            case = ledger.case(f"{slug(site.name)}-{family}-ended")
            tap.run(case.name, connection_each, case, site, address, 20, 3)


count(STARTERS, cases)
