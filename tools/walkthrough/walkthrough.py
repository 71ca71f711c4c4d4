# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Steps 3 to 7 of the walk-through: measures the demo's shop, mends its N+1, proves it, ports its compute hotspot to C, proves that,
and writes all of it down: walkthrough.md.in with what this run said in place of {{NAME}}.

What the text claims is checked; where the run says something else, it ends with status 1 and writes nothing.
"""
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parents[1] / "tools/demo")]
from services import Gunicorn, Postgres, Redis, ServiceError, free_port  # noqa: E402
from stage import DEMO, ROOT, WHYWAIT, StageError, observe  # noqa: E402

OUT = ROOT / "build/walkthrough"
SECONDS = 60
VISITORS = [(4, 110, ["GET /", "GET /orders/{200}", "GET /suggestions/{200}"])]
SUGGESTIONS = [(2, 50, ["GET /suggestions/{200}"])]
PICTURES = ("walkthrough-python.svg", "walkthrough-c.svg")


def step(number, text):
    print(f"[{number}/7] {text}", flush=True)


def claim(true, text, seen):
    """What the document says has to be so."""
    if not true:
        raise StageError(f"the text says that {text}, this run does not:\n{seen}")


def whywait(*arguments, status=0):
    """Runs a command in OUT, where the recordings are; returns what it wrote."""
    done = subprocess.run([WHYWAIT, *map(str, arguments)], cwd=OUT, capture_output=True, text=True, check=False,
                          env={**os.environ, "COLUMNS": "100", "LC_ALL": "C.UTF-8"})
    claim(done.returncode == status, f"`whywait {shlex.join(map(str, arguments))}` ends with status {status}",
          f"{done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def shown(*arguments, status=0, only=None):
    """The same as a reader would see it: the command, and what it said (or the part of it that `only` matches)."""
    text = whywait(*arguments, status=status)
    if only:
        found = re.search(only, text, re.MULTILINE | re.DOTALL)
        claim(found, f"`whywait {arguments[0]}` says {only}", text)
        text = found.group()
    command = f"$ whywait {shlex.join(map(str, arguments))}"
    ended = f"\n$ echo $?\n{status}" if arguments[0] == "compare" else ""
    return f"{command}\n{text.rstrip()}{ended}"


def endpoint_of(recording, route, **wanted):
    """The endpoint of a recording's report in JSON."""
    report = json.loads(whywait("report", recording, "--format", "json"))
    claim(report["complete"], "recordings are complete", report["losses"])
    found = [endpoint for endpoint in report["endpoints"] if endpoint["route"] == route
             and all(endpoint[key] == value for key, value in wanted.items())]
    claim(len(found) == 1, f"there is one endpoint {route}", report["endpoints"])
    return found[0]


def finding(endpoint, kind):
    found = [entry for entry in endpoint["findings"] if entry["id"] == kind]
    claim(found, f"{endpoint['route']} has a finding {kind}", endpoint["findings"])
    return found[0]


def asked(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def a_port(wanted):
    """That one, for it reads well, or another one where somebody has it."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
            return wanted
        except OSError:
            return free_port()


class Shops:
    """The shop as it is, and as patches make it: a copy of its own for each."""

    def __init__(self, stack):
        self.stack = stack
        database = stack.enter_context(Postgres(settings={"max_parallel_workers_per_gather": 0}))
        database.sql((DEMO / "schema.sql").read_text())
        self.env = {"DSN": database.dsn, "REDIS_PORT": str(stack.enter_context(Redis()).port)}
        self.versions = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="whywait-walkthrough-")))
        self.code = self.versions / "now"
        self.code.mkdir()
        shutil.copy(DEMO / "shop.py", self.code)

    def patch(self, name):
        """The next version of the code; what runs goes on with the one that it has read."""
        done = subprocess.run(["git", "apply", HERE / f"{name}.patch"], cwd=self.code, capture_output=True, text=True, check=False,
                              env={**os.environ, "GIT_CEILING_DIRECTORIES": str(self.code.parent)})
        if done.returncode:
            raise StageError(f"{name}.patch does not fit tools/demo/shop.py: {done.stderr.strip()}")
        return (HERE / f"{name}.patch").read_text().rstrip()

    def serve(self, port, name):
        """gunicorn with the code as it is now, on that port, in a directory of that name."""
        shutil.copytree(self.code, self.versions / name)
        return Gunicorn("shop:app", cwd=self.versions / name, workers=3, env=self.env, port=port)


def ms(ns):
    return f"{ns / 1e6:.3g} ms"


def percent(share):
    return f"{share * 100:.0f} %"


def measure(shops, port, said):
    """Before."""
    with shops.serve(port, "before") as shop:
        answers = [asked(port, f"/orders/{customer}") for customer in range(1, 6)]
        said["answered_before"] = observe(shops.stack, OUT / "before.db", SECONDS, {shop.port: VISITORS}, "--stacks")
    orders, suggestions = endpoint_of("before.db", "/orders/{id}"), endpoint_of("before.db", "/suggestions/{id}")
    # What it has of the host, a CPU, may come first on a busy one.
    first = [entry for entry in orders["findings"] if entry["id"] not in ("cpu-starved", "pool-starved")][0]
    claim(first["id"] == "n-plus-one", "the N+1 is what /orders/{id} is told to mend first", orders["findings"])
    hot = finding(suggestions, "compute-hotspot")
    said.update(
        report=shown("report", "before.db", only=r".*?(?=\n\n(?:GET|POST) /)"),
        orders=shown("report", "before.db", "--endpoint", "GET /orders/*", only=r"^GET /orders.*"),
        baseline=whywait("report", "before.db", "--baseline").split("\n", 2)[2].strip(),
        whatif=shown("whatif", "before.db", "--compute", "10x"),
        orders_mean=ms(orders["wall_ns"]["mean"]), orders_waits=percent(1 - orders["verdict"]["compute_share"]),
        orders_10x=ms(orders["verdict"]["faster_language_10x"]["mean_ns"]), nplus1_saves=ms(first["saves_ns"]),
        nplus1_text=first["text"], hot_text=hot["text"], suggestions_mean=ms(suggestions["wall_ns"]["mean"]),
        suggestions_10x=ms(suggestions["verdict"]["faster_language_10x"]["mean_ns"]))
    return answers


def mend(shops, port, answers, said):
    """The N+1: one query."""
    said["orders_patch"] = shops.patch("orders")
    with shops.serve(port, "after") as shop:
        same = [asked(port, f"/orders/{customer}") for customer in range(1, 6)]
        claim([sorted(map(str, answer)) for answer in same] == [sorted(map(str, answer)) for answer in answers],
              "the mended page answers the same", same[0])
        said["answered_after"] = observe(shops.stack, OUT / "after.db", SECONDS, {shop.port: VISITORS}, "--stacks")
    orders = endpoint_of("after.db", "/orders/{id}")
    claim("n-plus-one" not in [entry["id"] for entry in orders["findings"]], "the N+1 is gone", orders["findings"])
    said.update(
        compare=shown("compare", "before.db", "after.db", "--endpoint", "GET /orders/*", "--require", "operations -90%",
                      "--require", "mean -20%", "--require", "errors +0"),
        compare_strict=shown("compare", "before.db", "after.db", "--endpoint", "GET /orders/*", "--require", "p50 <= 0.5ms",
                             status=1, only=r"^required.*"),
        orders_after=ms(orders["wall_ns"]["mean"]))


def port_it(shops, ports, said):
    """The hotspot, in C by ctypes, beside the Python that it replaces."""
    old = shops.stack.enter_context(shops.serve(ports[0], "python"))
    said["suggestions_patch"] = shops.patch("suggestions")
    build = ["gcc", "-O2", "-g", "-fno-omit-frame-pointer", "-shared", "-fPIC", "-o", shops.code / "suggest.so", HERE / "suggest.c"]
    subprocess.run(build, check=True)
    said["suggest_build"] = "$ gcc -O2 -g -fno-omit-frame-pointer -shared -fPIC -o suggest.so suggest.c"
    new = shops.stack.enter_context(shops.serve(ports[1], "c"))
    for customer in range(1, 201):
        answers = [asked(port, f"/suggestions/{customer}") for port in ports]
        claim(answers[0] == answers[1], "the port answers the same for all 200 customers", answers)
    said["answered_both"] = observe(shops.stack, OUT / "both.db", SECONDS, {old.port: SUGGESTIONS, new.port: SUGGESTIONS},
                                    "--stacks")
    said["compare_port"] = shown("compare", "both.db", "--a", ports[0], "--b", ports[1], "--require", "compute -60%", "--require",
                                 "errors +0")
    before, after = (endpoint_of("both.db", "/suggestions/{id}", service=f"gunicorn:{port}") for port in ports)
    wall = [endpoint["wall_ns"]["mean"] for endpoint in (before, after)]
    compute = [endpoint["kinds_ns"]["compute"]["mean"] for endpoint in (before, after)]
    said.update(port_before=ms(wall[0]), port_after=ms(wall[1]), port_factor=f"{wall[0] / wall[1]:.1f}",
                compute_factor=f"{compute[0] / compute[1]:.1f}", compute_before=ms(compute[0]), compute_after=ms(compute[1]))
    for picture, port in zip(PICTURES, ports):
        (OUT / picture).write_text(whywait("stacks", "both.db", "--endpoint", f"gunicorn:{port} GET /suggestions/*", "--kinds",
                                           "compute", "--format", "svg"))


def about_here(said):
    """The machine and the day, as whywait saw them."""
    report = json.loads(whywait("report", "before.db", "--format", "json"))
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    busy = float(pathlib.Path("/proc/loadavg").read_text().split()[2])
    virtual = "hypervisor" in pathlib.Path("/proc/cpuinfo").read_text()
    said.update(virtual="a virtual machine" if virtual else "no virtual machine", date=f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC", kernel=report["host"]["kernel"],
                cpus=report["host"]["cpus"], cpu_model=model.group(1) if model else os.uname().machine, version=report["version"],
                seconds=SECONDS, busy=f"{busy:.1f}", python=subprocess.run(
                    ["/usr/bin/python3", "-c", "import platform; print(platform.python_version())"], capture_output=True,
                    text=True, check=True).stdout.strip())


def write(said):
    """The document; a name that the run did not tell, or that nothing asks for, is an error."""
    template = (HERE / "walkthrough.md.in").read_text()
    names = set(re.findall(r"\{\{(\w+)\}\}", template))
    claim(names == set(said), "the template asks for what the run tells", sorted(names ^ set(said)))
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: str(said[found.group(1)]), template)
    (OUT / "walkthrough.md").write_text("\n".join(line.rstrip() for line in text.split("\n")))


def play(stack):
    said = {}
    ports = (a_port(8000), a_port(8001))
    step(3, "start PostgreSQL, Redis and the shop (Flask, gunicorn)")
    shops = Shops(stack)
    step(4, f"measure it for {SECONDS} s")
    answers = measure(shops, ports[0], said)
    step(5, f"mend the N+1, and measure for {SECONDS} s")
    mend(shops, ports[0], answers, said)
    step(6, f"port the compute hotspot to C, and measure both side by side for {SECONDS} s")
    port_it(shops, ports, said)
    about_here(said)
    return said


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    try:
        with contextlib.ExitStack() as stack:
            try:
                said = play(stack)
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        sys.exit(130)
    except StageError as error:
        print(f"walkthrough: {error}", file=sys.stderr)
        sys.exit(error.status)
    except ServiceError as error:
        sys.exit(f"walkthrough: {error}")
    step(7, "write it down")
    try:
        write(said)
    except StageError as error:
        sys.exit(f"walkthrough: {error}")
    if "--docs" in sys.argv[1:]:
        for name in ("walkthrough.md", *PICTURES):
            shutil.copy(OUT / name, ROOT / "docs" / name)
    print(f"\nThe N+1: {said['orders_mean']} a request before, {said['orders_after']} after."
          f"\nThe port: {said['port_before']} a request in Python, {said['port_after']} in C, side by side."
          f"\nRead {(OUT / 'walkthrough.md').relative_to(ROOT)}; its pictures are beside it.")


main()
