# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the truth tests of operations share: each request's operations against what its handler said that it did.

    record, told = ask(server, ["/path/of/a/request", ..])      # one after the other, observed
    compare(tap, record, told)
"""
import http.client
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib")]

from whywait import Record  # noqa: E402

APPS = HERE / "apps"
MS = 1_000_000
# A thread that waits is woken a moment after the bytes have come, and waits a moment after it has sent.
SLACK_NS = 100_000


def ask(server, paths, before=()):
    """{path: what the handler said}; `before` are requested before the observer starts."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)

    def get(path):
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status}: {server.log()[-2000:]}")
        return json.loads(body)

    for path in before:
        get(path)
    with Record("--port", server.port) as record:
        told = {path: get(path) for path in paths}
    connection.close()
    return record, told


KEYS = ("summary", "statement", "error", "flags")


def seen(operation, should):
    """As the handler would have said it. Of a statement that is longer than what is kept, the part that is."""
    was = {key: operation[key] for key in KEYS} | {"flags": sorted(set(operation["flags"]) - {"cut"})}
    if was["statement"].endswith("\N{HORIZONTAL ELLIPSIS}") and should["statement"].startswith(was["statement"][:-1]):
        was["statement"] = should["statement"]
    return was


def outside(request):
    """The parts of the time that was charged as db that lie in no operation: [(start, duration)], from the request's start. Of a
    request with many segments the first ones are kept."""
    spans = [(o["start_ns"] - SLACK_NS, o["start_ns"] + o["duration_ns"] + SLACK_NS) for o in request["operations"]]
    found = []
    for segment in request["segments"]:
        if segment["kind"] != "db":
            continue
        at, end = segment["start_ns"], segment["start_ns"] + segment["duration_ns"]
        for start, stop in sorted(spans):
            if start <= at < stop:
                at = stop
        if at < end:
            found.append((at, end - at))
    return found


def compare(tap, record, told):
    requests = record.by_path()
    tap.check(f"{len(told)} requests sent, {len(requests)} recorded", set(requests) == set(told), set(told) ^ set(requests))
    wrong, lying, charged = [], [], 0
    for path, should in told.items():
        request = requests[path]
        was = [seen(operation, of) for operation, of in zip(request["operations"], should)]
        if was != should or len(request["operations"]) != len(should) or request.get("operations_missing"):
            differs = [f"  {a} instead of {b}" for a, b in zip(was, should) if a != b]
            wrong.append("\n".join([f"{path}: {len(request['operations'])} instead of {len(should)}, missing {request.get('operations_missing')}", *differs[:3]]))
        lying += [f"{path}: {duration / MS:.3f} ms at {start / MS:.3f}" for start, duration in outside(request)]
        spans = sum(operation["duration_ns"] for operation in request["operations"])
        charged += request["kinds_ns"]["db"]
        if request["kinds_ns"]["db"] > spans + SLACK_NS * len(should):
            lying.append(f"{path}: {request['kinds_ns']['db'] / MS:.3f} ms charged, operations took {spans / MS:.3f} ms")
    operations = sum(map(len, told.values()))
    tap.check(f"the {operations} operations are those that the handlers made", not wrong, "\n".join(wrong[:12]))
    tap.check(f"the {charged / MS:.1f} ms that were charged as db lie inside of them", charged and not lying, "\n".join(lying[:12]))
    text = json.dumps([record.requests, record.report])
    tap.check("no literal is in any output", "secret" not in text)
