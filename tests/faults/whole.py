# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Every command of a whywait that is watched by something, on real servers under load: `runs(tap, argv, complains)`."""
import os
import pathlib
import signal
import subprocess
import tempfile
import threading
import time

import faults  # noqa: F401  (it sets the path)
from counts_client import Connection, Gone, head
from counts_load import Wrk
from counts_servers import start_aiohttp, start_gunicorn, start_nginx, start_node

READERS = [("report",), ("report", "--format", "json"), ("report", "--format", "csv"), ("report", "--format", "csv", "--interval", "10"),
           ("report", "--endpoint", "GET /w*"), ("requests",), ("requests", "--slowest", "5", "--format", "json"),
           ("requests", "--format", "csv"), ("whatif", "--compute", "10x")]
PATHS = ("/w/size/16/1", "/w/sleep/20/2", "/w/burn/2/3", "/w/size/100000/4", "/w/status/404/5", "/w/status/500/6", "/w/size/16/%ff%00/7",
         "/w/words/are/values?secret=1")


class Mix(threading.Thread):
    """A client of a server until it is told to end: requests of all sorts, one after the other; some end in the middle."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.answered, self.ended = address, 0, threading.Event()

    def run(self):
        number = 0
        while not self.ended.wait(0.01):
            number += 1
            try:
                with Connection(self.address) as connection:
                    if number % 11 == 0:
                        connection.send(b"\x16\x03\x01\x02\x00 no HTTP\r\n\r\n")
                        continue
                    connection.send(head("GET", f"{PATHS[number % len(PATHS)]}{'x' * (number % 300)}"))
                    if number % 7:
                        connection.reply()
                        self.answered += 1
            except (OSError, Gone):
                continue


def run(tap, argv, arguments, complains, status=(0,), timeout=120):
    done = subprocess.run([*argv, *arguments], capture_output=True, text=True, errors="replace", check=False, timeout=timeout,
                          env={**os.environ, "COLUMNS": "100"})
    complaint = complains(done.stderr)
    tap.check(f"{' '.join(arguments[:3])}: nothing to complain of", done.returncode in status and not complaint,
              f"status {done.returncode}: {complaint or done.stderr[-1500:]}")
    return done


def runs(tap, argv, complains, seconds, start_s):
    """`argv` begins the commands, `complains(stderr)` says what is wrong, observers take at most start_s seconds to start."""
    sites = [start_nginx(), start_gunicorn("gthread", workers=2), start_aiohttp(), start_node()]
    clients = [Mix(site.ipv4) for site in sites]
    ports = ",".join(str(site.port) for site in sites)
    try:
        with tempfile.TemporaryDirectory(prefix="whywait-watched-") as name, Wrk(sites[0].port, "/file/size/16/x", 8):
            for client in clients:
                client.start()
            path = str(pathlib.Path(name, "watched.db"))
            said = pathlib.Path(name, "stderr")
            with open(said, "w", encoding="utf-8") as stderr:
                recorder = subprocess.Popen([*argv, "record", "-o", path, "--port", ports], stderr=stderr, stdout=subprocess.DEVNULL)
            end = time.monotonic() + start_s
            while "whywait: observing" not in said.read_text() and recorder.poll() is None and time.monotonic() < end:
                time.sleep(0.1)
            time.sleep(seconds)
            run(tap, argv, ("report", path), complains)  # while it is written
            recorder.send_signal(signal.SIGINT)
            status, text = recorder.wait(timeout=start_s + 60), said.read_text()
            tap.check("record: nothing to complain of", status == 0 and not complains(text) and "recorded" in text,
                      f"status {status}: {complains(text) or text[-1500:]}")
            for reader in READERS:
                done = run(tap, argv, (reader[0], path, *reader[1:]), complains)
                tap.check(f"{' '.join(reader)}: there is something", done.stdout)
            run(tap, argv, ("top", "--port", ports, "-i", "1", "-n", "3"), complains)
            run(tap, argv, ("doctor",), complains, (0, 1))
            run(tap, argv, ("record", "-o", name, "-d", "1"), complains, (2,))
            run(tap, argv, ("report", f"{name}/none.db"), complains, (2,))
            run(tap, argv, ("--help",), complains)
            run(tap, argv, ("record", "--help=man"), complains)
        for client in clients:
            client.ended.set()
        for client in clients:
            client.join()
        tap.check("the servers were asked", all(client.answered for client in clients), [client.answered for client in clients])
    finally:
        for site in sites:
            site.stop()
