# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of faults share: the modules of the other suites on the path, helpers in C, a service under load."""
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / name) for name in ("lib", "truth/apps", "bench", "../tools")]
from counts_load import Status, Wrk, losing  # noqa: E402  (the path comes first)

PATH = "/file/size/16/x"  # what wrk asks nginx for


@contextlib.contextmanager
def built(name, *flags):
    """The program, or the library, that tests/faults/NAME.c is built to, by its path; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="whywait-built-") as directory:
        program = pathlib.Path(directory, name)
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", *flags,
                        "-o", program, HERE / f"{name}.c"], check=True)
        yield program


class Served:
    """wrk against an nginx as long as the `with` block lasts: what each of them counted, and that no error was among it."""

    def __init__(self, site, connections=64):
        self.status = Status(site)
        self.site = site
        self.wrk = Wrk(site.port, PATH, connections)
        self.requests = 0  # that nginx served meanwhile

    def __enter__(self):
        self.before = self.status.served()
        self.wrk.__enter__()
        return self

    def __exit__(self, *error):
        self.wrk.__exit__(*error)
        end = time.monotonic() + 5
        while self.status.busy() and time.monotonic() < end:
            time.sleep(0.05)
        self.requests = self.status.served() - self.before

    def unharmed(self, tap, name):
        tap.check(f"{name}: the service did not notice: {self.wrk.counted} responses, no error",
                  self.wrk.counted > 0 and not self.wrk.errors, self.wrk.errors)
        errors = self.site.service.errors()
        tap.check(f"{name}: nginx logged no error", not errors, "\n".join(errors[:5]))


def lost(report):
    """Requests, or parts of them, that the losses of a report count."""
    return sum(losing(report["losses"]).values())


def recorded(report):
    """Requests that a report counts, but for those that asked nginx for its own count."""
    return sum(endpoint["requests"] for endpoint in report["endpoints"] if endpoint["route"] != "/")
