#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The JDK's HTTP server with a virtual thread for each request, under OpenJDK 21 of Debian 13, fetched and run in a root of its own:
requests that do not have exactly their own operations say so. `test_java_virtual.py 64` has it use a pool of that many threads, `test_java_virtual.py 0
-XX:+UseZGC` another collector."""
import json
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "apps"), str(HERE.parent / "lib")]
from debian import Archive  # noqa: E402  (the path comes first)
from java_truth import APPS, LIBRARIES, ROOT, Java, began, compiled, matched  # noqa: E402
from loops_run import send  # noqa: E402
from services import Postgres, Redis, Upstream, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import KINDS, Record  # noqa: E402

SEED = 32
MS = 1_000_000
CACHE = ROOT / "build/javas/21"
CARRIERS = 16
CLASSES = "/srv/classes"
JDBC = "/usr/share/java/postgresql.jar"
THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 0
OPTIONS = sys.argv[2:] or ["-XX:+UseSerialGC"]

# Step: the shortest and the longest time it is asked for, in ms; None: it takes none.
STEPS = {"cpu": (0.2, 2), "pg": (2, 20), "queries": None, "redis": None, "url": (2, 20), "sleep": (2, 15), "lock": None,
         "client": (2, 20), "handed": (2, 15), "calls": (4, 20), "after": (2, 10)}
OWN = ("cpu", "pg", "queries", "redis", "url", "sleep", "lock")  # of which no other thread does a part
PARTS = [("own", 1, 150, OWN), ("own", 8, 320, OWN), ("own", 64, 640, OWN),
         ("others", 1, 150, tuple(STEPS)), ("others", 8, 320, tuple(STEPS)), ("others", 64, 640, tuple(STEPS))]


def fetched():
    """A root with OpenJDK 21, made unless it is there."""
    root = CACHE / "root"
    if not (root / "usr/bin/java21").exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        root.mkdir(parents=True)
        for name in ("bin", "lib", "lib64", "sbin"):
            (root / "usr" / name).mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(f"usr/{name}")
        Archive(CACHE / "fetch", "trixie").unpack_all(root, "openjdk-21-jre-headless", "libpostgresql-jdbc-java")
        shutil.rmtree(CACHE / "fetch")
        for name in ("proc", "tmp", "srv", "dev"):
            (root / name).mkdir(exist_ok=True)
        (root / "usr/bin/java21").symlink_to("../lib/jvm/java-21-openjdk-amd64/bin/java")
    return root


class Virtual(Java):
    """The server, in that root."""

    def prepare(self):
        root = fetched()
        classes = compiled([APPS / "JavaWork.java", APPS / f"{self.main}.java"], ROOT / "build/tests/runtimes" / self.main)
        shutil.copytree(classes, f"{root}{CLASSES}", dirs_exist_ok=True)
        self.port = free_port()
        self.env["PORT"] = str(self.port)
        java = ["/usr/lib/jvm/java-21-openjdk-amd64/bin/java", "-Xms1600m", "-Xmn1400m", "-XX:MetaspaceSize=128m", *OPTIONS,
                f"-Djdk.virtualThreadScheduler.parallelism={CARRIERS}", "-Dsun.net.httpserver.nodelay=true",
                "-cp", f"{CLASSES}:{JDBC}", self.main]
        self.argv = ["unshare", "--mount", "sh", "-c",
                     'root=$1; shift; mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; exec chroot "$root" "$@"', "sh", str(root), *java]


def plan(prefix, number, steps):
    draw = random.Random(f"{SEED} {prefix}")

    def step():
        name = draw.choice(steps)
        return name if STEPS[name] is None else f"{name}:{draw.uniform(*STEPS[name]):.2f}"

    names = [f"{prefix}-{i}" for i in range(number)]
    return [(name, f"/job/{name}?do={','.join(step() for _ in range(draw.randint(1, 4)))}") for name in names]


def observe(server, which, in_flight, number, steps):
    prefix = f"{which}-{in_flight}"
    requests = plan(prefix, number, steps)
    with Record("--port", server.port) as record:
        times = send(server.port, [(in_flight, 0, plan(f"lead-{prefix}", 4 * in_flight, steps)), (in_flight, 1, requests)])
    return record, dict(requests), times, time.time_ns() - time.monotonic_ns()


def judge(which, in_flight, number, observed, truth):
    record, requests, times, offset = observed
    name = f"{which}, {in_flight} in flight"
    record.check(tap, sure=("exact",))
    found = {path.rpartition("/")[2]: request for path, request in record.by_path().items()}
    found = {key: request for key, request in found.items() if key in requests}
    tap.check(f"{name}: the requests recorded are those sent", len(found) == number, f"{len(found)} of {number}")
    wrong, silent, marked = [], 0, 0
    for key, request in found.items():
        request["began"] = began(request)
        error = matched(request, truth[key]["operations"], offset)
        said = request["attribution"] == "ambiguous" or bool(request.get("operations_missing"))
        marked += said
        silent += bool(error) and not said
        if error and not said:
            wrong.append(f"{key} {request['attribution']}: {error}; {requests[key]}")
    sure = number - marked - silent
    tap.check(f"{name}: of {number} requests {sure} have exactly their own operations, {marked} say that they may not, "
              f"{silent} are wrong without a word", not silent, "\n".join(wrong[:8]))
    if which == "own":
        tap.check(f"{name}: {sure / number:.1%} are sure", sure >= 0.99 * number, f"{marked} are not")
    judge_means(name, which, found, times, truth)


def judge_means(name, which, found, times, truth):
    """A handler can't tell what it waited for from what it waited for a carrier, or for a CPU, after that."""
    told = {kind: statistics.mean(request["kinds_ns"][kind] for request in found.values()) / MS for kind in KINDS}
    parts = dict.fromkeys(("compute", "db", "net", "sleep", "lock", "task"), 0)
    for key in found:
        for kind, start, end in truth[key]["parts"]:
            parts[kind] += (end - start) / MS / len(found)
    wall = statistics.mean(times[key][1] - times[key][0] for key in found) / MS
    tap.note(f"{name}: wall {wall:.2f}: " + ", ".join(f"{kind} {ms:.2f}" for kind, ms in told.items() if ms >= 0.005))
    tap.note(f"{name}: handlers: " + ", ".join(f"{kind} {ms:.2f}" for kind, ms in parts.items()))
    if which != "own":
        return
    tolerance = 0.03 * wall + 0.2 if len(found) < 200 else 0.06 * wall + 0.5
    late = told["queue"] + told["runq"] + told["compute"] + told["gc"] + told["other"]
    for kind in ("db", "net", "sleep"):
        tap.check(f"{name}: the mean of {kind}: {told[kind]:.2f} ms, by the handlers {parts[kind]:.2f} ms with the waits after it",
                  parts[kind] - late - tolerance <= told[kind] <= parts[kind] + tolerance)
    tap.check(f"{name}: the mean of other: {told['other']:.2f} ms", told["other"] <= tolerance)


tap = Tap()
with tempfile.TemporaryDirectory(prefix="whywait-java-", dir="/var/tmp") as scratch, \
        Postgres(settings={"max_connections": 400}) as postgres, Redis() as redis, Upstream() as upstream:
    environment = {"TRUTH_JDBC": f"jdbc:postgresql://127.0.0.1:{postgres.port}/test?user=postgres", "TRUTH_REDIS": str(redis.port),
                   "TRUTH_UPSTREAM": str(upstream.port), "TRUTH_SCRATCH": scratch}
    with Virtual("VirtualServer", environment, THREADS) as server:
        send(server.port, [(64, 0, plan("warm", 600, tuple(STEPS)))])
        observations = [observe(server, *part) for part in PARTS]
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/truth") as response:
            requests_truth = json.load(response)["requests"]
    for part, observation in zip(PARTS, observations):
        tap.run(f"{part[0]} {part[1]}", judge, *part[:3], observation, requests_truth)
tap.done()
