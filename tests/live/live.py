# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A server under load that a daemon observes, for the suites of what the daemon tells."""
import contextlib
import http.client
import pathlib
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tools")]

from services import Gunicorn, Redis  # noqa: E402
from serving import Serve  # noqa: E402

PATHS = ["/items/1", "/slow/2", "/compute/3", "/items/4", "/fail/5", "/slow/6"]


class Load:
    """Asks for paths in turn, from a few connections, until it is stopped; counts what it got."""

    def __init__(self, port, paths, clients=3, pause=0.02):
        self.port, self.paths, self.pause = port, paths, pause
        self.answers = {}
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(client,), daemon=True) for client in range(clients)]

    def _ask(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self._end.is_set():
            path = self.paths[number % len(self.paths)]
            number += 1
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            with self._lock:
                self.answers[path, response.status] = self.answers.get((path, response.status), 0) + 1
            time.sleep(self.pause)
        connection.close()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._end.set()
        for thread in self._threads:
            thread.join()

    def __exit__(self, *_):
        self.stop()


@contextlib.contextmanager
def observed(*arguments):
    """(the server, the daemon that observes it)."""
    with Redis() as cache, Gunicorn("live_wsgi:app", cwd=HERE / "apps", env={"REDIS_PORT": str(cache.port)}, threads=4,
                                    worker_class="gthread") as web, Serve("--port", web.port, *arguments) as daemon:
        yield web, daemon
