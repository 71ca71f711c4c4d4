# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What is checked on every kernel: doctor, load and attach, and a short truth test with real servers and a real PostgreSQL.

Run in a guest by init, or natively with $DSN and $UNIX_DSN of a running PostgreSQL. Prints lines as ../machine.py reads them.
"""
import contextlib
import json
import os
import pathlib
import pwd
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

BPFTOOL = "/usr/sbin/bpftool"
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tools")]
from services import PYTHON, Python, Server, Upstream, free_port  # noqa: E402  (the path comes first)
from whywait import WHYWAIT, Record, run, sum_error  # noqa: E402

PLANS = ("compute", "gc", "sleep", "disk", "db", "db-unix", "net", "lock", "ipc", "client", "queue")
LOOP_PLANS = ("loop-sleep", "loop-net", "loop-queue")
EACH = 6  # requests of each plan
SLOWEST = 10   # times that waits are made longer at the most
CLIENT_PAUSE = 0.2  # seconds, if it is not slow here, between a request's head and its body
MS = 1_000_000
# What a plan's operation takes at least, on the server's own clock, comes with its answer. What is measured around it is more
# than the wait by what the guest's slow CPU takes; nothing is to be more than the request's wall time.
LEAST = 0.8


def slowness():
    """How much slower than a quiet guest this machine is: a Python starts there in a second, on what does not emulate much faster."""
    began = time.monotonic()
    subprocess.run([PYTHON, "-c", "import http.server"], check=True)
    return min(SLOWEST, max(1, time.monotonic() - began))


SLOW = slowness()


def say(name, good, detail=""):
    detail = " ".join(str(detail).split())[:300]
    print(f"@result {'ok' if good else 'FAILED'} {name}: {detail if not good else ''}", flush=True)
    return good


def postgres(stack):
    """The DSNs of a PostgreSQL: the environment's, or that of the image."""
    if "DSN" in os.environ:
        return os.environ["DSN"], os.environ["UNIX_DSN"]
    program = pathlib.Path("/etc/postgres").read_text().strip()
    sockets = tempfile.mkdtemp()
    owner = pwd.getpwnam("postgres").pw_uid
    os.chown(sockets, owner, -1)
    server = Server([program, "-D", "/postgres", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={sockets}",
                     "-c", "jit=off", "-c", "autovacuum=off", "-c", "fsync=off"],
                    port=5432, user="postgres", timeout=120)
    stack.enter_context(server)
    tail = "port=5432 user=postgres dbname=postgres"
    return f"host=127.0.0.1 {tail}", f"host={sockets} {tail}"


def doctor():
    """Whether whywait can observe here."""
    done = run("doctor", "--format", "json", check=False)
    told = json.loads(done.stdout)
    print("@doctor " + json.dumps({row["name"]: [row["state"], row["found"]] for row in told["features"]
                                   if row["group"] == "kernel"}), flush=True)
    if say("loads and attaches", done.returncode == 0 and told["can_observe"], done.stderr):
        return True
    refused(["record", "-d", "1", "-o", "/tmp/refused.db"])
    return False


def on_request():
    """What is loaded on request only is taken, too."""
    for option, what in (("--exact-goroutines", "tells goroutines' states"), ("--promises", "follows promises")):
        record = ["record", option, "-d", "1", "-o", f"/tmp/{option}.db"]
        done = run(*record, check=False)
        if not say(f"loads what {what}", done.returncode == 0, done.stderr):
            refused(record)


def refused(command):
    """What the verifier has to say about it goes to the log."""
    done = subprocess.run([WHYWAIT, *command], env={**os.environ, "WHYWAIT_LIBBPF_DEBUG": "1"}, capture_output=True, text=True,
                          errors="replace", check=False)
    print("\n".join(done.stderr.splitlines()[-150:]), flush=True)


def get(connection, path, body, pause):
    """Sends a request, its body after a pause; returns the status and the answer."""
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body or b'')}\r\n\r\n"
    connection.sendall(head.encode())
    if body:
        time.sleep(pause)
        connection.sendall(body)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or b"\r\n\r\n"
    head, _, answer = data.partition(b"\r\n\r\n")
    length = int(next((line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), b"0"))
    while len(answer) < length:
        answer += connection.recv(65536)
    return int(head.split()[1]), answer


def connect(address):
    connection = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(address)
    return connection


def traffic(name, many, one):
    """Runs all plans on the servers at these addresses; returns {path: what the server measured, in ns}."""
    sent = {}
    for plan in PLANS:
        for number in range(EACH):
            path = f"/{plan}/{name}/{number}"
            with contextlib.ExitStack() as stack:
                if plan == "queue":
                    # A server of one thread: the second of two waits for the first.
                    before = stack.enter_context(connect(one))
                    sent[f"/before/{name}/{number}"] = {}
                    before.sendall(f"GET /before/{name}/{number} HTTP/1.0\r\n\r\n".encode())
                    time.sleep(0.02 * SLOW)
                connection = stack.enter_context(connect(one if plan == "queue" else many))
                body, pause = (b"x" * 1000, CLIENT_PAUSE * SLOW) if plan == "client" else (None, 0)
                sent[path] = json.loads(get(connection, path, body, pause)[1])
    for number in range(EACH):
        path = f"/drop/{name}/{number}"
        with connect(many) as connection:
            sent[path] = {}
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            connection.recv(1)
    return sent


def loop_traffic(address):
    """The same with an event loop."""
    sent = {}
    for plan in LOOP_PLANS:
        for number in range(EACH):
            path = f"/{plan}/tcp/{number}"
            with contextlib.ExitStack() as stack:
                connection = stack.enter_context(connect(address))
                if plan == "loop-queue":
                    before = stack.enter_context(connect(address))
                    sent[f"/loop-hold/tcp/{number}"] = {}
                    before.sendall(f"GET /loop-hold/tcp/{number} HTTP/1.1\r\n\r\n".encode())
                    time.sleep(0.03 * SLOW)
                sent[path] = json.loads(get(connection, path, None, 0)[1])
    return sent


def amount_error(plan, request, measured):
    """What is wrong with the time of the plan's kind; None when it is about what the server measured."""
    kind = {"db-unix": "db"}.get(plan, plan.removeprefix("loop-"))
    got, wall = request["kinds_ns"][kind], request["wall_ns"]
    if got < measured["least_ns"] * LEAST:
        return f"{request['path']}: {kind} {got / MS:.1f} ms of {wall / MS:.1f} ms, at least {measured['least_ns'] / MS:.1f} ms"
    most = measured.get("most_ns", wall)
    if got > most + 20 * MS * SLOW:
        return f"{request['path']}: {kind} {got / MS:.1f} ms, at most {most / MS:.1f} ms"
    return None


def compare(record, sent):
    """[(check, whether it holds, what is wrong), ..]"""
    got = {}
    for request in record.requests:
        got.setdefault(request["path"], []).append(request)
    missing, twice = [p for p in sent if p not in got], [p for p in got if len(got[p]) > 1]
    strange = [p for p in got if p not in sent]
    losses = dict(record.report["losses"])
    # 7.x may be preempted where it runs a program; what it skips then it counts, and a slow guest sees that now and then.
    skipped = losses.pop("hook_skipped", 0)
    found = [("each request recorded once", len(missing) <= skipped and not (twice or strange),
              f"{len(sent)} sent, {len(record.requests)} recorded; missing {missing[:3]}, twice {twice[:3]}, never sent {strange[:3]}; "
              f"{record.report['losses']}")]
    wrong = [error for r in record.requests if (error := sum_error(r["kinds_ns"], r["wall_ns"]))]
    found.append(("kinds sum to wall", record.requests and not wrong, wrong[:2]))
    found.append(("no loss but counted skips", record.status == 0 and (record.report["complete"] or (skipped and not losses)),
                  f"status {record.status}, {record.report['losses']} {record.stderr}"))
    for plan in PLANS + LOOP_PLANS:
        errors = [amount_error(plan, got[path][0], measured) for path, measured in sent.items()
                  if path.startswith(f"/{plan}/") and path in got]
        wrong = [error for error in errors if error]
        found.append((plan, errors and not wrong, f"{len(wrong)} of {len(errors)}: {'; '.join(wrong[:2])}"))
    return found


def plans(dsn, unix_dsn, stack):
    work = tempfile.mkdtemp()
    upstream = stack.enter_context(Upstream(timeout=120))
    single = free_port()
    environment = {"DSN": dsn, "UNIX_DSN": unix_dsn, "SCRATCH": work, "UNIX": f"{work}/http", "SINGLE_UNIX": f"{work}/single",
                   "SINGLE": str(single), "UPSTREAM": str(upstream.port), "SLOW": str(SLOW)}
    server = stack.enter_context(Python(HERE / "server.py", env=environment, timeout=120))
    loop = stack.enter_context(Python(HERE / "loop_server.py", env=environment, timeout=120))
    with Record("--pid", f"{server.pid},{loop.pid}", timeout=180) as record:
        sent = traffic("tcp", ("127.0.0.1", server.port), ("127.0.0.1", single))
        sent.update(traffic("unix", environment["UNIX"], environment["SINGLE_UNIX"]))
        sent.update(loop_traffic(("127.0.0.1", loop.port)))
        time.sleep(3)  # what no event ends is swept once a second
    return compare(record, sent)


def tables():
    """Where state is kept by hand, it goes with its socket and its thread (no row where the kernel keeps it)."""
    def kept(name):
        shown = subprocess.run([BPFTOOL, "-j", "map", "dump", "name", name], capture_output=True, text=True, check=False)
        return len(json.loads(shown.stdout)) if shown.returncode == 0 else None

    work = tempfile.mkdtemp()
    environment = {"UNIX": f"{work}/http", "SINGLE_UNIX": f"{work}/single", "SINGLE": str(free_port()), "SCRATCH": work}
    with Python(HERE / "server.py", env=environment, timeout=120) as server, \
            Record("--pid", server.pid, timeout=180) as record:
        for number in range(40):
            with connect(environment["UNIX"] if number % 2 else ("127.0.0.1", server.port)) as connection:
                get(connection, f"/queue/table/{number}", None, 0)
        time.sleep(2)
        conns, threads, claims = (kept(name) for name in ("ww_hashed_conns", "ww_hashed_threa", "ww_claims"))
    if conns is not None:
        say("tables are left empty", conns < 10 and threads < 10 and claims == 0 and record.status == 0,
            f"{conns} connections, {threads} threads, {claims} claims after 40 requests")


def stacks():
    """Where in the code: functions of Python and what they wait for; or in one line why not."""
    work = tempfile.mkdtemp()
    environment = {"UNIX": f"{work}/http", "SINGLE_UNIX": f"{work}/single", "SINGLE": str(free_port()), "SCRATCH": work}
    old = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2]) < (5, 15)
    if old:
        done = subprocess.run([WHYWAIT, "record", "--stacks", "-d", "1", "-o", f"{work}/none.db"], capture_output=True, text=True, check=False)
        say("stacks are refused in one line", done.returncode == 3 and "Linux 5.15" in done.stderr and done.stderr.count("\n") == 1, done.stderr)
        return
    with Python(HERE / "server.py", env=environment, timeout=120) as server, \
            Record("--pid", server.pid, "--stacks=all", timeout=180) as record:
        for number in range(20):
            for plan in ("compute", "lock", "sleep"):
                with connect(("127.0.0.1", server.port)) as connection:
                    get(connection, f"/{plan}/stack/{number}", None, 0)
        time.sleep(2)
    lines = [line.rpartition(" ") for line in run("stacks", record.path).stdout.splitlines()]
    found = [(frames.split(";"), int(us)) for frames, _, us in lines]
    total = sum(us for _, us in found)

    def under(function, leaf):
        return sum(us for frames, us in found if any(frame.startswith(f"{function} (") for frame in frames) and frames[-1].startswith(leaf))

    said = f"lock {under('lock', '[lock')}, compute {under('compute', '')}, of {total} us; {record.report['losses']}"
    say("stacks have functions, and what they wait for", under("lock", "[lock") > 0 and under("compute", "") > 0, said)
    whole = sum(us for frames, us in found if "[truncated]" not in frames)
    say("stacks reach their thread's start", whole >= 0.95 * total > 0, f"{whole} of {total} us")


def daemon():
    """What a runtime's probes tell is seen without root, too, and when observing begins anew."""
    work = pathlib.Path(tempfile.mkdtemp())
    work.chmod(0o755)
    environment = {"UNIX": f"{work}/http", "SINGLE_UNIX": f"{work}/single", "SINGLE": str(free_port()), "SCRATCH": str(work)}
    least = {}
    with Python(HERE / "server.py", env=environment, timeout=120) as server:
        settings = f"data: {work}/data/w.db\nlisten: none\nuser: postgres\nselect: {{ports: [{server.port}]}}\n"
        config = work / "whywait.yaml"
        config.write_text(settings)
        with subprocess.Popen([WHYWAIT, "serve", "--config", config], stderr=subprocess.PIPE, text=True) as serve:
            for session in range(2):
                for line in serve.stderr:
                    print(line.rstrip(), flush=True)
                    if "observing, recording into" in line:
                        break
                for number in range(EACH):
                    path = f"/gc/session-{session}/{number}"
                    with connect(("127.0.0.1", server.port)) as connection:
                        least[path] = json.loads(get(connection, path, None, 0)[1])["least_ns"]
                if not session:
                    config.write_text(settings + "keep: 11\n")
                    serve.send_signal(signal.SIGHUP)
            time.sleep(1)
            serve.terminate()
            print(serve.stderr.read(), flush=True)
    requests = [json.loads(line) for line in run("requests", work / "data/w.db", "--format", "json", "--slowest", "100").stdout.splitlines()]
    got = {request["path"]: request["kinds_ns"]["gc"] for request in requests}
    wrong = [f"{path}: {got.get(path, 0) / MS:.1f} of {ns / MS:.1f} ms" for path, ns in least.items() if got.get(path, 0) < ns * LEAST]
    say("the daemon sees collections, after a reload, too", serve.returncode == 0 and not wrong, f"{serve.returncode}, {wrong}")


class Broker:
    """Says to who fetches, as Redis does, that there is nothing, until give() has it hand out messages."""

    def __init__(self):
        self.listener, self.left, self.ms = socket.create_server(("127.0.0.1", 0)), 0, 0
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        client, _ = self.listener.accept()
        while client.recv(4096):
            if not self.left:
                time.sleep(0.05)
            if not self.left:
                client.sendall(b"*-1\r\n")
                continue
            self.left -= 1
            text = str(self.ms)
            client.sendall(f"*2\r\n$4\r\njobs\r\n${len(text)}\r\n{text}\r\n".encode())
            time.sleep(0.01)

    def give(self, count, ms):
        self.ms, self.left = ms, count


def messages():
    """Messages of queues are units, also where another process works on them."""
    with contextlib.ExitStack() as stack:
        brokers = {way: Broker() for way in ("itself", "hands-on")}
        workers = {way: stack.enter_context(Server([PYTHON, HERE / "queue_worker.py", way, str(broker.port)], ready=lambda: True))
                   for way, broker in brokers.items()}
        time.sleep(0.5 * SLOW)
        with Record(*[word for worker in workers.values() for word in ("--pid", worker.pid)], "--unit", "queue", timeout=180) as record:
            time.sleep(0.5 * SLOW)
            for broker in brokers.values():
                broker.give(EACH, 50)
            for worker in workers.values():
                end = time.monotonic() + 30 * SLOW
                while len(worker.log().splitlines()) < EACH and time.monotonic() < end:
                    time.sleep(0.1)
            time.sleep(0.5)
        for way, worker in workers.items():
            done = [line.split() for line in worker.log().splitlines()]
            units = [unit for unit in record.requests if done and unit["pid"] == int(done[0][0])]
            # Those of the process that is handed them are told apart by their order.
            right = [unit for unit in units if unit["kinds_ns"]["sleep"] >= LEAST * 50 * MS and not sum_error(unit["kinds_ns"], unit["wall_ns"])]
            say(f"messages, {way}", record.status == 0 and len(done) == EACH and EACH - 1 <= len(right) <= len(units) <= EACH,
                f"{len(units)} units, {len(right)} of them right, {len(done)} messages; {record.report['losses']}; {record.stderr}")


def own_test(called, name, again=True):
    """One of the tree's own truth tests: it prints TAP. As `make test` does, a failed one is made once more."""
    began = time.monotonic()
    done = subprocess.run([PYTHON, ROOT / "tests/truth" / name], capture_output=True, text=True, check=False, timeout=900)
    bad = [line for line in done.stdout.splitlines() if line.startswith("not ok")]
    # As in compare().
    only_skipped = len(bad) == 1 and re.search(r"nothing was lost\n# \{'hook_skipped': \d+\}\n", done.stdout)
    good = (done.returncode == 0 and not bad or only_skipped) and "1.." in done.stdout
    if not good:
        print(done.stdout, done.stderr, flush=True)
        if again:
            own_test(called, name, again=False)
            return
    say(called, good, f"{time.monotonic() - began:.0f} s: {bad[:3]}")


def main():
    if not doctor():
        return
    on_request()
    try:
        with contextlib.ExitStack() as stack:
            dsns = postgres(stack)
            for again in (False, True):
                with contextlib.ExitStack() as servers:
                    found = plans(*dsns, servers)
                # Amounts are measured once more, as `make test` does: a host that is busy stops a guest now and then.
                wrong = [check for check, good, _ in found if not good]
                if again or not wrong or "each request recorded once" in wrong:
                    break
                print(f"again, as these do not hold: {[check for check in found if not check[1]]}", flush=True)
        for check, good, detail in found:
            say(check, good, detail)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        say("the truth test came to its end", False, traceback.format_exc().splitlines()[-1])
    tables()
    try:
        stacks()
    except Exception:
        traceback.print_exc(file=sys.stdout)
        say("stacks are taken", False, traceback.format_exc().splitlines()[-1])
    try:
        daemon()
    except Exception:
        traceback.print_exc(file=sys.stdout)
        say("the daemon observes", False, traceback.format_exc().splitlines()[-1])
    try:
        messages()
    except Exception:
        traceback.print_exc(file=sys.stdout)
        say("messages are units", False, traceback.format_exc().splitlines()[-1])
    own_test("every way to read and write", "test_counts_syscalls.py")


main()
