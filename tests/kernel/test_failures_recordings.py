#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`report` and `requests` on what is no sound recording: one line that says so, exit status 2, nothing on stdout."""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "truth" / "apps"))
from counts_client import Connection  # noqa: E402  (the path comes first)
from counts_failures import fails_well, readable_by_all  # noqa: E402
from counts_ledger import Case  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_threading  # noqa: E402
from whywait import WHYWAIT, run  # noqa: E402

READERS = (("report",), ("report", "--format", "json"), ("report", "--format", "csv"), ("requests",),
           ("requests", "--format", "json"))
REQUESTS = 2000


def recording(path, copy):
    """A sound recording, to be spoilt; `copy` is what a copy of FILE without its log is while it is recorded."""
    site = start_threading()
    try:
        with Record("--pid", site.service.pid, path=path) as record:
            case = Case("sound")
            with Connection(site.ipv4) as connection:
                for _ in range(REQUESTS):
                    case.request(connection, "size", 16)
            shutil.copy(path, copy)
        assert record.status == 0, record.stderr
    finally:
        site.stop()


def spoilt(sound, directory):
    """(what it is, path, what the line has to mention)"""
    data = sound.read_bytes()

    def write(name, content):
        path = directory / name
        path.write_bytes(content)
        return path

    yield "a file that is not there", directory / "missing.db", ["No such file"]
    yield "a directory", directory, []
    yield "an empty file", write("empty.db", b""), []
    yield "a text", write("text.db", b"This is no recording.\n" * 100), ["recording"]
    yield "zeros", write("zeros.db", bytes(100_000)), ["recording"]
    yield "an executable", pathlib.Path(WHYWAIT), ["recording"]
    other = sqlite3.connect(directory / "other.db")
    other.execute("CREATE TABLE t (a)")
    other.commit()
    other.close()
    yield "another database", directory / "other.db", ["recording"]
    for length in (10, 99, 100, 4095, 4096, 5000, len(data) // 2, len(data) - 4096, len(data) - 1):
        yield f"a recording cut to {length} of {len(data)} bytes", write(f"cut-{length}.db", data[:length]), []
    newer = write("newer.db", data)
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 1000")
    yield "a recording of a newer version", newer, ["newer"]
    # The header is whole, what follows is not.
    yield "a recording with its first table overwritten", write("over.db", data[:100] + b"\xa5" * 8000 + data[8100:]), []


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="whywait-spoilt-") as name:
        directory = pathlib.Path(name)
        sound = directory / "sound.db"
        copy = directory / "copy.db"
        recording(sound, copy)
        whole, copied = (json.loads(run("report", path, "--format", "json").stdout) for path in (sound, copy))
        tap.check("a copy without its log says since when it was recorded",
                  copied["window"]["start"] == whole["window"]["start"], copied["window"])
        tap.check("only what ended says so", whole.get("ended") is True and copied.get("ended") is False)
        note = "not ended: still recording, or cut short\n"
        tap.check("the table says what did not", note in run("report", copy).stdout and note not in run("report", sound).stdout)
        for arguments in READERS:
            done = run(*arguments, sound)
            tap.check(f"{' '.join(arguments)}: reads what is sound", done.returncode == 0 and done.stdout and not done.stderr,
                      done.stderr)
        for what, path, mentions in spoilt(sound, directory):
            for arguments in READERS:
                fails_well(tap, f"{' '.join(arguments)}: {what}", run(*arguments, path, check=False), 2, str(path), *mentions,
                           command=arguments[0])
        for command in ("report", "requests"):
            fails_well(tap, f"{command} without a file", run(command, check=False), 2, "FILE", command=command)
        # Without the right to read it: root has it always, so this takes another user.
        os.chmod(directory, 0o755)
        os.chmod(sound, 0o600)
        program, copy = readable_by_all(WHYWAIT)
        with program:
            for command in ("report", "requests"):
                done = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", copy, command, sound],
                                      capture_output=True, text=True, check=False)
                fails_well(tap, f"{command} without the right to read", done, 2, str(sound), "ermission", command=command)
    tap.done()


main()
