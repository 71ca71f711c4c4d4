# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of failures share: how a command is to fail, a server under load, a small file system."""
import contextlib
import os
import pathlib
import subprocess
import tempfile
import threading
import time

from counts_client import Connection, Gone
from counts_ledger import Case

CRASHES = ("Assertion", "Segmentation", "core dumped", "Sanitizer", "libbpf:", "sqlite", "SQLITE")


def fails_well(tap, name, done, status, *mentions, command):
    """One line on stderr that begins with the command's name and has all `mentions`; nothing on stdout; the exit status."""
    lines = done.stderr.splitlines()
    wrong = []
    if done.returncode != status:
        wrong.append(f"exit status {done.returncode}, not {status}")
    if done.stdout:
        wrong.append(f"on stdout: {done.stdout[:200]!r}")
    if len(lines) != 1:
        wrong.append(f"{len(lines)} lines on stderr")
    elif not lines[0].startswith(f"whywait {command}: "):
        wrong.append("the line does not say who speaks")
    wrong += [f"does not mention {text!r}" for text in mentions if text not in done.stderr]
    wrong += [f"says {text!r}" for text in CRASHES if text in done.stderr]
    return tap.check(name, not wrong, "\n".join([*wrong, f"stderr: {done.stderr}"]))


@contextlib.contextmanager
def small_disk(size="1m"):
    """A directory on a file system of its own, of so few bytes."""
    with tempfile.TemporaryDirectory(prefix="whywait-disk-") as directory:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "whywait-test", directory], check=True)
        try:
            yield pathlib.Path(directory)
        finally:
            subprocess.run(["umount", "-l", directory], check=True)


class Load(threading.Thread):
    """A client that sends as fast as it is answered; knows when each response had come."""

    def __init__(self, address, name="load", pause=0.0):
        super().__init__(daemon=True)
        self.case = Case(name)
        self.address = address
        self.pause = pause
        self.times = {}  # path: CLOCK_MONOTONIC when its response was whole
        self.failed = []
        self.ended = threading.Event()

    def run(self):
        with Connection(self.address) as connection:
            while not self.ended.is_set():
                exchange, data = self.case.prepare("size", 16)
                try:
                    connection.send(data)
                    connection.reply()
                except (OSError, Gone) as error:
                    self.failed.append(repr(error))
                    return
                self.times[exchange.path] = time.monotonic()
                if self.pause:
                    time.sleep(self.pause)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def readable_by_all(path):
    """A copy of a program, in a directory that others may enter; removed with the object returned."""
    directory = tempfile.TemporaryDirectory(prefix="whywait-program-")
    os.chmod(directory.name, 0o755)
    copy = pathlib.Path(directory.name) / "whywait"
    copy.write_bytes(pathlib.Path(path).read_bytes())
    copy.chmod(0o755)
    return directory, str(copy)
