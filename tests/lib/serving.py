# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs `whywait serve` and asks it.

    with Serve("--port", web.port) as daemon:     # ready when `with` returns
        daemon.url                                "http://127.0.0.1:12345"
        daemon.get("/metrics")                    (status, headers, text)
        daemon.api("series", last=60)             the JSON of /api/v1/series?last=60
    daemon.log()                                  what it wrote on stderr
"""
import json
import pathlib
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from services import Server, free_port  # noqa: E402
from whywait import WHYWAIT  # noqa: E402

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Serve(Server):
    name = "serve"
    stop_signal = signal.SIGTERM

    def __init__(self, *arguments, **options):
        super().__init__(port=free_port(), **options)
        self.arguments = list(map(str, arguments))
        self.url = f"http://127.0.0.1:{self.port}"
        self.said = ""

    @property
    def recording(self):
        return self.directory / "whywait.db"

    def prepare(self):
        self.argv = [WHYWAIT, "serve", "-o", str(self.recording), "--listen", f"127.0.0.1:{self.port}", *self.arguments]

    def is_ready(self):
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(self, path, headers=None):
        request = urllib.request.Request(self.url + path, headers=headers or {})
        try:
            with _direct.open(request, timeout=10) as response:
                return response.status, response.headers, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def api(self, name, **parameters):
        status, _, text = self.get(f"/api/v1/{name}?{urllib.parse.urlencode(parameters)}")
        if status != 200:
            raise RuntimeError(f"{name}: status {status}: {text}")
        return json.loads(text)

    def log(self):
        return super().log() if self.directory else self.said

    def stop(self):
        if self.directory and (self.directory / "log").exists():
            self.said = super().log()
        super().stop()
