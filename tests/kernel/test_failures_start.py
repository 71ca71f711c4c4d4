#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record` that can't start, or whose processes end: one line, the right exit status, and nothing is left behind."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "truth" / "apps"))
from counts_client import Connection, exchange, head, wait_until_listening  # noqa: E402  (the path comes first)
from counts_failures import fails_well, readable_by_all, small_disk  # noqa: E402
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import HERE, free_port, start_threading, wait_until  # noqa: E402
from services import descendants  # noqa: E402
from whywait import WHYWAIT, run  # noqa: E402

THREADING = str(HERE / "counts_threading.py")


def without_privilege(tap, directory):
    """Neither as another user nor as a root without capabilities."""
    program, copy = readable_by_all(WHYWAIT)
    ways = {
        "nobody": ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"],
        "root without capabilities": ["setpriv", "--bounding-set=-all", "--inh-caps=-all"],
    }
    with program:
        for who, prefix in ways.items():
            for command in ("record", "top"):
                output = directory / f"{who.split()[0]}-{command}.db"
                arguments = ["-d", "1", "-o", str(output)] if command == "record" else ["-n", "1"]
                done = subprocess.run([*prefix, copy, command, *arguments], capture_output=True, text=True, check=False,
                                      timeout=20, cwd=directory)
                fails_well(tap, f"{command} as {who}", done, 3, "root", command=command)
                tap.check(f"{command} as {who} leaves no recording", not output.exists())


def wrong_usage(tap, directory):
    output = directory / "usage.db"
    gone = subprocess.Popen(["true"])
    gone.wait()
    for name, mentions, arguments in (
            ("a process that does not exist", [str(gone.pid)], ["--pid", gone.pid]),
            ("a process that does not exist among others", [str(gone.pid)], ["--pid", f"{os.getpid()},{gone.pid}"]),
            ("a pid that is no number", ["abc"], ["--pid", "abc"]),
            ("a negative pid", ["-5"], ["--pid=-5"]),
            ("a port beyond the last", ["70000"], ["--port", "70000"]),
            ("port 0", ["0"], ["--port", "0"]),
            ("a duration that is none", ["soon"], ["-d", "soon"]),
            ("a cgroup that does not exist", ["/no/such"], ["--cgroup", "/no/such"]),
            ("an option that does not exist", ["--prot"], ["--prot", "80"]),
            ("a command that does not exist", ["/no/such/server"], ["--", "/no/such/server"]),
            ("--keep what", ["most"], ["--keep", "most"]),
            ("no rings", ["ring"], ["--ring", "5000"])):
        done = run("record", "-o", output, *arguments, check=False)
        fails_well(tap, f"record with {name}", done, 2, *mentions, command="record")
        tap.check(f"record with {name} leaves no recording", not output.exists())


def unwritable(tap, directory):
    text = directory / "notes.txt"
    text.write_text("keep me")
    with small_disk() as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        for name, path, mention in (("a directory that is not there", directory / "no" / "such.db", "No such file"),
                                    ("a directory in the file's place", directory, str(directory)),
                                    ("a file system that is read-only", disk / "x.db", "ead-only"),
                                    ("a file that is no recording", text, str(text))):
            done = run("record", "-d", "1", "-o", path, check=False)
            fails_well(tap, f"record into {name}", done, 2, str(path), mention, command="record")
    tap.check("a file that is no recording is left alone", text.read_text() == "keep me")
    with Record("--pid", os.getpid(), path=directory / "busy.db"):
        fails_well(tap, "record into a file that another is recording into",
                   run("record", "-d", "1", "-o", directory / "busy.db", check=False), 2, "busy.db", command="record")


def ended(pid):
    """Whether a child of this process has ended; it stays to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def process_that_ends(tap):
    """`record` ends by itself with the last of its processes; what they answered is there."""
    ledger = Ledger()
    case = ledger.case("ends")
    site = start_threading()
    record = Record("--pid", site.service.pid)
    with record:
        with Connection(site.ipv4) as connection:
            for _ in range(50):
                case.request(connection, "size", 16)
        site.stop()
        wait_until(lambda: ended(record.pid), 5, "record to end after its process")
    record.check(tap)
    ledger.compare(tap, record.requests)


@contextlib.contextmanager
def recording_of(path, port, *arguments):
    """(whywait record, the pid of the server that it has started); both are gone afterwards."""
    recorder = subprocess.Popen([WHYWAIT, "record", "-o", str(path), *arguments, "--", THREADING, f"127.0.0.1:{port}"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    children = []
    try:
        wait_until_listening(("127.0.0.1", port))
        children += descendants(recorder.pid)
        yield recorder, children[0]
    finally:
        recorder.kill()
        recorder.communicate()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def own_command(tap, directory):
    """record -- COMMAND starts it, observes it from its first request on, and ends with it."""
    path = directory / "command.db"
    port = free_port()
    with recording_of(path, port, "--keep", "all") as (recorder, child):
        for number in range(30):
            exchange(("127.0.0.1", port), head("GET", f"/own/size/16/{number}"))
        os.kill(child, signal.SIGTERM)
        _, stderr = recorder.communicate(timeout=10)
        tap.check("record ends with its command", recorder.returncode == 0, f"{recorder.returncode} {stderr}")
    lines = run("requests", path, "--format", "json").stdout.splitlines()
    tap.check("its command's requests are there", len(lines) == 30, len(lines))

    with recording_of(path, free_port()) as (recorder, child):
        recorder.send_signal(signal.SIGINT)
        _, stderr = recorder.communicate(timeout=10)
        tap.check("Ctrl-C ends record with status 0", recorder.returncode == 0, f"{recorder.returncode} {stderr}")
        time.sleep(0.3)
        tap.check("and its command with it", not os.path.exists(f"/proc/{child}"))


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="whywait-start-") as name:
        directory = pathlib.Path(name)
        directory.chmod(0o777)
        tap.run("privilege", without_privilege, tap, directory)
        tap.run("usage", wrong_usage, tap, directory)
        tap.run("unwritable", unwritable, tap, directory)
        tap.run("a process that ends", process_that_ends, tap)
        tap.run("a command of its own", own_command, tap, directory)
    tap.done()


main()
