# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What observing costs: whywait beside its peers on the same work, each run next to an unobserved one."""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import bpf  # noqa: E402
import growth  # noqa: E402
import observers  # noqa: E402
import operations  # noqa: E402
import pairs  # noqa: E402
import plot  # noqa: E402
import procfs  # noqa: E402
import results  # noqa: E402
import runtimes  # noqa: E402
import stacks  # noqa: E402
import workloads  # noqa: E402
from observers import Hooks, ObserverError, Whywait  # noqa: E402
from services import ServiceError  # noqa: E402
from targets import MIB, judge  # noqa: E402
from workloads import WorkloadError  # noqa: E402

BUILD = ROOT / "build"
COMPARED = {load.key: load for load in (workloads.Static, workloads.PgBench, workloads.Paced)}
PARTS = [*COMPARED, "programs", "footprint", "pieces", "operations", "runtimes", "stacks", *growth.AXES, *growth.OTHERS]
TRACEFS = pathlib.Path("/sys/kernel/tracing")
DOUBTFUL = {"idle": 0.05, "stolen": 0.02, "foreign": 0.05}  # shares of a run's CPU time
FOOTPRINT_S = 10
# Built for the bench: a client, a server of several modes, and a server with a thread for each connection.
PROGRAMS = {"paced": observers.HERE / "paced.c", "work": observers.HERE / "work.c",
            "threads": observers.HERE.parent / "faults/server.c", "hooks": observers.HERE / "hooks.c"}
LIBRARIES = {"hooks": ["-lbpf"]}


def progress(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def options():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__, epilog=(
        "Parts: " + "; ".join(f"{key}: {load.title}" for key, load in COMPARED.items()) +
        "; programs: what each BPF program takes; footprint: memory and CPU of whywait itself; pieces: what a request, "
        "an upstream operation, a connection and a context switch cost; operations: what it adds to tell them; runtimes: what programs of each language pay; stacks: what taking them costs; " +
        "; ".join(f"{name}: how that grows with {title}" for name, (title, _) in growth.AXES.items()) + "; " +
        "; ".join(f"{name}: {title}, which is not observed" for name, title in growth.OTHERS.items()) + ". "
        "The result is printed and kept in build/bench.json. Exit status: 0 measured, whatever the figures; 1 whywait "
        "could not be measured; 2 wrong usage, or the bench itself could not run."))
    parser.add_argument("--seconds", type=int, default=4, help="length of a run (default %(default)s)")
    parser.add_argument("--pairs", type=int, default=4, help="runs with each tool (default %(default)s)")
    parser.add_argument("--only", choices=PARTS, action="append", metavar="PART", help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--without-peers", action="store_true", help="whywait alone")
    parser.add_argument("--whywait", type=pathlib.Path, metavar="FILE", help="a binary other than build/whywait")
    parser.add_argument("--json", type=pathlib.Path, default=BUILD / "bench.json", metavar="FILE",
                        help="where the result is kept (default build/bench.json)")
    parser.add_argument("--markdown", action="store_true", help="measure nothing: print the kept result as Markdown")
    parser.add_argument("--docs", action="store_true",
                        help="measure nothing: write docs/cost.svg, docs/cost.md and the table in docs/stacks.md from the kept result")
    chosen = parser.parse_args()
    if chosen.seconds < 1 or chosen.pairs < 1:
        parser.error("--seconds and --pairs take a number from 1 up")
    return chosen


@contextlib.contextmanager
def tracefs():
    """perf and bpftrace need it; some hosts mount it only when somebody asks."""
    if (TRACEFS / "events").exists():
        yield
        return
    subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACEFS], check=False)
    try:
        yield
    finally:
        subprocess.run(["umount", TRACEFS], check=False, stderr=subprocess.DEVNULL)


class Bench:
    """One whole run; `result` is what becomes the JSON."""

    def __init__(self, chosen):
        self.chosen = chosen
        self.whywait = chosen.whywait.resolve() if chosen.whywait else BUILD / "whywait"
        self.attach_s = []
        self.result = {"schema": 1, "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
                       "host": procfs.host(), "seconds": chosen.seconds, "pairs": chosen.pairs, "compared": {},
                       "left_out": {}, "verdicts": {}}

    def build(self):
        """Builds what is measured; a stale binary would be measured in silence otherwise."""
        BUILD.mkdir(exist_ok=True)
        for name, source in PROGRAMS.items():
            subprocess.run([os.environ.get("CC", "cc"), "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra",
                            "-Werror", "-pthread", "-o", BUILD / name, source, *LIBRARIES.get(name, [])], check=True)
        subprocess.run([os.environ.get("CLANG", "clang"), "-O2", "-g", "-target", "bpf", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
                        f"-I/usr/include/{os.uname().machine}-linux-gnu", "-c", observers.HERE / "hooks.bpf.c",
                        "-o", BUILD / "hooks.bpf.o"], check=True)
        if self.chosen.whywait:
            return
        done = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "-C", ROOT, "all"], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            self.leave_out(Whywait.name, f"does not build: {observers.one_line(done.stderr)}")

    def leave_out(self, name, why):
        progress(f"{name} is left out: {why}")
        self.result["left_out"].setdefault(name, str(why))

    def judge(self, name, value, noise=None):
        self.result["verdicts"][name] = judge(name, value, noise)

    def tools(self):
        """{name: a function that makes the observer} of those that have not failed so far."""
        every = {Whywait.name: lambda: Whywait(self.whywait), Hooks.name: Hooks}
        if not self.chosen.without_peers:
            every.update({peer.name: peer for peer in observers.PEERS})
        return {name: make for name, make in every.items() if name not in self.result["left_out"]}

    def run_once(self, load, observer, seconds):
        """One run of the load, observed or not. Returns its figures, with what the host and the observer say."""
        clock = procfs.HostClock()
        cost = observers.Cost(observer) if observer else None
        figures = load.run(seconds)
        figures.update(clock.shares())
        if cost:
            figures.update(cost.figures())
        return figures

    def observed(self, load, make, seconds):
        """A run under a tool, from its start to its end. Raises ObserverError when the tool does not do its work."""
        with make() as observer:
            figures = self.run_once(load, observer, seconds)
            observer.end()
            if isinstance(observer, Whywait):
                self.attach_s.append(observer.attach_s)
                figures["recorded"] = observer.result
        return figures

    def compare(self, load, key):
        """All tools on one load."""
        tools = self.tools()
        order = pairs.order(tools, self.chosen.pairs)
        runs = []
        began = time.monotonic()
        for at, name in enumerate(order):
            if name in self.result["left_out"]:
                continue
            if name == pairs.UNOBSERVED:
                if not runs or runs[-1][0] != pairs.UNOBSERVED:
                    runs.append((name, self.run_once(load, None, self.chosen.seconds)))
                continue
            try:
                runs.append((name, self.observed(load, tools[name], self.chosen.seconds)))
            except ObserverError as error:
                self.leave_out(name, error)
            progress(f"({key}) run {at + 1} of {len(order)}, {time.monotonic() - began:.0f} s: {name}")
        self.result["compared"][key] = self.sum_up(load, key, runs)

    def sum_up(self, load, key, runs):
        """What compare() found, by tool and figure."""
        runs = [(name, figures) for name, figures in runs if name not in self.result["left_out"]]
        names = list(dict.fromkeys(name for name, _ in runs if name != pairs.UNOBSERVED))
        summed = {"title": load.title, "figures": load.figures, "unobserved": {}, "noise": {}, "tools": {},
                  "warnings": warnings(load, runs),
                  "runs": [{"tool": name, **figures} for name, figures in runs]}
        for name in names:
            mine = [figures for tool, figures in runs if tool == name]
            summed["tools"][name] = {own: pairs.summary([figures[own] for figures in mine])
                                     for own in ("own_cpu", "own_rss")}
        for figure in load.figures:
            summed["unobserved"][figure] = pairs.summary([figures[figure] for name, figures in runs
                                                          if name == pairs.UNOBSERVED])
            noise = pairs.noise(runs, figure)
            if noise:
                summed["noise"][figure] = {**pairs.summary(noise), "bound": pairs.noise_bound(noise)}
            for name in names:
                summed["tools"][name][figure] = pairs.summary(pairs.ratios(runs, name, figure))
            if Whywait.name in summed["tools"]:
                self.judge(f"{key}.{figure}", summed["tools"][Whywait.name][figure]["median"],
                           pairs.noise_bound(noise) if noise else None)
        return summed

    def programs(self, load, key):
        """What each BPF program takes under one load, timed by the kernel: a pass of its own, since that costs too."""
        progress(f"BPF programs on ({key})")
        with bpf.stats_enabled(), Whywait(self.whywait) as observer:
            self.attach_s.append(observer.attach_s)
            before = bpf.programs(observer.pid)
            figures = self.run_once(load, observer, self.chosen.seconds)
            spent = bpf.spent(before, bpf.programs(observer.pid))
            observer.end()
        figures["recorded"] = observer.result
        if not any(program["count"] for program in spent.values()):
            raise ObserverError("holds no BPF program that ran")
        total = sum(program["ns"] for program in spent.values())
        found = {"title": load.title, "programs": spent, "requests": figures["requests"],
                 "ns_per_request": total / figures["requests"], "own_cpu": figures["own_cpu"],
                 "own_rss": figures["own_rss"], "warnings": warnings(load, [(Whywait.name, figures)])}
        switches = [program for name, program in spent.items() if "sched_switch" in name and program["count"]]
        if switches:
            found["sched_switch_ns"] = sum(p["ns"] for p in switches) / sum(p["count"] for p in switches)
        self.result.setdefault("programs", {})[key] = found

    def judge_programs(self):
        passes = self.result.get("programs", {})
        switch = [found["sched_switch_ns"] for found in passes.values() if "sched_switch_ns" in found]
        if switch:
            self.judge("programs.sched_switch_ns", max(switch))
        elif passes:
            self.leave_out("mean run of sched_switch", "no program of that name ran")
        if "a" in passes:
            self.judge("programs.ns_per_request", passes["a"]["ns_per_request"])

    def footprint(self):
        """Memory of whywait, its maps included, while many routes are busy."""
        progress("footprint")
        # By default it would keep fewer routes than this load has.
        keep = ("--routes-max", str(workloads.Routes.routes))
        with workloads.Routes() as load, Whywait(self.whywait, *keep) as observer:
            self.attach_s.append(observer.attach_s)
            figures = self.run_once(load, observer, max(FOOTPRINT_S, self.chosen.seconds))
            memory = procfs.memory(observer.pid)
            maps = bpf.maps(observer.pid)
            observer.end()
        figures["recorded"] = observer.result
        total = memory["rss"] + sum(maps.values())
        self.result["footprint"] = {"title": load.title, "per_s": figures["per_s"], "rate": load.rate,
                                    "requests": figures["requests"], "own_cpu": figures["own_cpu"], **memory,
                                    "maps": maps, "total": total, "recorded": observer.result,
                                    "warnings": warnings(load, [(Whywait.name, figures)])}
        self.judge("footprint.mib", total / MIB)

    def make_whywait(self, *arguments):
        """An observer of its own for each pass of growth.py."""
        return Whywait(self.whywait, *arguments)

    def pieces(self):
        """What a request, an upstream operation, a connection and a context switch cost."""
        progress("pieces of work")
        self.result["pieces"] = growth.pieces(self.make_whywait, self.chosen.seconds)

    def operations(self):
        """What it adds to tell operations."""
        progress("operations")
        found = operations.measure(self.make_whywait, self.chosen.pairs, self.chosen.seconds / 2)
        self.result["operations"] = found
        for text, added in found.items():
            self.judge(f"operations.{text}", added["ns"])

    def runtimes(self):
        """What programs of each runtime pay for the probes in them, and servers for being followed."""
        progress("runtimes: a hit")
        hits = runtimes.hit_ns(self.make_whywait, self.chosen.pairs, self.chosen.seconds)
        found = {"hit_ns": pairs.summary(hits), "probes": {}, "handoffs": {}}
        for kind, names, measure in (("probes", runtimes.RUNTIMES, lambda name: runtimes.measure(self.make_whywait, name, self.chosen.pairs, self.chosen.seconds)),
                                     ("handoffs", runtimes.HANDOFFS, lambda name: runtimes.handoffs(self.make_whywait, name))):
            for name in names:
                progress(f"runtimes: {name}")
                try:
                    found[kind][name] = measure(name)
                except (WorkloadError, ServiceError, subprocess.SubprocessError) as error:
                    self.leave_out(name, error)
        pages = [page for of in found["probes"].values() for page in of.values()]
        for page in pages:
            page["share"] = page["hits_per_cpu_s"] * found["hit_ns"]["median"] / 1e9
        self.result["runtimes"] = found
        if pages:
            self.judge("runtimes.probes", max(page["share"] for page in pages))

    def stacks(self):
        """What a stack costs of programs of several runtimes, and what stacks cost by default."""
        found = {}
        for name in stacks.PROGRAMS:
            progress(f"stacks: {name}")
            try:
                found[name] = stacks.measure(self.make_whywait, name, self.chosen.pairs, self.chosen.seconds)
            except (WorkloadError, ServiceError) as error:
                self.leave_out(name, error)
        self.result["stacks"] = found
        if found:
            self.judge("stacks.share", max(program["share"] for program in found.values()))

    def axis(self, name):
        """How the cost of a request grows."""
        progress(f"growth with {growth.AXES[name][0]}")
        found = growth.axis(self.make_whywait, name, self.chosen.seconds)
        self.result.setdefault("growth", {})[name] = found

    def others(self, name):
        """What programs pay that are not observed."""
        progress(f"not observed: {growth.OTHERS[name]}")
        found = growth.others(self.make_whywait, name, 2 * self.chosen.pairs, self.chosen.seconds / 2)
        self.result.setdefault("others", {})[name] = found
        self.judge(f"others.{name}", found["ratio"]["median"], found["noise"]["bound"])

    def measure_growth(self, parts):
        """The parts that growth.py has."""
        if "pieces" in parts:
            self.without_fail(self.pieces)
        if "operations" in parts:
            self.without_fail(self.operations)
        if "runtimes" in parts:
            self.without_fail(self.runtimes)
        if "stacks" in parts:
            self.without_fail(self.stacks)
        for names, measure in ((growth.AXES, self.axis), (growth.OTHERS, self.others)):
            for name in names:
                if name not in parts:
                    continue
                try:
                    self.without_fail(lambda measure=measure, name=name: measure(name))
                except WorkloadError as error:
                    self.leave_out(name, error)

    def measure(self):
        """All chosen parts."""
        parts = self.chosen.only or PARTS
        for key, make in COMPARED.items():
            alone = key in parts
            timed = "programs" in parts and make.saturates
            if not alone and not timed:
                continue
            progress(f"({key}) {make.title}")
            with make() as load:
                load.run(1)  # its first run is unlike the others: caches, lazy start
                if alone and self.tools():
                    self.compare(load, key)
                if timed:
                    self.without_fail(lambda: self.programs(load, key))
        self.judge_programs()
        if "footprint" in parts:
            self.without_fail(self.footprint)
        self.measure_growth(parts)
        if self.attach_s:
            self.result["attach_s"] = pairs.summary(self.attach_s)
            self.judge("attach.s", max(self.attach_s))

    def without_fail(self, part):
        """Runs a part that only whywait takes part in."""
        if Whywait.name in self.result["left_out"]:
            return
        try:
            part()
        except ObserverError as error:
            self.leave_out(Whywait.name, error)


def warnings(load, runs):
    """What makes the figures of these runs doubtful, a line each."""
    found = []
    worst = {share: max(figures[share] for _, figures in runs) for share in DOUBTFUL}
    if load.saturates and worst["idle"] > DOUBTFUL["idle"]:
        found.append(f"not saturated: CPUs up to {worst['idle']:.0%} idle in a run, and idle time hides cost")
    if worst["stolen"] > DOUBTFUL["stolen"]:
        found.append(f"the hypervisor took up to {worst['stolen']:.0%} of a run's CPU time")
    if worst["foreign"] > DOUBTFUL["foreign"]:
        disturbed = sum(figures["foreign"] > DOUBTFUL["foreign"] for _, figures in runs)
        found.append(f"other processes took up to {worst['foreign']:.0%} of a run's CPU time, much of it in "
                     f"{disturbed} of {len(runs)} runs")
    for name, figures in runs:
        recorded = figures.get("recorded")
        if recorded and load.http and not 0 <= recorded["requests"] - figures["requests"] <= load.connections:
            found.append(f"{name} recorded {recorded['requests']} requests, the load sent {figures['requests']}")
        if recorded and not recorded["complete"]:
            found.append(f"{name} lost: {recorded['losses']}")
    return found


def main():
    chosen = options()
    if chosen.markdown or chosen.docs:
        try:
            result = json.loads(chosen.json.read_text())
            if chosen.docs:
                # After --only stacks or runtimes there is no more to say.
                if "growth" in result or not {"stacks", "runtimes"} & result.keys():
                    (ROOT / "docs/cost.svg").write_text(plot.svg(result))
                    page = ROOT / "docs/cost.md"
                    page.write_text(results.runtimes_kept(results.docs(result), page.read_text()))
                page = ROOT / "docs/cost.md"
                page.write_text(results.runtimes_docs(result, page.read_text()))
                page = ROOT / "docs/stacks.md"
                page.write_text(results.stacks_docs(result, page.read_text()))
            else:
                print(results.markdown(result))
        except (OSError, ValueError, KeyError) as error:
            sys.exit(f"bench: {chosen.json}: {error}: run 'make bench' first")
        return 0
    if os.geteuid() != 0:
        print("bench: not root: run 'sudo make bench'", file=sys.stderr)
        return 2
    # A shell starts its background jobs with SIGINT ignored, and what they start inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for 10,000 connections
    bench = Bench(chosen)
    try:
        with tracefs():
            bench.build()
            bench.measure()
    except (ServiceError, WorkloadError, subprocess.CalledProcessError) as error:
        print(f"bench: {re.sub(chr(10), ' ', str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps(bench.result, indent=1) + "\n")
    print(results.text(bench.result))
    return 1 if Whywait.name in bench.result["left_out"] else 0


if __name__ == "__main__":
    sys.exit(main())
