#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the bench makes of its measurements, on made-up ones: needs neither root nor load."""
import pathlib
import sys
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tools"), str(HERE.parent / "lib")]
import pairs  # noqa: E402
import plot  # noqa: E402
import results  # noqa: E402
from observers import one_line  # noqa: E402
from tap import Tap  # noqa: E402
from targets import judge  # noqa: E402

tap = Tap()


def runs(*figures):
    """Alternating unobserved and observed runs."""
    return [(("", "tool")[at % 2], {"per_s": figure}) for at, figure in enumerate(figures)]


def near(found, wanted):
    return len(found) == len(wanted) and all(abs(f - w) < 1e-9 for f, w in zip(found, wanted))


order = pairs.order(["x", "y"], 2)
tap.check("every observed run stands between two unobserved ones", order == ["", "x", "", "y"] * 2 + [""], order)

drifting = runs(100, 81, 80, 63, 60)
found = pairs.ratios(drifting, "tool", "per_s")
tap.check("a machine that gets steadily slower does not show in the ratio", near(found, [0.9, 0.9]), found)
found = pairs.noise(drifting, "per_s")
tap.check("but shows as noise", near(found, [0.8, 0.75]), found)
tap.check("whose bound is the same for slower and faster", abs(pairs.noise_bound(found) - 1 / 0.75) < 1e-9)
tap.check("a tool that did not run has no ratio", pairs.ratios(drifting, "another", "per_s") == [])

for value, met, said in ((0.93, True, "met by 0.000"), (0.92, False, "MISSED by 0.010")):
    verdict = judge("a.per_s", value)
    tap.check(f"{value} of the throughput: {said}", verdict["met"] is met and said in verdict["text"], verdict)
for value, met, said in ((350, True, "met by 0 ns"), (361, False, "MISSED by 11 ns")):
    verdict = judge("programs.sched_switch_ns", value)
    tap.check(f"{value} ns a switch: {said}", verdict["met"] is met and said in verdict["text"], verdict)
for value, noise, met, said in ((1.04, 1.05, True, "met by 0.010"), (1.06, 1.05, False, "MISSED by 0.010"),
                                (1.06, 1.5, True, "proves little"), (1.06, None, None, "can't be told")):
    verdict = judge("c.p99_ms", value, noise)
    tap.check(f"p99 times {value} with a noise of {noise}: {said}", verdict["met"] is met and said in verdict["text"],
              verdict)

log = "Attaching ..\ntool: Error: no such probe\nfirst frame\nsecond frame\n"
tap.check("of a log, the line that speaks of an error is told", one_line(log) == "tool: Error: no such probe")
tap.check("else the last one", one_line("one\ntwo\n\n") == "two")

result = {
    "date": "2026-01-02T03:04:05+00:00", "seconds": 4, "pairs": 2,
    "host": {"kernel": "6.18", "cpu": "a CPU", "cpus": 2, "load": 0.0, "bpf_stats": True},
    "left_out": {"perf trace": "perf: not installed"},
    "verdicts": {"a.per_s": judge("a.per_s", 0.9, 1.01)},
    "compared": {"a": {
        "title": "a load", "figures": {"per_s": "requests/s"}, "unobserved": {"per_s": pairs.summary([80.0, 100.0])},
        "noise": {"per_s": pairs.summary([0.99, 1.01])}, "warnings": ["not saturated"],
        "tools": {"tool": {"per_s": pairs.summary([0.88, 0.9, 0.92]), "own_cpu": pairs.summary([0.5]),
                           "own_rss": pairs.summary([3 << 20])}}}}}
text = results.text(result)
for said in ("tool                         0.900   0.880   0.920     0.500     3.0 MiB", "MISSED by 0.030",
             "warning: not saturated", "left out: perf trace: perf: not installed", "Linux 6.18, 2 x a CPU",
             "warning: kernel.bpf_stats_enabled was 1"):
    tap.check(f"the text says: {said}", said in text, text)
table = results.markdown(result)
for said in ("| tool | 0.900 (0.880 .. 0.920) |", "| nothing (noise) | 1.000 (0.990 .. 1.010) |",
             "| throughput kept on (a) | 0.900 | >= 0.930: MISSED by 0.030 |", "Left out: perf trace"):
    tap.check(f"the Markdown says: {said}", said in table, table)

for most, step in ((0.9, 0.5), (4, 1), (7.3, 2), (17, 5), (38, 10)):
    tap.check(f"{most} is shown in steps of {step}", plot.nice_step(most) == step, plot.nice_step(most))
result["growth"] = {name: [{"at": at, "bpf_us": bpf_us, "user_us": bpf_us / 4, "rss": 20 << 20, "complete": True,
                            "losses": {}} for at, bpf_us in points]
                    for name, points in (("threads", ((1, 4.0), (64, 3.5))), ("routes", ((1, 3.0), (5000, 6.25))))}
result["pieces"] = {"request": 3600.0, "upstream": 2900.0, "connection": 5400.0, "switch": 300.0, "wakeup": None}
result["operations"] = {"short": {"bytes": 32, "bpf_ns": 1100.0, "user_ns": 500.0, "ns": 1600.0}}
result["verdicts"]["operations.short"] = judge("operations.short", 1600.0)
result["others"] = {"switches": {"title": "a program", "unobserved_ns": 3700.0, "ratio": pairs.summary([1.02, 1.03, 1.04]), "hooks": pairs.summary([1.01, 1.02]),
                                 "noise": {**pairs.summary([0.99, 1.01]), "bound": 1.01}}}
result["verdicts"]["others.switches"] = judge("others.switches", 1.03, 1.01)
picture = plot.svg(result)
root = xml.etree.ElementTree.fromstring(picture)
drawn = [shape.get("points") for shape in root.iter("{http://www.w3.org/2000/svg}polyline")]
tap.check("the picture is XML with a line for each series of each axis", len(drawn) == 4 and all(drawn), drawn)
heights = [float(point.split(",")[1]) for point in drawn[2].split()]
zero = plot.TOP + plot.PANEL_H
tap.check("a value twice as large is drawn twice as high",
          abs((zero - heights[1]) / (zero - heights[0]) - 6.25 / 3.0) < 0.01, heights)
for said in ("with routes", ">5,000<", "prefers-color-scheme: dark", "6.25 µs a request at 5,000 routes"):
    tap.check(f"the picture says: {said}", said in picture)
text, page = results.text(result), results.docs(result)
for said in ("5,000                         6.25", "a round trip to an upstream                           2,900 ns",
             "short, 32 bytes                 BPF  1,100 ns, own CPU    500 ns:  1,600 ns"):
    tap.check(f"the text says of growth: {said}", said in text, text)
for said in ("| 5,000 | 6.25 | 1.56 | 20.0 | yes |", "| a round trip to an upstream | 2,900 |", "](cost.svg)",
             "| 32 bytes | 1,100 | 500 | 1,600 | <= 2000 ns: met by 400 ns |",
             "| a program | 3,700 | 1.030 (1.020 .. 1.040) | 1.015 (1.010 .. 1.020) | 1.000 (0.990 .. 1.010) | <= 1.010: MISSED by 0.020 |"):
    tap.check(f"the page says: {said}", said in page, page)
tap.check("what was not measured is not on it", "a wake-up" not in page)
tap.done()
