# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A daemon for the tests of `whywait serve`, and a server for it to observe, which counts what it answers."""
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from whywait import WHYWAIT  # noqa: E402  (the path comes first)

PAGE = """
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""


class Page:
    """A server in a process of its own, gone at the end."""

    def __init__(self, port):
        self.port = port
        self.process = subprocess.Popen([sys.executable, "-c", PAGE, str(port)])
        self.ask("/ready", retry=True)

    def ask(self, path, count=1, retry=False):
        for _ in range(count):
            deadline = time.monotonic() + 20
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
                        answer.read()
                    break
                except OSError:
                    if not retry or time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def ask(http, path):
    """What the daemon at that port answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{http}{path}", timeout=20) as answer:
        return answer.read().decode()


def requests_of(metrics):
    """(requests counted, {cause: lost})"""
    requests, losses = 0, {}
    for line in metrics.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("whywait_requests_total{"):
            requests += int(float(value))
        elif name.startswith("whywait_lost_total{") and float(value):
            losses[name.split('"')[1]] = int(float(value))
    return requests, losses


class Daemon:
    """`whywait serve` with settings, told by a file in `directory`, observing when it is made."""

    def __init__(self, directory, settings, environment=None):
        self.config = pathlib.Path(directory) / "whywait.yaml"
        self.config.write_text(settings)
        self.log = pathlib.Path(directory) / "log"
        self.start(environment)

    def start(self, environment=None):
        with self.log.open("a") as log:
            self.process = subprocess.Popen([WHYWAIT, "serve", "--config", str(self.config)], stderr=log,
                                            env={**os.environ, **(environment or {})})
        self.seen = len(self.log.read_text()) if self.log.exists() else 0
        self.wait("observing, recording into")

    def wait(self, text, seconds=60):
        """Until the log says so, behind what was waited for before; the line."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            new = self.log.read_text()[self.seen:]
            if text in new and "\n" in new[new.index(text):]:
                at = new.index(text)
                end = new.index("\n", at)
                self.seen += end
                return new[new.rfind("\n", 0, at) + 1:end]
            if self.process.poll() is not None and text not in self.log.read_text()[self.seen:]:
                break
            time.sleep(0.05)
        raise TimeoutError(f"the daemon does not say '{text}': {self.log.read_text()}")

    def status(self, name):
        """A line of /proc/PID/status."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return line.split(None, 1)[1]
        return None

    def reload(self, settings):
        self.config.write_text(settings)
        self.process.send_signal(signal.SIGHUP)

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
