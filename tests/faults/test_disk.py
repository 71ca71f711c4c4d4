#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The recording's file system fills up, or becomes read-only as after an I/O error, under load: `record` says so and ends, what it wrote
before can be read, and the service does not notice."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import faults  # noqa: E402,F401  (the path comes first)
from counts_failures import Load  # noqa: E402
from counts_run import Tap  # noqa: E402
from counts_servers import start_node  # noqa: E402
from whywait import WHYWAIT, run, sum_error  # noqa: E402

LEAST_MIB = 4  # of an ext4


class NoDisk(Exception):
    """No file system can be made here."""


@contextlib.contextmanager
def disk(size_mib, block=4096):
    """A directory on an ext4 of its own, in a file; `block` is its unit in bytes."""
    with tempfile.TemporaryDirectory(prefix="whywait-disk-") as name:
        image, directory = pathlib.Path(name, "image"), pathlib.Path(name, "disk")
        directory.mkdir()
        with open(image, "wb") as file:
            file.truncate(size_mib << 20)
        for argv in (["mkfs.ext4", "-q", "-m", "0", "-b", str(block), "-O", "^has_journal", image],
                     ["mount", "-o", "loop,errors=remount-ro", image, directory]):
            try:
                done = subprocess.run(argv, capture_output=True, text=True, check=False)
            except FileNotFoundError as error:
                raise NoDisk(str(error)) from error
            if done.returncode:
                raise NoDisk(f"{argv[0]}: {done.stderr.strip()}")
        try:
            yield directory
        finally:
            subprocess.run(["umount", directory], check=True)


def record(tap, name, site, directory, keep, mentions, fault=None):
    """Runs it until it ends by itself, or ends it after a while; `fault(directory)` happens to its disk meanwhile."""
    path = directory / "fault.db"
    with Load(site.ipv4, pause=0.001) as load:
        recorder = subprocess.Popen([WHYWAIT, "record", "-o", str(path), "--keep", keep, "-d", "20", "--pid",
                                     ",".join(map(str, site.pids))], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if fault:
            time.sleep(3.5)
            fault(directory)
            broken = time.monotonic()
        _, stderr = recorder.communicate(timeout=40)
        ended = time.monotonic()
    errors = [line for line in stderr.splitlines() if str(path) in line]
    tap.check(f"{name}: exit status 2", recorder.returncode == 2, f"{recorder.returncode}: {stderr}")
    tap.check(f"{name}: one line says which file and why", len(errors) == 1 and mentions in errors[0].lower(), stderr)
    tap.check(f"{name}: the server did not notice: {len(load.times)} responses", load.times and not load.failed, load.failed)
    if fault:
        tap.check(f"{name}: it ends soon", ended - broken < 5, f"{ended - broken:.1f} s")
    return path, load


def whole(tap, name, path, least):
    report = json.loads(run("report", path, "--format", "json").stdout)
    requests = [json.loads(line) for line in run("requests", path, "--format", "json").stdout.splitlines()]
    counted = sum(endpoint["requests"] for endpoint in report["endpoints"])
    wrong = [error for request in requests if (error := sum_error(request["kinds_ns"], request["wall_ns"]))]
    tap.check(f"{name}: {counted} requests were recorded before", counted >= least and counted == len(requests),
              f"{counted} counted, {len(requests)} kept, at least {least}")
    tap.check(f"{name}: each is whole", not wrong, wrong[:5])


def fill(file):
    """Takes all the room that is left."""
    with open(file, "ab", buffering=0) as out:
        for size in (1 << 16, 1 << 10, 1):
            with contextlib.suppress(OSError):
                while True:
                    out.write(bytes(size))


def full(tap, site, block):
    name = f"full, blocks of {block}"
    with disk(LEAST_MIB, block) as directory:
        filler = directory / "filler"
        free = shutil.disk_usage(directory).free
        filler.write_bytes(bytes(max(0, free - (700 << 10))))
        path, _ = record(tap, name, site, directory, "all", "full")
        whole(tap, name, path, 100)
        # As a recorder that was killed leaves it: with its log, without the log's index, and hardly room for one.
        path.with_name("fault.db-shm").unlink(missing_ok=True)
        more = directory / "more"
        for spare in (0, 4 << 10, 20 << 10):
            fill(more)
            os.truncate(more, more.stat().st_size - spare)
            whole(tap, f"{name}, {spare} bytes free", path, 100)
            path.with_name("fault.db-shm").unlink(missing_ok=True)


def read_only(tap, site):
    def abort(directory):
        """As after an error: what is open for writing can't be written any more."""
        subprocess.run(["mount", "-o", "remount,abort", directory], check=True, capture_output=True)

    with disk(64) as directory, tempfile.TemporaryDirectory(prefix="whywait-copy-") as copy:
        path, load = record(tap, "read-only", site, directory, "all", "can't be written", abort)
        again = subprocess.run([WHYWAIT, "record", "-o", str(directory / "second.db"), "-d", "1", "--pid", str(site.pids[0])],
                               capture_output=True, text=True, check=False)
        tap.check("read-only: another one does not start", again.returncode == 2 and "second.db" in again.stderr and
                  len(again.stderr.splitlines()) <= 2, f"{again.returncode}: {again.stderr}")
        for file in directory.glob("fault.db*"):
            shutil.copy(file, copy)
        whole(tap, "read-only, copied", pathlib.Path(copy, path.name), len(load.times) // 20)


def main():
    tap = Tap()
    site = start_node()
    try:
        for name, test, *arguments in (("full", full, 4096), ("full", full, 1024), ("read-only", read_only)):
            try:
                test(tap, site, *arguments)
            except NoDisk as error:
                tap.skip(name, str(error))
    finally:
        site.stop()
    tap.done()


main()
