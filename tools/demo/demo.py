# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Steps 3 to 6 of the demo: starts the applications and what they need, loads them, observes, reports, ends everything."""
import contextlib
import pathlib
import signal
import subprocess
import sys
import tempfile

from stage import DEMO, ROOT, WHYWAIT, StageError, observe

sys.path.insert(0, str(ROOT / "tools"))
from services import Gunicorn, Postgres, Python, Redis, ServiceError, Upstream  # noqa: E402

RECORDING = ROOT / "build/demo.db"
SECONDS = 20

# Who visits: how many, the mean pause between two requests in milliseconds, and what they ask for.
SHOP_VISITORS = [
    (4, 150, ["GET /", "GET /suggestions/{200}", "GET /orders/{200}", "GET /reviews/{500}",
             "POST /checkout", "POST /payments"]),
    (3, 25, ["POST /reserve/{500}"]),
]
FEED_VISITORS = [
    (4, 150, ["GET /trending", "GET /timeline/{200}", "GET /preview/{600}", "GET /mentions/{500}"]),
    (1, 150, ["GET /rank/{200}"]),
]


def step(number, text):
    print(f"[{number}/6] {text}", flush=True)


def fail(text, status=1):
    print(f"demo: {text}", file=sys.stderr)
    sys.exit(status)


def start_applications(stack, pids):
    """Starts all services; returns the ports of shop and feed."""
    def start(service):
        stack.enter_context(service)
        pids.extend(service.pids())
        return service

    # One core a query, so that the slow one is as slow everywhere.
    database = start(Postgres(settings={"max_parallel_workers_per_gather": 0}))
    database.sql((DEMO / "schema.sql").read_text())
    cache = start(Redis())
    stock, prices, shipping = (start(Upstream()) for _ in range(3))
    # Not in /tmp, which may be memory: there an fsync costs nothing.
    payments = stack.enter_context(tempfile.TemporaryDirectory(prefix="whywait-demo-", dir="/var/tmp"))
    env = {"DSN": database.dsn, "FEED_DSN": f"postgresql://postgres@127.0.0.1:{database.port}/test",
           "REDIS_PORT": str(cache.port), "PAYMENTS": payments, "STOCK_LOCK": f"{payments}/stock.lock",
           "STOCK_URL": stock.url(12), "PRICES_URL": prices.url(18), "SHIPPING_URL": shipping.url(30)}
    shop = start(Gunicorn("shop:app", cwd=DEMO, workers=6, env=env))
    feed = start(Python(DEMO / "feed.py", env=env))
    return shop.port, feed.port


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def play(stack, pids):
    """Steps 3 and 4; returns how many requests were answered."""
    step(3, "start PostgreSQL, Redis, three upstream services, shop (Flask, gunicorn) and feed (aiohttp)")
    shop, feed = start_applications(stack, pids)
    step(4, f"observe shop (port {shop}) and feed (port {feed}) under load for {SECONDS} s")
    return observe(stack, RECORDING, SECONDS, {shop: SHOP_VISITORS, feed: FEED_VISITORS})


def main():
    pids = []
    try:
        with contextlib.ExitStack() as stack:
            try:
                answered = play(stack, pids)
            finally:
                # The ending is short, and a second Ctrl-C must not cut it shorter.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            step(5, "end everything that was started")
    except KeyboardInterrupt:
        fail("interrupted; everything that was started has ended", 130)
    except StageError as error:
        fail(error, error.status)
    except ServiceError as error:
        fail(error)
    finally:
        left = [pid for pid in pids if alive(pid)]
        if left:
            fail(f"still running: {left}")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    step(6, f"report (wrk counted {answered} answers)")
    done = subprocess.run([WHYWAIT, "report", RECORDING], check=False)
    if done.returncode:
        sys.exit(done.returncode)
    print("\nOne by one: build/whywait requests build/demo.db --slowest 5"
          "\nYour own:   build/whywait record --port 8080 -d 60, then build/whywait report whywait.db")


main()
