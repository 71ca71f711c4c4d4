#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Pipelined requests are counted one by one, however their bytes are cut into writes."""
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_cases import cut, cut_everywhere, mixed  # noqa: E402  (the path comes first)
from counts_client import Connection  # noqa: E402
from counts_run import count, slug  # noqa: E402

SERVERS = ("nginx", "aiohttp", "node", "http.server")
DEPTHS = (8, 64)


def prepare(case, site, depth):
    """([(exchange, status), ..], all their bytes)"""
    waiting = []
    data = b""
    for number in range(depth):
        how = mixed(site, number)
        status = how.pop("status", 200)
        exchange, request = case.prepare(**how)
        waiting.append((exchange, status))
        data += request
    return waiting, data


def in_one_write(case, site, depth, rounds):
    with Connection(site.ipv4) as connection:
        for _ in range(rounds):
            waiting, data = prepare(case, site, depth)
            connection.send(data)
            for exchange, status in waiting:
                case.answer(connection, exchange, status)


def in_several_writes(case, site, depth, rounds):
    """Cut at random places: in heads, in bodies, between requests."""
    draw = random.Random(depth)
    with Connection(site.ipv4) as connection:
        for _ in range(rounds):
            waiting, data = prepare(case, site, depth)
            places = sorted(draw.sample(range(1, len(data)), 3 + depth // 8))
            cut(connection, data, *places, pause=0.01)
            for exchange, status in waiting:
                case.answer(connection, exchange, status)


def a_write_each(case, site, depth, rounds):
    """Each request in a write of its own, without waiting for any response."""
    with Connection(site.ipv4) as connection:
        for _ in range(rounds):
            waiting = []
            for number in range(depth):
                how = mixed(site, number)
                status = how.pop("status", 200)
                exchange, data = case.prepare(**how)
                waiting.append((exchange, status))
                connection.send(data)
                if not number % 7:
                    time.sleep(0.001)
            for exchange, status in waiting:
                case.answer(connection, exchange, status)


def behind_a_slow_one(case, site):
    """The second request waits on the server while the first is worked on."""
    with Connection(site.ipv4) as connection:
        first, data = case.prepare("sleep", 100)
        second, more = case.prepare("size", 16)
        connection.send(data + more)
        case.answer(connection, first)
        case.answer(connection, second)
        second.expectations.append(("its wall holds the wait for the one before", lambda r: r["wall_ns"] > 80_000_000))


def cut_between_two(case, site):
    """Two requests, the first with a body, cut at every byte boundary of both."""
    def two():
        first, data = case.prepare("echo", 0, method="POST", body=b"GET / HTTP/1.1\r\n\r\n")
        second, more = case.prepare("size", 16)
        return [first, second], data + more

    cut_everywhere(case, site.ipv4, answers=2, prepare=two)


def cases(tap, ledger, sites):
    for site in sites:
        for depth in DEPTHS:
            for way in (in_one_write, in_several_writes, a_write_each):
                case = ledger.case(f"{slug(site.name)}-{way.__name__.replace('_', '-')}-{depth}")
                tap.run(case.name, way, case, site, depth, 5)
        if site.name != "nginx":
            case = ledger.case(f"{slug(site.name)}-slow-first")
            tap.run(case.name, behind_a_slow_one, case, site)
            case = ledger.case(f"{slug(site.name)}-cut-between-two")
            tap.run(case.name, cut_between_two, case, site)


count(SERVERS, cases)
