#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Where in the code: each known function's share within 3 points, of C with and without frame pointers, and linked statically,
of C++ and Rust, of Python, of Go as built and stripped, of JavaScript, and of Java by its perf map; a query is awaited under the right function;
and nearly all stacks reach their thread's start, how many is printed for each. Names of runtimes as arguments: those only."""
import os
import pathlib
import re
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parents[1] / "truth")]
from stacks_truth import APPS, Built, account, folded, judge_hotspots, judge_shares, load, python, within  # noqa: E402  (the path comes first)
from services import Postgres, Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

# Of 2,500 samples (99 a second) a share of three quarters has a standard error of 0.9 points, if they are independent: what differs by 3
# is the tool's doing, and not luck's.
COMPUTED_S = 25
SECONDS = float(os.environ.get("STACKS_SECONDS", "150"))
POINTS = 3


def judge_queries(postgres):
    """Queries are awaited under the functions that ask them, and by what they say."""
    record = judge_shares(tap, "psycopg2", lambda port: [sys.executable, APPS / "stacks_postgres.py", str(port), postgres.dsn],
                          SECONDS, POINTS, {"find_items": "db", "find_owner": "db"}, computed_s=COMPUTED_S)
    waits = folded(record.path, "--kinds", "db")
    asked = sum(us for frames, us in waits if frames[-1] == "[db postgres SELECT pg_sleep]")
    tap.check("psycopg2: waits have their statements", asked > 0.95 * sum(us for _, us in waits), {frames[-1] for frames, _ in waits})


def judge_loop(postgres):
    """On an event loop a request waits under the coroutine that asked, although no thread is there meanwhile."""
    port = free_port()
    with Server([sys.executable, APPS / "stacks_aiohttp.py", str(port), postgres.dsn], port=port):
        load(port, "/mix", 0.5)
        with Record("--port", port, "--stacks=all", keep=1) as record:
            load(port, "/mix", 12, clients=3)
            time.sleep(0.3)
    record.check(tap)
    waits = folded(record.path, "--kinds", "db")
    items, owner, true = within(waits, "find_items"), within(waits, "find_owner"), account(record, "db", "/mix")
    tap.check("aiohttp: queries are awaited under the coroutines that ask them", items + owner > 0.93 * true, f"{items} + {owner} of {true} ns")
    tap.check("aiohttp: each as long as its query takes", 3 < items / owner < 5, f"{items} ns for 20 ms each, {owner} ns for 5 ms")
    slept, true = within(folded(record.path, "--kinds", "sleep"), r"\[no thread\]"), account(record, "sleep", "/mix")
    tap.check("aiohttp: and what waits for a timer says that no thread was there", abs(slept - true) < 0.01 * true + 1e6, f"{slept} of {true} ns")


def observe_node(seconds, *flags):
    """What a node that has just started is seen to compute."""
    port = free_port()
    with Server(["node", *flags, APPS / "stacks_node.js", str(port)], port=port):
        with Record("--port", port, "--stacks=all", keep=1) as record:
            load(port, "/mix", seconds)
            time.sleep(0.3)
    return folded(record.path, "--kinds", "compute")


def judge_node():
    """As it is, and with the map that it writes when it is asked to."""
    record = judge_shares(tap, "Node", lambda port: ["node", APPS / "stacks_node.js", str(port)], SECONDS, POINTS, {}, computed_s=COMPUTED_S)
    named = folded(record.path)
    tap.check("Node: V8's built-ins have names", any(frame.startswith("Builtins_") for frames, _ in named for frame in frames[8:]))
    mapped = {frame.split()[0] for frames, _ in observe_node(3, "--perf-basic-prof") for frame in frames}
    tap.check("Node: names of the map are used where there is one", any(re.fullmatch(r"JS:[*^~+]?burn", frame) for frame in mapped), mapped)
    interpreted = {frame.split()[0] for frames, _ in observe_node(1, "--perf-basic-prof", "--interpreted-frames-native-stack") for frame in frames}
    tap.check("Node: functions that are not compiled yet have names of it, too", "JS:~burn_a" in interpreted, interpreted)


def map_java(server):
    """What is compiled, and where: a function is compiled once more when the classes that it uses are known."""
    load(server.port, "/mix", 3)
    subprocess.run(["jcmd", str(server.pid), "Compiler.perfmap"], check=True, stdout=subprocess.DEVNULL)


def run(name, test, *arguments, **options):
    if name in (sys.argv[1:] or [name]):
        tap.run(name, test, *arguments, **options)


tap = Tap()
with Built() as built:
    for title, flags in (("C with frame pointers", ["-fno-omit-frame-pointer"]), ("C without", ["-fomit-frame-pointer"]),
                         ("C, static", ["-static", "-fomit-frame-pointer"])):
        run(title, judge_shares, tap, title, built.server(*flags), SECONDS, POINTS, computed_s=COMPUTED_S)
    run("C++", judge_shares, tap, "C++", built.cpp(), SECONDS, POINTS, computed_s=COMPUTED_S)
    run("Rust", judge_shares, tap, "Rust", built.rust(), SECONDS, POINTS, computed_s=COMPUTED_S)
    for title, flags in (("Go", []), ("Go, stripped, PIE", ["-ldflags=-s -w", "-buildmode=pie"])):
        run(title, judge_shares, tap, title, built.go(*flags), SECONDS, POINTS, {}, computed_s=COMPUTED_S, by_wall=True)
    run("Java", judge_shares, tap, "Java", built.java(), SECONDS, POINTS, {"nap": "sleep"}, "/mix", map_java, computed_s=COMPUTED_S)
    for title, argv in (("C", built.server("-fomit-frame-pointer")), ("Python", python), ("Go", built.go()),
                        ("Node", lambda port: ["node", APPS / "stacks_node.js", str(port)])):
        run(f"hotspots of {title}", judge_hotspots, tap, title, argv, COMPUTED_S / 2)
run("Python", judge_shares, tap, "Python", python, SECONDS, POINTS, computed_s=COMPUTED_S)
with Postgres() as database:
    run("psycopg2", judge_queries, database)
    run("aiohttp", judge_loop, database)
run("Node", judge_node)
tap.done()
