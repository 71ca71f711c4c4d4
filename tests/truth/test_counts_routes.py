#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Endpoints of live servers: routes are templated and capped without losing a request; services are told apart."""
import hashlib
import pathlib
import random
import sys
import threading
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_client import Connection  # noqa: E402  (the path comes first)
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_gunicorn, start_nginx  # noqa: E402

ROUTES_MAX = 200  # endpoints of a service, "(other)" not counted
EACH = 20
WORDS = ("alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec "
         "romeo sierra tango uniform victor whiskey xray yankee zulu").split()

draw = random.Random(2)
VARIABLE = {
    "number": lambda n: str(n * 37),
    "uuid": lambda n: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
    "hash": lambda n: hashlib.sha1(b"%d" % n).hexdigest(),
    "date": lambda n: f"2024-05-{n + 1:02}",
    "mail": lambda n: f"user{n}@example.org",
}


def templated(tap, ledger, address):
    for kind, make in VARIABLE.items():
        case = ledger.case(f"var-{kind}")
        with Connection(address) as connection:
            for number in range(EACH):
                case.request(connection, "size", 16, suffix=f"/{make(number)}/end")


def check_templates(tap, report):
    for kind in VARIABLE:
        routes = [e for e in report["endpoints"] if e["route"].startswith(f"/var-{kind}/")]
        tap.check(f"{EACH} paths with a {kind} each are one route",
                  len(routes) == 1 and routes[0]["requests"] == EACH and routes[0]["route"].endswith("}/end"),
                  [(e["route"], e["requests"]) for e in routes])


def many_routes(ledger, address, number):
    """One request each of `number` different routes."""
    case = ledger.case("many")
    with Connection(address) as connection:
        for index in range(number):
            case.request(connection, "size", 16, suffix=f"/{WORDS[index % 26]}/{WORDS[index // 26]}")


def at_once(case, address, times):
    """Keeps every worker of a server busy."""
    def client(mine):
        for exchange, data in mine:
            with Connection(address) as connection:
                connection.send(data)
                case.answer(connection, exchange)

    prepared = [case.prepare("burn", 20) for _ in range(times)]
    threads = [threading.Thread(target=client, args=(prepared[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    tap = Tap()
    ledger = Ledger()
    sites = {"one": start_gunicorn("sync", workers=2), "two": start_gunicorn("gthread"), "three": start_nginx()}
    number = ROUTES_MAX + 60
    try:
        for site in sites.values():
            assert site.service.pids()
        pids = [pid for site in sites.values() for pid in site.pids]
        workers = sites["one"].service.worker_pids()
        select = ("--pid", ",".join(map(str, pids)))
        with Record(*select) as record, Record(*select) as beside:
            tap.run("templates", templated, tap, ledger, sites["three"].ipv4)
            tap.run("two workers", at_once, ledger.case("workers"), sites["one"].ipv4, 40)
            tap.run("many routes", many_routes, ledger, sites["two"].ipv4, number)
    finally:
        for site in sites.values():
            site.stop()
    record.check(tap)
    ledger.compare(tap, record.requests)
    check_templates(tap, record.report)
    tap.check("a second observer at the same time sees the same",
              sorted(r["path"] for r in beside.requests) == sorted(r["path"] for r in record.requests),
              f"{len(record.requests)} and {len(beside.requests)} requests")

    services = {name: {r["service"] for r in record.requests if r["path"].startswith(f"/{name}/")}
                for name in ("workers", "many", "var-number")}
    tap.check("two workers are one service", len(services["workers"]) == 1, services)
    answered = {r["pid"] for r in record.requests if r["path"].startswith("/workers/")}
    tap.check("both workers answered", answered == set(workers), f"{answered} of {workers}")
    tap.check("three servers are three services", len(set.union(*services.values())) == 3, services)

    endpoints = [e for e in record.report["endpoints"] if e["service"] in services["many"]]
    other = [e for e in endpoints if e["route"] == "(other)"]
    # Each came once: some have made room for those that came later.
    kept = len(endpoints) - len(other)
    tap.check(f"{kept} routes are kept", ROUTES_MAX // 2 < kept <= ROUTES_MAX, len(endpoints))
    tap.check("the rest is counted as (other)", sum(e["requests"] for e in other) == number - kept,
              [(e["method"], e["requests"]) for e in other])
    tap.check("and as beyond the cap", record.report["losses"].get("routes_over_cap") == number - kept, record.report["losses"])
    tap.check("no request is missing for it", sum(e["requests"] for e in endpoints) == number)
    tap.done()


main()
