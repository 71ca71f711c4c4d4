#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Requests are counted alike over IPv4, IPv6, IPv4 on an IPv6 socket, unix sockets with a path and abstract ones."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_cases import connection_each, keep_alive  # noqa: E402  (the path comes first)
from counts_run import count, slug  # noqa: E402
from counts_servers import STARTERS  # noqa: E402


def until_close(case, address):
    """A response whose end is its connection's. That of a unix socket is only found by looking for it."""
    for _ in range(3):
        exchange, _ = case.once(address, "chunked", 4096, version="1.0")
        exchange.expectations.append(("its end was its last byte's",
                                      lambda r: "until_close" in r["flags"] and r["wall_ns"] < 500_000_000))


def cases(tap, ledger, sites):
    for site in sites:
        for family in ("ipv4", "ipv6", "unix", "mapped", "abstract"):
            address = getattr(site, family)
            if not address:
                continue
            if site.keeps_alive:
                case = ledger.case(f"{slug(site.name)}-{family}-kept")
                tap.run(case.name, keep_alive, case, site, address, 20, 6)
            case = ledger.case(f"{slug(site.name)}-{family}-ended")
            tap.run(case.name, connection_each, case, site, address, 20, 3)
            if site.name != "http.server":
                case = ledger.case(f"{slug(site.name)}-{family}-until-close")
                tap.run(case.name, until_close, case, address)
    time.sleep(7)


count(STARTERS, cases)
