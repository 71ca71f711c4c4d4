# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Load by wrk, and what nginx itself counted of it."""
import http.client
import pathlib
import re
import signal
import subprocess
import time


class Status:
    """stub_status of an nginx: what it says it did, less the requests that asked for it."""

    def __init__(self, site):
        self.site = site
        self.asked = 0

    def _read(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.site.service.status_port)
        connection.request("GET", "/")
        text = connection.getresponse().read().decode()
        connection.close()
        self.asked += 1
        return text

    def served(self):
        """Requests that it has begun to serve since it was started."""
        return int(re.search(r"\n *\d+ +\d+ +(\d+)", self._read())[1]) - self.asked

    def busy(self):
        """Whether any connection but the one that asks is open."""
        return int(re.search(r"Active connections: (\d+)", self._read())[1]) > 1


class Wrk:
    """wrk against nginx or another server as long as its `with` block lasts. Then `counted` says how many responses it got whole,
    `errors` what went wrong for it."""

    def __init__(self, port, path, connections=64, script=None, env=None):
        self.argv = ["wrk", "-t2", f"-c{connections}", "-d24h", *(["-s", str(script)] if script else []),
                     f"http://127.0.0.1:{port}{path}"]
        self.env = env
        self.counted, self.rate, self.errors = 0, 0.0, []
        self._process = None

    def __enter__(self):
        self._process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                         text=True, env=self.env)
        time.sleep(0.2)  # its connections are made
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGINT)
        text, _ = self._process.communicate(timeout=20)
        self.counted = int(re.search(r"(\d+) requests in", text)[1])
        self.rate = float(re.search(r"Requests/sec: +([\d.]+)", text)[1])
        self.errors = re.findall(r"Socket errors: .*|Non-2xx.*", text)


def losing(losses):
    """Causes of loss that took requests or time away, as the tables of causes say; one that they don't know does, too."""
    root = pathlib.Path(__file__).resolve().parents[3]
    tables = "".join((root / name).read_text() for name in ("include/whywait/counters.def", "src/model/losses.def"))
    harmless = re.findall(r'^WW_\w+\(\w+, "(\w+)", 0,', tables, re.MULTILINE)
    return {cause: count for cause, count in losses.items() if count and cause not in harmless}
