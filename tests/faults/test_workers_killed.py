#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Workers that are killed one after the other under load, by SIGKILL and for their memory: what was answered is recorded, what was not ends
with its worker, and those beside it are not touched."""
import contextlib
import os
import pathlib
import random
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from faults import HERE  # noqa: E402  (the path comes first)
from cgroups import MemoryCgroup, Unavailable  # noqa: E402
from counts_client import Connection, Gone  # noqa: E402
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_threading, wait_until  # noqa: E402
from counts_steady import Steady  # noqa: E402
from services import Gunicorn  # noqa: E402

WORKERS = 3
CLIENTS = 4
KILL_S = 4
MEALS = 4
LIMIT_MIB = 160
MEAL_MIB = 400


class Beside:
    """A server that nobody kills, with a client of its own: it must not notice."""

    def __init__(self, ledger, name):
        self.site = start_threading()
        self.case = ledger.case(f"beside-{name}")

    def request(self):
        self.case.once(self.site.ipv4, "size", 16)


@contextlib.contextmanager
def under_load(ledger, name, server):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Steady(ledger.case(f"{name}-{number}"), ("127.0.0.1", server.port))) for number in range(CLIENTS)]


def in_a_loop(tap, ledger, server, beside):
    draw = random.Random()
    killed = set()
    with under_load(ledger, "killed", server) as clients:
        end = time.monotonic() + KILL_S
        while time.monotonic() < end:
            time.sleep(draw.uniform(0.02, 0.2))
            workers = server.worker_pids()
            if workers:
                victim = draw.choice(workers)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    killed.add(victim)
            beside.request()
    answered = sum(client.answered for client in clients)
    tap.check(f"{len(killed)} workers killed, {answered} requests answered", len(killed) > 10 and answered > 50)
    wait_until(lambda: len(server.worker_pids()) == WORKERS, 10, "the workers")


def for_memory(tap, ledger, server, beside):
    case = ledger.case("eaten")
    with MemoryCgroup(LIMIT_MIB << 20) as cgroup:
        for pid in server.pids():
            cgroup.add(pid)
        with under_load(ledger, "hungry", server) as clients:
            for _ in range(MEALS):
                exchange, data = case.prepare("eat", MEAL_MIB)
                exchange.aborted = True
                exchange.expectations.append(("its time ends with its worker", lambda r: r["wall_ns"] < 5e9))
                with Connection(("127.0.0.1", server.port)) as connection:
                    connection.send(data)
                    try:
                        connection.reply()
                        tap.check("who eats too much is killed", False)
                    except (Gone, OSError):
                        pass
                beside.request()
                wait_until(lambda: len(server.worker_pids()) == WORKERS, 10, "the workers")
                time.sleep(0.3)
        kills = cgroup.kills()
        answered = sum(client.answered for client in clients)
        tap.check(f"{kills} workers killed for their memory, {answered} requests answered", kills >= MEALS and answered > 20)
        server.stop()


def main():
    tap = Tap()
    for name, test in (("in a loop", in_a_loop), ("for memory", for_memory)):
        ledger = Ledger()
        beside = Beside(ledger, name.replace(" ", "-"))
        try:
            with Gunicorn("eats_wsgi:app", cwd=HERE, workers=WORKERS) as server:
                with Record("--port", f"{server.port},{beside.site.port}") as record:
                    test(tap, ledger, server, beside)
                    time.sleep(1.2)
        except Unavailable as error:
            tap.skip(name, str(error))
            continue
        finally:
            beside.site.stop()
        record.check(tap)
        ledger.compare(tap, record.requests)
        services = {request["service"] for request in record.requests}
        tap.check(f"{name}: they stay one service, and the other one", len(services) == 2, services)
    tap.done()


main()
