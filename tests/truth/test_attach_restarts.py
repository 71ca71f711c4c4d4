#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Services that are restarted, reloaded and made daemons while they are observed: what their clients got answers to is recorded, each
request once and whole."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_client import wait_until_listening  # noqa: E402  (the path comes first)
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import HERE, free_port, wait_until  # noqa: E402
from counts_steady import Steady  # noqa: E402
from services import PYTHON, Gunicorn, Python, descendants  # noqa: E402
from whywait import WHYWAIT, run  # noqa: E402

CLIENTS = 4


@contextlib.contextmanager
def under_load(ledger, name, port):
    """Clients, half of which keep their connections."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Steady(ledger.case(f"{name}-{number}"), ("127.0.0.1", port), keep=number % 2 == 1))
               for number in range(CLIENTS)]


def restarted(tap, ledger, port):
    """Stopped and started again, three times, at once (SIGQUIT) and gracefully (SIGTERM)."""
    with under_load(ledger, "restarted", port) as clients:
        for stop_signal in (signal.SIGTERM, signal.SIGQUIT, signal.SIGTERM):
            server = Gunicorn("counts_wsgi:app", cwd=HERE, port=port, worker_class="gthread", threads=4)
            server.stop_signal = stop_signal
            with server:
                time.sleep(0.4)
    pids = set().union(*(client.pids for client in clients))
    tap.check("each of the three answered", len(pids) == 3, pids)
    tap.check("there were answers to every client", all(client.answered > 20 for client in clients),
              [client.answered for client in clients])


def reloaded(tap, ledger, port, worker_class):
    """HUP, three times: all workers anew, while the old ones end what they have begun."""
    with Gunicorn("counts_wsgi:app", cwd=HERE, port=port, worker_class=worker_class, workers=2,
                  threads=4 if worker_class == "gthread" else 1) as server:
        with under_load(ledger, f"reloaded-{worker_class}", port) as clients:
            time.sleep(0.3)
            for _ in range(3):
                before = set(server.worker_pids())
                os.kill(server.pid, signal.SIGHUP)
                wait_until(lambda old=before: not old & set(server.worker_pids()), 10, "the old workers' end")
                time.sleep(0.2)
    pids = set().union(*(client.pids for client in clients))
    tap.check(f"{worker_class}: workers of every generation answered", len(pids) >= 4, pids)
    if worker_class == "sync":
        failed = [text for client in clients for text in client.failed]
        tap.check("sync: no request failed", not failed, failed[:3])


def short_lived(ledger, port):
    """The first to answer is gone before it can be looked at; its successor is the same service all the same."""
    case = ledger.case("short-lived")
    for lives in (0, 0.5):
        with Python(HERE / "counts_threading.py", f"127.0.0.1:{port}", port=port) as server:
            case.once(("127.0.0.1", port), "size", 16)
            time.sleep(lives)
            os.kill(server.pid, signal.SIGKILL)


@contextlib.contextmanager
def daemon(port, delay=0.0):
    """A shell that becomes gunicorn, which makes itself a daemon: (the shell, a function that gives the daemon's pid)."""
    with tempfile.TemporaryDirectory(prefix="whywait-daemon-") as directory:
        pid_file = pathlib.Path(directory, "pid")

        def pid():
            with contextlib.suppress(OSError, ValueError):
                return int(pid_file.read_text())
            return None

        shell = subprocess.Popen(
            ["sh", "-c", f"sleep {delay}; exec {PYTHON} -m gunicorn --daemon --pid {pid_file} --worker-tmp-dir /dev/shm "
             f"--bind 127.0.0.1:{port} counts_wsgi:app"], cwd=HERE)
        try:
            yield shell, pid
        finally:
            shell.wait()
            processes = [pid(), *descendants(pid())] if pid() else []
            if processes:
                os.kill(processes[0], signal.SIGTERM)
                wait_until(lambda: not any(os.path.exists(f"/proc/{one}") for one in processes), 10, "the daemon's end")


def daemonized(tap, ledger, port):
    """The process that was started has ended when its grandchild serves."""
    case = ledger.case("daemonized")
    with daemon(port) as (shell, pid):
        wait_until_listening(("127.0.0.1", port))
        shell.wait()
        for _ in range(20):
            case.once(("127.0.0.1", port), "size", 16)
        tap.check("it is a daemon", pid() and pid() != shell.pid)


def by_pid(tap):
    """Selected by the process that was started: those that it starts are meant, too, also when it has ended."""
    ledger = Ledger()
    case = ledger.case("daemonized-by-pid")
    port = free_port()
    with daemon(port, delay=1.5) as (shell, pid):
        with Record("--pid", shell.pid) as record:
            wait_until_listening(("127.0.0.1", port))
            shell.wait()
            # Long enough for `record` to see that it has ended.
            time.sleep(0.5)
            for _ in range(20):
                case.once(("127.0.0.1", port), "size", 16)
            tap.check("record goes on while what the process has started does", not has_ended(record.pid))
            os.kill(pid(), signal.SIGTERM)
            wait_until(lambda: has_ended(record.pid), 10, "the end of `record`")
    record.check(tap)
    tap.check("record ends with the last of them, and says so", "every process of --pid has ended" in record.stderr, record.stderr)
    ledger.compare(tap, record.requests)


def has_ended(pid):
    """Also when nobody has waited for it yet."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def by_pid_of_its_own(tap):
    """Who started `record` is not waited for by it, when that waits for `record`."""
    with tempfile.TemporaryDirectory(prefix="whywait-own-") as directory:
        record = f"{WHYWAIT} record -d 30 -o {directory}/whywait.db"
        done = subprocess.run(["sh", "-c", f'sh -c "{record} --pid $$; true" & sleep 2'], stderr=subprocess.PIPE, text=True,
                              timeout=45, check=False)
    tap.check("record that was started by whom it observes ends with it", "every process of --pid has ended" in done.stderr,
              done.stderr)


def command(tap):
    """The command's end is the end, whoever goes on."""
    with tempfile.TemporaryDirectory(prefix="whywait-command-") as directory:
        done = run("record", "-d", "15", "-o", f"{directory}/whywait.db", "--", "sh", "-c",
                   f"sleep 20 >/dev/null 2>&1 & echo $! >{directory}/pid", check=False)
        pid = int(pathlib.Path(directory, "pid").read_text())
        os.kill(pid, signal.SIGTERM)  # fails where it has ended
    tap.check("record ends with its command, also when that leaves processes behind",
              done.returncode == 0 and "the command has ended" in done.stderr, done.stderr)


def main():
    tap = Tap()
    ledger = Ledger()
    ports = {name: free_port() for name in ("restarted", "sync", "gthread", "short-lived", "daemonized")}
    with Record("--port", ",".join(map(str, ports.values()))) as record:
        tap.run("restarted", restarted, tap, ledger, ports["restarted"])
        for worker_class in ("sync", "gthread"):
            tap.run("reloaded", reloaded, tap, ledger, ports[worker_class], worker_class)
        tap.run("short-lived", short_lived, ledger, ports["short-lived"])
        tap.run("daemonized", daemonized, tap, ledger, ports["daemonized"])
    record.check(tap)
    ledger.compare(tap, record.requests)
    for name in ("restarted", "reloaded-sync", "reloaded-gthread", "short-lived", "daemonized"):
        services = {request["service"] for request in record.requests if request["path"].startswith(f"/{name}")}
        tap.check(f"{name}: one service from beginning to end", len(services) == 1, services)
    tap.run("by pid", by_pid, tap)
    tap.run("by pid of its own", by_pid_of_its_own, tap)
    tap.run("command", command, tap)
    tap.done()


main()
