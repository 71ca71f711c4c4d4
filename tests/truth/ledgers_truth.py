# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""For tests of operations: handlers answer with a ledger of what they did, which is held against what was recorded.

A ledger is a JSON list, one entry an operation, in the order of their beginnings:

    {"system": "redis", "summary": "GET", "statement": "GET user:?", "flags": ["read"], "error": "", "ns": how long the call took}

`check(tap, name, record, ledgers)` with {path: ledger}: the same operations, one to one, none longer than its call.
"""
import json
import urllib.request

SLACK_NS = 100_000  # a hook that runs late on a busy machine, and the client's own work before and behind


def fetch(port, path):
    """The ledger that the handler of a path has answered with."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return json.load(answer)


def said(operation):
    return (operation["system"], operation["summary"], operation["statement"], tuple(sorted(operation["flags"])), operation["error"])


def check(tap, name, record, ledgers, ordered=True):
    requests = {request["path"]: request for request in record.requests}
    tap.check(f"{name}: {len(ledgers)} requests", set(requests) == set(ledgers), f"{set(requests) ^ set(ledgers)}")
    wrong, late, short = [], [], []
    for path, ledger in ledgers.items():
        request = requests.get(path)
        if not request:
            continue
        found, should = [said(each) for each in request["operations"]], [said(each) for each in ledger]
        if not ordered:
            found, should = sorted(found), sorted(should)
        if found != should or request.get("operations_missing"):
            differ = next((i for i, pair in enumerate(zip(found, should)) if pair[0] != pair[1]), min(len(found), len(should)))
            wrong.append(f"{path}: found {len(found)}, should be {len(should)}; at {differ}: {found[differ:differ + 2]} "
                         f"instead of {should[differ:differ + 2]}")
            continue
        if not ordered:
            continue
        for operation, entry in zip(request["operations"], ledger):
            if entry.get("ns") and operation["duration_ns"] > entry["ns"] + SLACK_NS:
                late.append(f"{path}: {operation} took {entry['ns']} ns")
            if operation["duration_ns"] < entry.get("least_ns", 0):
                short.append(f"{path}: {operation} instead of {entry['least_ns']} ns")
    count = sum(map(len, ledgers.values()))
    tap.check(f"{name}: {count} operations, each as the handler has done it", not wrong, "\n".join(wrong[:5]))
    tap.check(f"{name}: none is longer than its call", not late, "\n".join(late[:5]))
    tap.check(f"{name}: none is shorter than the server took", not short, "\n".join(short[:5]))
