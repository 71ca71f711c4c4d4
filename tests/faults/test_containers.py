#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Servers in containers, with pid, net and mount namespaces of their own: named by what the host calls their processes, and told apart
although they listen on the same address."""
import concurrent.futures
import ctypes
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from faults import HERE  # noqa: E402  (the path comes first)
from counts_client import Connection  # noqa: E402
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from services import PYTHON, Server, descendants, free_port  # noqa: E402

APPS = HERE.parent / "truth" / "apps"
REQUESTS = 10
CLIENTS = 3
SLEEP_MS = 30
LATE_MS = 100  # by which this machine may be late; a loop is also woken for others meanwhile
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def enter_network(pid):
    """Moves the calling thread into the network namespace of a process."""
    with open(f"/proc/{pid}/ns/net", "rb") as namespace:
        if LIBC.setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


class Container(Server):
    """A server whose /proc, loopback and interpreter are its own: that lies on a file system that nobody else has mounted."""

    name = "container"
    stop_signal = signal.SIGKILL  # unshare heeds no other; its first process goes with it, and all others with that

    def __init__(self, command, port):
        """`command` is the shell's; $PROGRAM is the interpreter."""
        super().__init__(port=port)
        self.command = command
        self.workers = concurrent.futures.ThreadPoolExecutor(1)

    def prepare(self):
        inside = (f"mount -t tmpfs own {self.directory} && cp {os.path.realpath(PYTHON)} {self.directory}/python3 && "
                  f"ip link set lo up && export PROGRAM={self.directory}/python3 && exec {self.command}")
        self.argv = ["unshare", "--pid", "--net", "--mount", "--fork", "--kill-child", "--mount-proc", "sh", "-c", inside]

    def log(self):
        return ""  # what it wrote is below the file system

    def is_ready(self):
        """Once its first process has become the server, a thread is in its network."""
        first = descendants(self.pid)
        if not first or "python3" not in os.path.basename(os.readlink(f"/proc/{first[0]}/exe")):
            return False
        if getattr(self, "entered", None) != first[0]:
            self.workers.submit(enter_network, first[0]).result()
            self.entered = first[0]
        return self.do(self._listens)

    def _listens(self):
        try:
            Connection(("127.0.0.1", self.port)).close()
            return True
        except OSError:
            return False

    def do(self, work, *arguments):
        """In its network; what work() returns."""
        return self.workers.submit(work, *arguments).result()

    def stop(self):
        super().stop()
        self.workers.shutdown()


def ask(cases, port):
    """A client a case, all at once; threads are in the network of the one that starts them."""
    def client(case):
        for _ in range(REQUESTS):
            case.once(("127.0.0.1", port), "size", 16)
            exchange, _ = case.once(("127.0.0.1", port), "sleep", SLEEP_MS)
            exchange.expectations.append(("it slept as long as it meant to",
                                          lambda r: SLEEP_MS / 2 < r["kinds_ns"]["sleep"] / 1e6 < SLEEP_MS + LATE_MS))

    with concurrent.futures.ThreadPoolExecutor(len(cases)) as clients:
        list(clients.map(client, cases))


def pid_inside(case, port):
    exchange, data = case.prepare("pid")
    with Connection(("127.0.0.1", port)) as connection:
        connection.send(data)
        reply = connection.reply(body=False)
        length = int(reply.headers["content-length"])
        text = connection.take(length)
    exchange.status, exchange.bytes_out = reply.status, reply.received + length
    return int(text)


def main():
    tap = Tap()
    ledger = Ledger()
    port = free_port()
    threads = Container(f'"$PROGRAM" {APPS / "counts_threading.py"} 127.0.0.1:{port}', port)
    loop = Container(f'"$PROGRAM" {APPS / "counts_aiohttp.py"} 127.0.0.1:{port}', port)
    workers = Container(f'"$PROGRAM" -m gunicorn --chdir {APPS} --worker-tmp-dir /dev/shm -w 2 -b 127.0.0.1:{port} counts_wsgi:app', port)
    names = {"threads": threads, "loop": loop, "workers": workers}
    hosts = {}
    try:
        with Record("--port", port) as record:
            for name, container in names.items():
                container.start()
                hosts[name] = set(descendants(container.pid))
            time.sleep(0.5)
            hosts["workers"] = set(descendants(workers.pid))
            inside = workers.do(pid_inside, ledger.case("inside"), port)
            cases = {name: [ledger.case(f"{name}-{number}") for number in range(CLIENTS)] for name in names}
            asked = [container.workers.submit(ask, cases[name], port) for name, container in names.items()]
            for one in asked:
                one.result()
            time.sleep(1.2)  # so that the services' memory has been looked at
    finally:
        for container in names.values():
            container.stop()
    record.check(tap)
    ledger.compare(tap, record.requests)
    services = {}
    for name in names:
        mine = [request for request in record.requests if request["path"].startswith(f"/{name}-")]
        pids = {request["pid"] for request in mine}
        services[name] = {request["service"] for request in mine}
        tap.check(f"{name}: {len(mine)} requests have the host's process ids", mine and pids <= hosts[name],
                  f"{pids} recorded, {hosts[name]} are in the container")
        tap.check(f"{name}: it is one service, by the name of its program", len(services[name]) == 1 and
                  all(service.split(":")[0] in ("counts_threading.py", "counts_aiohttp.py", "gunicorn") for service in services[name]),
                  services[name])
        wrong = [request for request in mine if request["attribution"] == "ambiguous"]
        tap.check(f"{name}: whose its time was could be told", not wrong, wrong[:2])
    tap.check("containers on the same address are services of their own", len(set.union(*services.values())) == 3, services)
    tap.check(f"inside, it calls itself {inside}", inside not in hosts["workers"] and inside < 100, (inside, hosts))
    known = {service["service"]: service for service in record.report["services"]}
    wrong = [name for name, mine in services.items()
             if not all(known.get(service, {"rss_bytes": {"peak": 0}})["rss_bytes"]["peak"] > 1 << 20 for service in mine)]
    tap.check("their memory was found", not wrong, f"{wrong}: {record.report['services']}")
    tap.done()


main()
