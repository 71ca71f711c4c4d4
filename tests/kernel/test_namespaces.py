#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record` in a pid namespace of its own, as in a container: it warns, and takes no process for dead, nor for another, whose id means
something else there."""
import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "truth" / "apps"))
from counts_client import exchange, head  # noqa: E402  (the path comes first)
from counts_run import Record, Tap  # noqa: E402
from counts_servers import start_threading  # noqa: E402
import whywait  # noqa: E402

SLOW_MS = 7500  # a request that was not charged for so long is looked at by the sweep

INSIDE = """#!/usr/bin/python3
import ctypes, os, signal, sys
CLONE_NEWNS, CLONE_NEWPID = 0x20000, 0x20000000
if ctypes.CDLL(None).unshare(CLONE_NEWPID | CLONE_NEWNS):
    sys.exit("unshare failed")
child = os.fork()
if not child:
    os.execvp("sh", ["sh", "-c", 'mount --make-rprivate / && mount -t proc proc /proc && exec "$@"', "sh", {!r}, *sys.argv[1:]])
signal.signal(signal.SIGINT, lambda *_: os.kill(child, signal.SIGINT))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def wrapper(directory):
    """A whywait that is the first process of a pid namespace."""
    path = pathlib.Path(directory, "whywait-inside")
    path.write_text(INSIDE.format(whywait.WHYWAIT))
    path.chmod(0o755)
    return path


def slow_request(tap, site):
    with Record("--port", site.port) as record:
        asking = threading.Thread(target=exchange, args=(site.ipv4, head("GET", f"/slow/sleep/{SLOW_MS}/1")))
        asking.start()
        asking.join()
        time.sleep(0.2)
    record.check(tap)
    request = record.requests[0]
    tap.check("a request that takes long is not ended before", request["wall_ns"] > SLOW_MS * 1e6 and not request["flags"], request)
    tap.check("its service has the name that the kernel has of its process", request["service"].startswith("python3"),
              request["service"])
    warnings = [line for line in record.stderr.splitlines() if "pid namespace" in line]
    tap.check("one line warns", len(warnings) == 1 and "--pid=host" in warnings[0], record.stderr)


def selected_by_pid(tap):
    done = whywait.run("record", "--pid", 1, "-d", 1, "-o", "/dev/null/none", check=False)
    tap.check("--pid says that it can't select", done.returncode == 3 and "pid namespace" in done.stderr,
              f"{done.returncode}: {done.stderr}")


def main():
    tap = Tap()
    site = start_threading()
    with tempfile.TemporaryDirectory() as directory:
        inside = wrapper(directory)
        outside, whywait.WHYWAIT = whywait.WHYWAIT, str(inside)
        try:
            tap.run("slow request", slow_request, tap, site)
            tap.run("by pid", selected_by_pid, tap)
        finally:
            whywait.WHYWAIT = outside
            site.stop()
    tap.done()


main()
