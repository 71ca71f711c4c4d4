#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The accounts of a Go server (net/http, database/sql, redigo, http.Client) are those that it keeps of itself."""
import os
import pathlib
import subprocess
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from side_by_side import STEPS, compare  # noqa: E402  (the path comes first)
from services import Server, free_port  # noqa: E402


class Go(Server):
    """A program of one file."""

    name = "go"

    def __init__(self, source, **options):
        super().__init__(**options)
        self.source = source

    def prepare(self):
        self.port = self.port or free_port()
        self.env |= {"PORT": str(self.port)}
        program = self.directory / "server"
        subprocess.run(["go", "build", "-o", program, self.source], check=True, cwd=self.directory,
                       env={**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                            "GOCACHE": os.environ.get("GOCACHE", "/tmp/go-build")})
        self.argv = [program]


parts = [int(argument) for argument in sys.argv[1:]] or [1, 8, 64]
steps = tuple(os.environ.get("STEPS", " ".join(STEPS)).split())
compare(lambda environment: Go(APPS / "go_server.go", env=environment), steps, parts)
