#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Observation that starts in the middle: what was under way is no request with half an account; the next ones are whole."""
import ctypes
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_client import Connection, allow_many_sockets  # noqa: E402  (the path comes first)
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap, slug  # noqa: E402
from counts_servers import HERE, Server, Sites, free_port  # noqa: E402

SLOW = 4000  # ms: longer than observation takes to start
LARGE = 20 << 20
MS = 1_000_000
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
AFTER = 3  # requests on each connection once its first is done
TEMPTING = b"..GET /nowhere/x/0/0 HTTP/1.1\r\nHost: x\r\n\r\n" * 200


class Situation:
    """A connection that is in the middle of something when observation starts. finish() brings it to its end."""

    def __init__(self, case, site, address, receive_buffer=0):
        self.case = case
        self.site = site
        self.connection = Connection(address, receive_buffer)
        self.exchange = None

    def begin(self, action, argument=0, part=None, **how):
        """Sends a request, or only `part` of its bytes, before observation starts."""
        self.exchange, data = self.case.prepare(action, argument, **how)
        self.exchange.absent = True
        part = len(data) if part is None else part
        self.connection.send(data[:part])
        self.rest = data[part:]
        return self

    def finish(self):
        self.connection.send(self.rest)
        self.case.answer(self.connection, self.exchange, self.site.echo_status if self.exchange.method != "GET" else 200)

    def later(self):
        """Requests on the same connection, seen from their first byte to their last."""
        for _ in range(AFTER if self.site.keeps_alive else 0):
            exchange, _ = self.case.request(self.connection, "size", 1000)
            exchange.expectations.append(("later requests have their own time only", lambda r: r["wall_ns"] < 1000 * MS))
        self.connection.close()


class Idle(Situation):
    """Has answered before, and waits."""

    def __init__(self, case, site, address):
        super().__init__(case, site, address)
        exchange, _ = case.request(self.connection, "size", 16)
        exchange.absent = True

    def finish(self):
        pass


class Unused(Situation):
    """Connected, and nothing sent."""

    def finish(self):
        pass


class WorkedOn(Situation):
    """The server works on a whole request."""

    def __init__(self, case, site, address):
        super().__init__(case, site, address)
        self.begin("sleep", SLOW)


class HalfHead(Situation):
    """The head is on its way."""

    def __init__(self, case, site, address):
        super().__init__(case, site, address)
        self.begin("size", 16, part=33, headers=[("X-Decoy", "GET / HTTP/1.1")])


class HalfLine(Situation):
    """One byte of the request line has come."""

    def __init__(self, case, site, address):
        super().__init__(case, site, address)
        self.begin("size", 16, part=1)


class HalfBody(Situation):
    """The body is on its way, and its second half looks like requests."""

    def __init__(self, case, site, address):
        super().__init__(case, site, address)
        self.begin("echo", 0, method=site.echo_method, body=TEMPTING, part=len(TEMPTING) // 2)


class HalfChunks(Situation):
    """As HalfBody, in chunks."""

    def __init__(self, case, site, address):
        super().__init__(case, site, address)
        self.begin("echo", 0, method=site.echo_method, body=TEMPTING, part=len(TEMPTING) // 2, chunk=1000)


class HalfResponse(Situation):
    """The response is on its way: the client takes it slowly."""

    def __init__(self, case, site, address):
        super().__init__(case, site, address, receive_buffer=65536)
        self.begin("size", LARGE)
        self.reply = self.connection.reply(body=False)

    def finish(self):
        self.connection.read_body(self.reply)


class Events(Situation):
    """Events are coming."""

    def __init__(self, case, site, address):
        super().__init__(case, site, address)
        self.begin("events", SLOW // 50)
        self.reply = self.connection.reply(body=False)

    def finish(self):
        self.connection.read_body(self.reply)


class Pipelined(Situation):
    """Three requests have come, the server works on the first."""

    def __init__(self, case, site, address):
        super().__init__(case, site, address)
        self.begin("sleep", SLOW)
        self.others = [case.prepare("size", 16) for _ in range(2)]
        for exchange, data in self.others:
            exchange.absent = True
            self.connection.send(data)

    def finish(self):
        super().finish()
        for exchange, _ in self.others:
            self.case.answer(self.connection, exchange)


class Enclosed(Server):
    """A server in a network namespace of its own."""

    name = "enclosed"

    def prepare(self):
        self.port = free_port()
        self.argv = ["unshare", "--net", "sh", "-c",
                     f"ip link set lo up; exec {HERE}/counts_threading.py 127.0.0.1:{self.port} {self.unix}"]

    @property
    def unix(self):
        return str(self.directory / "http.sock")

    def is_ready(self):
        connection = self.connect()
        if connection:
            connection.close()
        return connection is not None

    def connect(self):
        """A connection from its namespace, which a thread enters that ends with it; None while nobody listens."""
        made = []

        def enter():
            with open(f"/proc/{self.pid}/ns/net", "rb") as namespace:
                if LIBC.setns(namespace.fileno(), CLONE_NEWNET):
                    return
            try:
                made.append(Connection(("127.0.0.1", self.port)))
            except OSError:
                pass

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return made[0] if made else None


THREADS = ("gunicorn-gthread", "aiohttp", "node", "http.server")
SITUATIONS = {
    Idle: ("nginx", *THREADS),
    Unused: ("nginx", *THREADS),
    WorkedOn: THREADS,
    HalfHead: ("nginx", "aiohttp", "node", "http.server"),
    HalfLine: ("nginx", "aiohttp", "node", "http.server"),
    HalfBody: ("nginx", "aiohttp", "node", "http.server"),
    HalfChunks: ("nginx", "aiohttp", "node", "http.server"),
    HalfResponse: ("nginx", "aiohttp", "node", "http.server"),
    Events: ("aiohttp", "node"),
    Pipelined: ("aiohttp", "node"),
}


def enclosed(case, server, before):
    """Listeners of other network namespaces are known, too: a connection from before observation, and a new one."""
    for connection in (before, server.connect()):
        for _ in range(AFTER):
            case.request(connection, "size", 1000)
        connection.close()


def slow_enclosed(case, server):
    """A slow request on a unix socket of another network namespace is not taken for one whose socket is gone."""
    case.once(server.unix, "sleep", SLOW + 2500)
    case.once(server.unix, "chunked", 5000, version="1.0")


def main():
    allow_many_sockets()
    tap = Tap()
    ledger = Ledger()
    with Sites("nginx", *THREADS) as sites:
        situations = []
        for kind, names in SITUATIONS.items():
            for name in names:
                for family in ("ipv4", "unix"):
                    site = sites[name]
                    case = ledger.case(f"{slug(name)}-{kind.__name__.lower()}-{family}")
                    situations.append(kind(case, site, getattr(site, family)))
        # A sync worker is at work on one, while two wait for it: one in the backlog, one that connects later.
        sync = Sites("gunicorn-sync")
        namespace = Enclosed()
        with sync, namespace:
            before = namespace.connect()
            site = sync["gunicorn-sync"]
            case = ledger.case("gunicorn-sync-backlog")
            worked_on = WorkedOn(case, site, site.ipv4)
            time.sleep(0.1)
            queued = Situation(case, site, site.ipv4).begin("size", 16)
            queued.exchange.absent = False
            queued.exchange.optional = True  # its arrival was not seen; its reading will be
            time.sleep(0.1)
            pids = sites.pids + sync.pids + namespace.pids()
            with Record("--pid", ",".join(map(str, pids))) as record:
                tap.run("enclosed", enclosed, ledger.case("enclosed"), namespace, before)
                slow = threading.Thread(target=tap.run, args=("slow", slow_enclosed, ledger.case("slow-enclosed"), namespace))
                slow.start()
                late = Connection(site.ipv4)
                exchange, data = case.prepare("size", 16)
                late.send(data)
                for situation in situations:
                    tap.run(situation.case.name, situation.finish)
                    tap.run(situation.case.name, situation.later)
                for situation in (worked_on, queued):
                    tap.run(case.name, situation.finish)
                tap.run(case.name, case.answer, late, exchange)
                slow.join()
                # And what is under way when observation ends is none either.
                case = ledger.case("cut-off")
                cut_off = [WorkedOn(case, sites[name], sites[name].ipv4) for name in THREADS]
                time.sleep(0.2)
            for situation in cut_off:
                tap.run(case.name, situation.finish)
        for site in sites:
            tap.check(f"{site.name} still serves", site.alive())
    record.check(tap)
    ledger.compare(tap, record.requests)
    tap.done()


main()
