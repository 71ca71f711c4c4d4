#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""System calls that fail, are interrupted, or do less than they were asked to: reading a recording gives the same, or one line that says
why not; recording goes on, or ends with such a line, and what it had written can be read. strace makes them fail; it is asked for those
on the recording's files only, and for some that observing begins with."""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
import faults  # noqa: E402,F401  (the path comes first)
from counts_failures import Load  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_node  # noqa: E402
from whywait import WHYWAIT, sum_error  # noqa: E402

READERS = (("report", "--format", "json"), ("requests", "--format", "json"))
READING = ("openat", "read", "pread64", "newfstatat", "fcntl", "mmap", "lseek")
ERRORS = ("EINTR", "EIO", "EMFILE", "ENOMEM", "EACCES")
WRITING = (("pwrite64", "EINTR"), ("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("fdatasync", "EIO"), ("ftruncate", "EIO"),
           ("openat", "EMFILE"), ("mmap", "ENOMEM"), ("fcntl", "ENOLCK"), ("pread64", "EIO"))
FILES = (3, 4, 6, 9, 14, 25, 50, 90)  # that may be open
ONE_LINE = re.compile(r"whywait [a-z]+: [^\n]+\n")


def strace(calls, path, inject, *command, check=True):
    """Runs whywait with an `inject` of strace's; with a path: for calls on this recording's files."""
    paths = [word for end in ("", "-wal", "-shm") for word in ("-P", f"{path}{end}")] if path else []
    log = tempfile.NamedTemporaryFile(prefix="whywait-strace-")  # noqa: SIM115  (closed below)
    with log:
        done = subprocess.run(["strace", "-qq", "-o", log.name, *paths, "-e", f"trace={calls}",
                               *(["-e", f"inject={calls}:{inject}"] if inject else []), WHYWAIT, *map(str, command)],
                              capture_output=True, text=True, errors="replace", check=False, timeout=60)
        made = len(log.read().splitlines())
    if check and done.returncode not in (0, 1, 2, 3):
        raise AssertionError(f"{calls}:{inject}: status {done.returncode}: {done.stderr}")
    return done, made


def fails_well(done):
    return done.returncode in (2, 3) and bool(ONE_LINE.fullmatch(done.stderr))


def reading(tap, path):
    for reader in READERS:
        command = (reader[0], path, *reader[1:])
        wrong, runs, failed = [], 0, 0
        for call in READING:
            good, made = strace(call, path, None, *command)
            for number in range(1, made + 1):
                error = ERRORS[(number + len(call)) % len(ERRORS)]
                # Whoever is interrupted tries again.
                for inject in (f"error={error}:when={number}", f"error={error}:when={number}+{'2' if error == 'EINTR' else ''}"):
                    done, _ = strace(call, path, inject, *command, check=False)
                    runs += 1
                    failed += done.returncode != 0
                    same = done.returncode == 0 and done.stdout == good.stdout and not done.stderr
                    if not same and not fails_well(done):
                        wrong.append(f"{call}:{inject}: status {done.returncode}: {done.stderr[-300:]!r}")
        tap.check(f"{' '.join(reader)}: each of {runs} failures is survived or said ({failed})", runs > 20 and not wrong, "\n".join(wrong[:10]))
        tap.check(f"{' '.join(reader)}: provoked", failed)


def short_output(tap, path):
    """Standard output that takes little at a time, or nothing any more."""
    whole = subprocess.run([WHYWAIT, "requests", path, "--format", "json"], capture_output=True, check=True).stdout
    done, _ = strace("write", None, "error=EINTR:when=1+2", "requests", path, "--format", "json")
    tap.check("output that is interrupted is whole, or said not to be", done.stdout.encode() == whole or fails_well(done), done.stderr[-300:])
    with open("/dev/full", "wb") as full:
        done = subprocess.run([WHYWAIT, "report", path], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    tap.check("output that does not fit is said", done.returncode == 2 and "No space left" in done.stderr and
              len(done.stderr.splitlines()) == 1, f"{done.returncode}: {done.stderr}")


def recording(tap, site, directory):
    for call, error in WRITING:
        path = directory / f"{call}-{error}.db"
        when = random.choice(("when=9", "when=15..17", "when=20+3", "when=12+" if error != "EINTR" else "when=12+2"))
        name = f"record, {call} {error} {when}"
        with Load(site.ipv4, pause=0.002) as load:
            done, _ = strace(call, path, f"error={error}:{when}", "record", "-o", path, "--keep", "all", "-d", "2.5", "--pid",
                             ",".join(map(str, site.pids)), check=False)
        lines = [line for line in done.stderr.splitlines() if line.startswith("whywait record:")]
        tap.check(f"{name}: it goes on, or says why not", (done.returncode == 0 and not lines) or
                  (done.returncode in (2, 3) and len(lines) == 1), f"{done.returncode}: {done.stderr}")
        tap.check(f"{name}: the server did not notice", load.times and not load.failed, load.failed)
        if "observing" not in done.stderr:
            continue
        report = subprocess.run([WHYWAIT, "report", path, "--format", "json"], capture_output=True, text=True, check=False)
        requests = subprocess.run([WHYWAIT, "requests", path, "--format", "json"], capture_output=True, text=True, check=False)
        if not tap.check(f"{name}: what it wrote can be read", report.returncode == 0 and requests.returncode == 0,
                         report.stderr + requests.stderr):
            continue
        report, requests = json.loads(report.stdout), [json.loads(line) for line in requests.stdout.splitlines()]
        counted = sum(endpoint["requests"] for endpoint in report["endpoints"])
        said = re.search(r"recorded (\d+) requests", done.stderr)
        wrong = [text for request in requests if (text := sum_error(request["kinds_ns"], request["wall_ns"]))]
        lost = sum(report["losses"].get(cause, 0) for cause in ("recording_not_written", "requests_not_kept"))
        tap.check(f"{name}: {counted} counted, {len(requests)} kept, {lost} lost", counted == len(requests) + lost or lost or
                  done.returncode, report["losses"])
        tap.check(f"{name}: what it said it recorded is there", not said or done.returncode or int(said[1]) == counted + lost,
                  f"{done.stderr[-300:]}: {counted} are there, {report['losses']}")
        tap.check(f"{name}: each is whole", not wrong, wrong[:3])


def beginning(tap, directory):
    wrong = []
    for files in FILES:
        done = subprocess.run(["prlimit", f"--nofile={files}", WHYWAIT, "record", "-o", str(directory / "few.db"), "-d", "1", "--port", "1"],
                              capture_output=True, text=True, check=False, timeout=60)
        started = "observing" in done.stderr and done.returncode == 0
        loader = done.returncode == 127 and files < 5  # no library can be opened
        if not (started or loader or fails_well(done)):
            wrong.append(f"{files} files: {done.returncode}: {done.stderr}")
    tap.check("too few files may be open: it starts, or says why not", not wrong, "\n".join(wrong))
    wrong, refused = [], 0
    _, made = strace("bpf", None, None, "record", "-o", directory / "all.db", "-d", "1", "--port", "1")
    for error in ("ENOMEM", "EPERM", "EINTR", "EMFILE", "E2BIG", "ENOSPC"):
        number = random.randrange(1, made)
        done, _ = strace("bpf", None, f"error={error}:when={number}", "record", "-o", directory / "bpf.db", "-d", "1", "--port", "1", check=False)
        refused += done.returncode == 3
        lines = [line for line in done.stderr.splitlines() if line.startswith("whywait record:")]
        if not (done.returncode == 0 or (done.returncode == 3 and len(lines) == 1)):
            wrong.append(f"call {number} of {made}, {error}: {done.returncode}: {done.stderr}")
    tap.check(f"bpf() fails: it starts, or says why not ({refused} of 6)", not wrong, "\n".join(wrong))


def interrupted(tap, site, directory):
    """Every other wait is interrupted."""
    path = directory / "interrupted.db"
    with Load(site.ipv4, pause=0.002) as load:
        done, _ = strace("epoll_wait,epoll_pwait,poll,ppoll", None, "error=EINTR:when=1+2", "record", "-o", path, "-d", "2.5", "--pid",
                         ",".join(map(str, site.pids)), check=False)
    tap.check("interrupted waits: it goes on", done.returncode == 0 and "nothing lost" in done.stderr and load.times, done.stderr)


def main():
    tap = Tap()
    if not shutil.which("strace"):
        tap.skip("system calls", "strace is not installed")
        tap.done()
    seed = int(os.environ.get("WHYWAIT_TEST_SEED", random.randrange(1 << 30)))
    tap.note(f"WHYWAIT_TEST_SEED={seed}")
    random.seed(seed)
    site = start_node()
    try:
        with tempfile.TemporaryDirectory(prefix="whywait-calls-", dir="/dev/shm") as name:
            directory = pathlib.Path(name)
            with Record("--pid", ",".join(map(str, site.pids)), path=directory / "sound.db"), Load(site.ipv4, pause=0.01) as load:
                while len(load.times) < 30:
                    pass
            tap.run("reading", reading, tap, directory / "sound.db")
            tap.run("short output", short_output, tap, directory / "sound.db")
            tap.run("recording", recording, tap, site, directory)
            tap.run("interrupted", interrupted, tap, site, directory)
            tap.run("beginning", beginning, tap, directory)
    finally:
        site.stop()
    tap.done()


main()
