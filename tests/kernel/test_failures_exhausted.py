#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables and rings too small for the load: accounts stay whole, what is lost is counted and shown, nothing says `complete`."""
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "truth" / "apps"))
from counts_client import Connection, allow_many_sockets, exchange as exchange_one, head  # noqa: E402  (the path comes first)
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import HERE, Python, start_aiohttp, start_nginx, start_node  # noqa: E402
from services import Upstream  # noqa: E402
from whywait import run  # noqa: E402

TABLE = 8          # requests in flight that fit at least
CPUS = pathlib.Path("/sys/devices/system/cpu/possible").read_text().strip()
FIT = TABLE + int(CPUS.split("-")[-1])  # each further CPU may keep a place for itself
AT_ONCE = 100
REMEMBERED = 32    # requests of one event loop that wait for timers
RING = 4096        # bytes: some ten accounts


def checks(tap, name, record, sent, cause, least):
    """recorded + lost = sent; `cause` took at least so many."""
    record.check(tap, complete=False)
    report = record.report
    lost = report["losses"].get(cause, 0)
    recorded = sum(endpoint["requests"] for endpoint in report["endpoints"])
    tap.check(f"{name}: provoked", lost >= least, f"{lost} lost by {cause} of {sent}: {report['losses']}")
    tap.check(f"{name}: recorded + lost = sent", recorded + lost == sent, f"{recorded} + {lost}, {sent} sent")
    tap.check(f"{name}: the recording is not complete", report["complete"] is False)
    text = run("report", record.path).stdout
    tap.check(f"{name}: the table says so", str(lost) in text.replace(",", "") and "NOT COMPLETE" in text, text[:500])
    tap.check(f"{name}: record says so", "lost" in record.stderr, record.stderr)


def table(tap, site):
    """More requests in flight than the table holds; then few, which are all recorded: no slot stays taken."""
    ledger = Ledger()
    case, after = ledger.case("table"), ledger.case("after")
    with Record("--pid", site.service.pid, "--max-requests", TABLE) as record:
        for _ in range(3):
            waiting = []
            for _ in range(AT_ONCE):
                exchange, data = case.prepare("sleep", 300)
                exchange.optional = True
                connection = Connection(site.ipv4)
                connection.send(data)
                waiting.append((connection, exchange))
            for connection, exchange in waiting:
                case.answer(connection, exchange)
                connection.close()
        for _ in range(50):
            after.once(site.ipv4, "size", 16)
    checks(tap, "table", record, len(case.exchanges) + len(after.exchanges), "request_table_full", AT_ONCE - FIT)
    ledger.compare(tap, record.requests)


def kept_alive(tap, site):
    """A connection whose request found no room is followed again from its next request on."""
    ledger = Ledger()
    case, after = ledger.case("kept"), ledger.case("kept-after")
    with Record("--pid", site.service.pid, "--max-requests", TABLE) as record:
        connections = [Connection(site.ipv4) for _ in range(AT_ONCE)]
        waiting = []
        for connection in connections:
            exchange, data = case.prepare("sleep", 300)
            exchange.optional = True
            connection.send(data)
            waiting.append((connection, exchange))
        for connection, exchange in waiting:
            case.answer(connection, exchange)
        for connection in connections:
            for _ in range(3):
                after.request(connection, "size", 16)
            connection.close()
    checks(tap, "kept alive", record, len(case.exchanges) + len(after.exchanges), "request_table_full", AT_ONCE - FIT)
    ledger.compare(tap, record.requests)


def carriers(tap):
    """Requests take all of the table, and none is left for work of theirs that is not told apart yet: no request is lost by that."""
    with Upstream() as upstream, Python(HERE / "execs.py", env={"UPSTREAM": str(upstream.port)}) as server:
        with Record("--pid", server.pid, "--max-requests", TABLE) as record:
            paths = [f"/{number}/50/ask/50" for number in range(TABLE)]
            threads = [threading.Thread(target=exchange_one, args=(("127.0.0.1", server.port), head("GET", path))) for path in paths]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            time.sleep(0.2)  # the clients may have the responses before the server's send() has returned
    record.check(tap, complete=False)
    losses = record.report["losses"]
    tap.check("carriers: every request is recorded", sorted(record.by_path()) == paths, list(record.by_path()))
    tap.check("carriers: provoked", losses.get("carrier_table_full", 0) > 0, losses)
    tap.check("carriers: no request is said to be lost", "request_table_full" not in losses, losses)
    tap.check("carriers: the recording is not complete", record.report["complete"] is False)


def sleepers(tap, site):
    """More requests of one event loop wait for timers than are remembered: that is counted, and only then."""
    for at_once, forgotten in ((REMEMBERED // 2, 0), (REMEMBERED + 28, 28)):
        ledger = Ledger()
        case = ledger.case(f"sleepers-{at_once}")
        with Record("--pid", ",".join(map(str, site.pids))) as record:
            for _ in range(3):
                waiting = []
                for _ in range(at_once):
                    exchange, data = case.prepare("sleep", 300)
                    connection = Connection(site.ipv4)
                    connection.send(data)
                    waiting.append((connection, exchange))
                for connection, exchange in waiting:
                    case.answer(connection, exchange)
                    connection.close()
        record.check(tap)
        ledger.compare(tap, record.requests)
        counted = record.report["losses"].get("pending_forgotten", 0)
        tap.check(f"{at_once} sleepers: {counted} are counted as forgotten", 3 * forgotten <= counted <= 4 * forgotten,
                  f"{3 * forgotten} were")


def ring(tap, site):
    """Requests end faster than a tiny ring is emptied."""
    ledger = Ledger()
    case = ledger.case("ring")
    with Record("--pid", ",".join(map(str, site.pids)), "--ring", RING) as record:
        with Connection(site.ipv4) as connection:
            for _ in range(60):
                waiting = []
                data = b""
                for _ in range(64):
                    exchange, request = case.prepare("size", 16)
                    exchange.optional = True
                    waiting.append(exchange)
                    data += request
                connection.send(data)
                for exchange in waiting:
                    case.answer(connection, exchange)
    checks(tap, "ring", record, len(case.exchanges), "account_ring_full", 100)
    ledger.compare(tap, record.requests)


def main():
    allow_many_sockets()
    tap = Tap()
    aiohttp, nginx, node = start_aiohttp(), start_nginx(), start_node()
    try:
        tap.run("table", table, tap, aiohttp)
        tap.run("kept alive", kept_alive, tap, aiohttp)
        tap.run("ring", ring, tap, nginx)
        tap.run("carriers", carriers, tap)
        tap.run("sleepers", sleepers, tap, node)
        tap.check("the servers still serve", aiohttp.alive() and nginx.alive() and node.alive())
    finally:
        aiohttp.stop()
        nginx.stop()
        node.stop()
    tap.done()


main()
