#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`record --unit`: each call of a function, and each time between two static probes, is a unit of work; held one by one against
what the program measured itself. A function that calls itself counts once, one that is left by longjmp() is an error."""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parents[1] / "tools")]

from tap import Tap  # noqa: E402
from services import Redis  # noqa: E402
from whywait import WHYWAIT, run, sum_error  # noqa: E402

CALLS = 40
MS = 1_000_000


def record(directory, *units, command=()):
    path = str(directory / "units.db")
    options = [word for unit in units for word in ("--unit", unit)]
    return path, subprocess.run([WHYWAIT, "record", "--replace", "-o", path, "--keep", "all", *options, "--", *command],
                                capture_output=True, text=True, check=False, timeout=60)


def calls(directory, program, redis):
    path, done = record(directory, f"uprobe:{program}:handle", f"usdt:{program}:shop:begin:end",
                        command=(program, str(redis.port), str(CALLS)))
    tap.check("record ended well", done.returncode == 0 and "nothing lost" in done.stderr, done.stderr)
    told = [int(line) for line in done.stdout.split()]
    units = [json.loads(line) for line in run("requests", path, "--format", "json").stdout.splitlines()]
    functions, probes = ([unit for unit in units if unit["route"] == route] for route in ("handle", "shop:begin"))
    tap.check(f"{CALLS} calls, {CALLS} units of each", (len(functions), len(probes)) == (CALLS, CALLS), (len(functions), len(probes)))
    tap.check("the kinds add up", all(sum_error(unit["kinds_ns"], unit["wall_ns"]) is None for unit in units))
    whole = [(unit, wall) for number, (unit, wall) in enumerate(zip(functions, told)) if number % 4 != 3]
    off = [abs(unit["wall_ns"] - wall) for unit, wall in whole]
    # A thread may lose its CPU between the clock and the call.
    tap.check("as long as they took", sorted(off)[len(off) * 8 // 10] < MS, sorted(off))
    for kind, least, most in (("sleep", 3 * MS, 3.5 * MS), ("compute", 3.9 * MS, 6 * MS)):
        times = sorted(unit["kinds_ns"][kind] for unit, _ in whole)
        tap.check(f"they {kind} as they did", least <= times[len(times) // 2] <= most, times)
    tap.check("each asked six times", all(len(unit["operations"]) == 6 for unit, _ in whole), [len(u["operations"]) for u, _ in whole])
    report = json.loads(run("report", path, "--format", "json").stdout)
    found = {(e["protocol"], e["method"], e["route"]): e["errors"] for e in report["endpoints"]}
    tap.check("they are endpoints, those that were left are errors",
              found == {("function", "call", "handle"): CALLS // 4, ("function", "call", "shop:begin"): 0}, found)
    times = sorted(unit["kinds_ns"]["sleep"] for unit in probes)
    tap.check("between the probes it sleeps", times[0] >= 4 * MS and times[CALLS // 2] < 4.5 * MS, times)


def wrong(directory, program):
    for unit, says in (("uprobe:" + program, "give uprobe:FILE:FUNCTION"), (f"uprobe:{program}:nothing", "has no such function"),
                       (f"usdt:{program}:shop:begin:nothing", "has no such function or probe"),
                       ("uprobe:/nowhere:main", "No such file")):
        _, done = record(directory, unit, command=("true",))
        tap.check(f"{unit.split(':', 2)[2:]}: one line says what is wrong",
                  done.returncode in (2, 3) and says in done.stderr and done.stderr.count("\n") == 1, done.stderr)


tap = Tap()
with tempfile.TemporaryDirectory() as temporary, Redis() as server:
    built = str(pathlib.Path(temporary) / "calls")
    subprocess.run(["cc", "-O1", "-o", built, str(HERE / "apps" / "units_calls.c")], check=True)
    tap.run("calls", calls, pathlib.Path(temporary), built, server)
    tap.run("what is wrong", wrong, pathlib.Path(temporary), built)
tap.done()
