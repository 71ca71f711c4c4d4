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
            ("a command without --", ["put -- in front of a command"], ["true", "-d", "1"]),
            ("a command without -- in front of its own", ["put -- in front of a command"], ["shop", "--", "true"]),
            ("options that exclude each other", ["--promises", "--no-collectors"], ["--promises", "--no-collectors"]),
            ("-- and no command", ["missing behind --"], ["-d", "1", "--"]),
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


def earlier(tap, directory):
    """An earlier recording is moved to FILE.old, but over nothing that is no recording; and that is said."""
    path, old = directory / "earlier.db", directory / "earlier.db.old"
    run("record", "-d", "0.2", "-o", path)
    recording = path.read_bytes()
    old.write_text("keep me")
    done = run("record", "-d", "0.2", "-o", path, check=False)
    fails_well(tap, "record where FILE.old is no recording", done, 2, str(old), command="record")
    tap.check("it touches neither", old.exists() and old.read_bytes() == b"keep me" and path.read_bytes() == recording)
    old.unlink()
    for times in ("the first time", "over an earlier one"):
        done = run("record", "-d", "0.2", "-o", path, check=False)
        tap.check(f"FILE is moved to FILE.old, and that is said: {times}",
                  done.returncode == 0 and f"whywait: moved {path} to {old}\n" in done.stderr, done.stderr)
    moved = path.read_bytes()
    done = run("record", "-d", "0.2", "-o", path, "--replace", check=False)
    tap.check("--replace moves nothing", done.returncode == 0 and "moved" not in done.stderr and path.read_bytes() != moved
              and old.read_bytes() != moved, done.stderr)


def hung_up(tap, directory):
    """SIGHUP ends a recording as SIGTERM does, but not below nohup."""
    with Record("--pid", os.getpid()) as record:
        os.kill(record.pid, signal.SIGHUP)
        wait_until(lambda: ended(record.pid), 5, "record to end after SIGHUP")
    tap.check("SIGHUP ends record with status 0", record.status == 0 and "recorded 0 requests" in record.stderr,
              f"{record.status} {record.stderr}")
    recorder = subprocess.Popen(["nohup", WHYWAIT, "record", "-d", "3", "-o", str(directory / "nohup.db")],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    first = recorder.stderr.readline()
    recorder.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    tap.check("SIGHUP below nohup does not end it", recorder.poll() is None, first)
    recorder.send_signal(signal.SIGINT)
    recorder.communicate(timeout=10)


def reader_gone(tap, directory):
    """`record` outlives whoever reads its standard error; `report` and `top` end with the reader of what they print."""
    path, status = directory / "gone.db", directory / "status"
    recorder = subprocess.Popen([WHYWAIT, "record", "-o", str(path), "--", "/bin/sh", "-c",
                                 f"cat /proc/self/status > {status}; exec sleep 60"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    recorder.stderr.readline()
    recorder.stderr.close()
    wait_until(lambda: status.exists() and "SigIgn" in status.read_text(), 5, "the command to start")
    recorder.send_signal(signal.SIGINT)
    tap.check("record ends well without a reader of its standard error", recorder.wait(timeout=10) == 0, recorder.returncode)
    ignored = int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigIgn")), 16)
    tap.check("its command does not ignore SIGPIPE", not ignored >> (signal.SIGPIPE - 1) & 1, hex(ignored))
    for arguments in (("report", path), ("top", "-i", "0.2")):
        reader, writer = os.pipe()
        os.close(reader)
        process = subprocess.Popen([WHYWAIT, *map(str, arguments)], stdout=writer, stderr=subprocess.DEVNULL)
        os.close(writer)
        try:
            status = process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            status = None
            process.kill()
            process.wait()
        tap.check(f"{arguments[0]} ends with the reader of its output", status in (-signal.SIGPIPE, 2), status)


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
        tap.run("an earlier recording", earlier, tap, directory)
        tap.run("a hang-up", hung_up, tap, directory)
        tap.run("a reader that is gone", reader_gone, tap, directory)
        tap.run("a process that ends", process_that_ends, tap)
        tap.run("a command of its own", own_command, tap, directory)
    tap.done()


main()
