# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What was sent, request by request, and how a recording is held against it.

Every request has a path of its own, /CASE/ACTION/ARGUMENT/NUMBER, so each is looked for by name: a request counted
twice can't make up for one that is missing.
"""
from counts_client import Connection, Gone, chunks, head

COMPARED = 150    # bytes of a path that tell it from all others; WW_TARGET_MAX are kept
SHOWN = 5         # mismatches printed per check


def key_of(path):
    """What a request is found by: the beginning of its path, since a long one is not kept whole."""
    return path.split("?")[0][:COMPARED]


class Exchange:
    """One request that was sent, and what must be recorded of it."""

    def __init__(self, method, path):
        self.method = method
        self.path = path
        self.status = None      # None: not known, or none was sent
        self.bytes_in = None    # None: not compared
        self.bytes_out = None
        self.aborted = False
        self.optional = False   # it may be recorded once or not at all
        self.absent = False     # it must not be recorded
        self.routed = True      # its route is route_of(path)
        self.expectations = []  # (text, predicate of the record)

    @property
    def key(self):
        return key_of(self.path)


class Case:
    """The requests of one situation."""

    def __init__(self, name):
        self.name = name
        self.exchanges = []

    def sent(self, method, path):
        exchange = Exchange(method, path)
        self.exchanges.append(exchange)
        return exchange

    def path(self, action, argument=0, suffix=""):
        return f"/{self.name}/{action}/{argument}/{len(self.exchanges)}{suffix}"

    def prepare(self, action, argument=0, method="GET", headers=(), body=None, version="1.1", chunk=0, suffix="",
                origin=""):
        """Enters a request and returns (exchange, its bytes). `origin` makes the target absolute.

        `body` goes with a Content-Length, or in chunks of `chunk` bytes.
        """
        path = self.path(action, argument, suffix)
        exchange = self.sent(method, path)
        headers = list(headers)
        payload = b""
        if body is not None:
            if chunk:
                headers.append(("Transfer-Encoding", "chunked"))
                payload = chunks(body, chunk)
            else:
                headers.append(("Content-Length", str(len(body))))
                payload = body
        data = head(method, origin + path, headers, version) + payload
        exchange.bytes_in = len(data)
        return exchange, data

    def request(self, connection, action, argument=0, status=200, **how):
        """Sends a request in one write and reads its response, which must have the status. Returns (exchange, reply)."""
        exchange, data = self.prepare(action, argument, **how)
        connection.send(data)
        return exchange, self.answer(connection, exchange, status)

    def answer(self, connection, exchange, status=200):
        """Reads the response to a request that was sent before."""
        try:
            reply = connection.reply(exchange.method)
        except Gone as gone:
            raise AssertionError(f"{exchange.method} {exchange.path}: {gone}") from None
        assert reply.status == status, f"{exchange.method} {exchange.path}: status {reply.status}, not {status}"
        exchange.status = reply.status
        exchange.bytes_out = reply.received
        return reply

    def once(self, address, action, argument=0, status=200, **how):
        """As request(), on a connection of its own."""
        with Connection(address) as connection:
            return self.request(connection, action, argument, status, **how)


def aborted(record):
    """Whether a recorded request says that its connection ended before its response was whole."""
    return "aborted" in record["flags"]


def kind_share(record, kind):
    return record["kinds_ns"][kind] / record["wall_ns"] if record["wall_ns"] else 0.0


def route_of(path):
    """The route that a path of these tests is to have: its numbers are identifiers."""
    return "/".join("{id}" if part.isdigit() else part for part in path.split("?")[0].split("/"))


class Ledger:
    """All cases of a test file."""

    def __init__(self):
        self.cases = []

    def case(self, name):
        assert name not in [case.name for case in self.cases], name
        case = Case(name)
        self.cases.append(case)
        return case

    def compare(self, tap, records):
        """Checks every recorded request against what was sent; `records` as `requests --format json` gives them."""
        by_path = {}
        for record in records:
            by_path.setdefault(key_of(record["path"]), []).append(record)
        for case in self.cases:
            pairs = self._count(tap, case, by_path)
            self._facts(tap, case, pairs)
        sent = {exchange.key for case in self.cases for exchange in case.exchanges}
        strangers = [path for path in by_path
                     if path not in sent and not any(path.startswith(f"/{case.name}/") for case in self.cases)]
        tap.check("nothing is recorded that was not sent", not strangers, "\n".join(sorted(strangers)[:SHOWN]))

    @staticmethod
    def _count(tap, case, by_path):
        """Each request is there once; returns the pairs of exchange and record."""
        pairs = []
        wrong = []
        sent = set()
        for exchange in case.exchanges:
            sent.add(exchange.key)
            found = by_path.get(exchange.key, [])
            if len(found) == 1 and not exchange.absent:
                pairs.append((exchange, found[0]))
            elif found or not (exchange.optional or exchange.absent):
                wrong.append(f"{exchange.method} {exchange.path}: {len(found)} records")
        wrong += [f"{path}: not sent" for path in by_path if path.startswith(f"/{case.name}/") and path not in sent]
        must = sum(not (exchange.optional or exchange.absent) for exchange in case.exchanges)
        tap.check(f"{case.name}: {must} requests, {must} records", case.exchanges and not wrong,
                  "\n".join(wrong[:SHOWN] + [f"{len(wrong)} in all"]))
        return pairs

    @staticmethod
    def _facts(tap, case, pairs):
        def check(name, wrong):
            tap.check(f"{case.name}: {name}", not wrong, "\n".join(wrong[:SHOWN] + [f"{len(wrong)} in all"]))

        check("methods and statuses", [
            f"{e.path}: recorded {r['method']} {r['status']}, was {e.method} {e.status}" for e, r in pairs
            if r["method"] != e.method or (e.status is not None and r["status"] != e.status)])
        check("bytes in and out", [
            f"{e.path}: recorded {r['bytes_in']} in, {r['bytes_out']} out; were {e.bytes_in} and {e.bytes_out}"
            for e, r in pairs
            if (e.bytes_in is not None and r["bytes_in"] != e.bytes_in) or
            (e.bytes_out is not None and r["bytes_out"] != e.bytes_out)])
        check("aborted or not", [
            f"{e.path}: recorded as {'aborted' if aborted(r) else 'whole'}" for e, r in pairs
            if e.aborted is not None and aborted(r) != e.aborted])
        check("kinds sum to the wall", [
            f"{r['path']}: {sum(r['kinds_ns'].values())} of {r['wall_ns']} ns" for _, r in pairs
            if sum(r["kinds_ns"].values()) != r["wall_ns"]])
        check("no kind is negative, the first byte lies within", [
            f"{r['path']}: {r}" for _, r in pairs
            if min(r["kinds_ns"].values()) < 0 or not 0 <= (r["first_byte_ns"] or 0) <= r["wall_ns"]])
        special = [(e, r, text, holds) for e, r in pairs for text, holds in e.expectations]
        if special:
            check("; ".join(dict.fromkeys(text for _, _, text, _ in special)), [
                f"{e.path}: {text}: {r}" for e, r, text, holds in special if not holds(r)])

    def compare_report(self, tap, report):
        """Checks requests and statuses per method and route against what was sent."""
        expected = {}
        for case in self.cases:
            for exchange in case.exchanges:
                if not exchange.routed:
                    continue
                statuses = expected.setdefault((exchange.method, route_of(exchange.path)[:COMPARED]), {})
                statuses[str(exchange.status)] = statuses.get(str(exchange.status), 0) + 1
        reported = {}
        for endpoint in report["endpoints"]:
            if not endpoint["route"].startswith("/"):
                continue
            statuses = reported.setdefault((endpoint["method"], endpoint["route"][:COMPARED]), {})
            for status, count in endpoint["status"].items():
                statuses[status] = statuses.get(status, 0) + count
        wrong = [f"{method} {route}: reported {reported.get((method, route))}, were {expected.get((method, route))}"
                 for method, route in sorted({*expected, *reported})
                 if reported.get((method, route)) != expected.get((method, route))]
        tap.check(f"report: {len(expected)} methods and routes with their statuses", expected and not wrong,
                  "\n".join(wrong[:SHOWN] + [f"{len(wrong)} in all"]))
        wrong = [f"{e['method']} {e['route']}: {e['requests']} requests, statuses {e['status']}"
                 for e in report["endpoints"] if sum(e["status"].values()) != e["requests"]]
        tap.check("report: the statuses of an endpoint sum to its requests", not wrong, "\n".join(wrong[:SHOWN]))
