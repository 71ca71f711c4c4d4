#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Names that a request looks up are operations of it: gunicorn, the C library's resolver, and a real dnsmasq on port 53 of a loopback
address. The server sees a resolv.conf of its own, which names that address."""
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tools"), str(ROOT / "tests/truth")]
from ledgers_truth import check, fetch  # noqa: E402
from services import Gunicorn, Server  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

ADDRESS = "127.53.7.1"
tap = Tap()


class Dnsmasq(Server):
    name = "dnsmasq"

    def prepare(self):
        self.argv = ["/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
                     f"--listen-address={ADDRESS}", "--port=53", "--user=root", "--group=root", "--pid-file=", "--log-facility=-",
                     "--address=/db.internal/10.1.2.3", "--address=/db.internal/fd00::1", "--local=/internal/"]

    def is_ready(self):
        return "started, version" in self.log()


class Resolving(Gunicorn):
    """Its mounts are its own, so that it has another resolv.conf than the machine."""

    def prepare(self):
        super().prepare()
        (self.directory / "resolv.conf").write_text(f"nameserver {ADDRESS}\noptions timeout:2 attempts:1\n")
        self.argv = ["unshare", "--mount", "sh", "-c", f'mount --bind {self.directory}/resolv.conf /etc/resolv.conf && exec "$@"', "sh",
                     *self.argv]


def judge():
    with Dnsmasq(), Resolving("operations_dns:app", cwd=ROOT / "tests/truth/apps") as web:
        with Record("--port", web.port) as record:
            ledgers = {path: fetch(web.port, path) for number in range(5)
                       for path in (f"/one/{number}", f"/both/{number}", f"/missing/{number}")}
            time.sleep(0.2)
        record.check(tap)
        check(tap, "dns", record, ledgers)


tap.run("dns", judge)
tap.done()
