# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A result of the bench as plain text and as Markdown."""
from targets import MIB

UNOBSERVED = "unobserved"


def _spread(summary):
    return f"{summary['median']:.3f} ({summary['min']:.3f} .. {summary['max']:.3f})"


def _host(result):
    host = result["host"]
    return f"{result['date'][:10]}, Linux {host['kernel']}, {host['cpus']} x {host['cpu']}"


def _amount(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _rows(summed, figure):
    """A row per tool: (name, its ratio's summary, its own CPU, its own RSS)."""
    for name, tool in summed["tools"].items():
        yield name, tool[figure], tool["own_cpu"]["median"], tool["own_rss"]["max"] / MIB


def _compared(result, key):
    summed = result["compared"][key]
    yield f"({key}) {summed['title']}"
    for figure, unit in summed["figures"].items():
        unobserved = summed["unobserved"][figure]
        noise = summed["noise"].get(figure)
        yield f"    {unit}, {UNOBSERVED}: {_amount(unobserved['median'])} " \
              f"({_amount(unobserved['min'])} .. {_amount(unobserved['max'])})"
        if summed["tools"]:
            yield f"    {'observed / unobserved':<26}{'median':>8}{'min':>8}{'max':>8}{'own CPU':>10}{'own RSS':>12}"
        if noise:
            yield f"    {'nothing (noise)':<26}{noise['median']:8.3f}{noise['min']:8.3f}{noise['max']:8.3f}"
        for name, ratio, cpu, rss in _rows(summed, figure):
            yield f"    {name:<26}{ratio['median']:8.3f}{ratio['min']:8.3f}{ratio['max']:8.3f}{cpu:10.3f}{rss:8.1f} MiB"
        verdict = result["verdicts"].get(f"{key}.{figure}")
        if verdict:
            yield f"    target {verdict['text']}"
    yield from _warnings(summed)
    yield ""


def _warnings(part):
    for warning in part["warnings"]:
        yield f"    warning: {warning}"


def _programs(result, key):
    found = result["programs"][key]
    yield f"BPF programs on ({key}), timed by the kernel, whose clock adds 60 to 90 ns a run"
    yield f"    {'program':<32}{'runs':>14}{'mean ns':>10}{'runs/request':>14}"
    for name, program in sorted(found["programs"].items(), key=lambda item: -item[1]["ns"]):
        mean = f"{program['ns'] / program['count']:.0f}" if program["count"] else "-"
        yield f"    {name:<32}{program['count']:>14,}{mean:>10}{program['count'] / found['requests']:14.2f}"
    yield f"    BPF time per request: {found['ns_per_request']:.0f} ns; user space: {found['own_cpu']:.3f} of a CPU"
    yield from _warnings(found)
    yield ""


def _footprint(result):
    found = result["footprint"]
    yield f"Footprint on {found['title']}, {found['per_s']:,.0f} requests/s (wanted {found['rate']:,})"
    yield f"    RSS {found['rss'] / MIB:.1f} MiB (peak {found['peak'] / MIB:.1f}), maps " \
          f"{sum(found['maps'].values()) / MIB:.1f} MiB, user space {found['own_cpu']:.3f} of a CPU, " \
          f"{found['recorded']['routes']} endpoints recorded"
    for name, size in sorted(found["maps"].items(), key=lambda item: -item[1])[:5]:
        yield f"        {name:<32}{size / MIB:8.2f} MiB"
    yield f"    RSS + maps {found['total'] / MIB:.1f} MiB, target {result['verdicts']['footprint.mib']['text']}"
    if found["per_s"] < found["rate"]:
        yield "    warning: the load was below what the target is for"
    yield from _warnings(found)
    yield ""


def text(result):
    """The whole result, for a terminal."""
    lines = [f"What observing costs. {_host(result)}; {result['pairs']} pairs of {result['seconds']} s"]
    if result["host"]["load"] > 0.5:
        lines.append(f"warning: the host was busy when this started (load {result['host']['load']:.1f})")
    if result["host"]["bpf_stats"]:
        lines.append("warning: kernel.bpf_stats_enabled was 1 from the start, which costs each run of a BPF program 60 "
                     "to 90 ns: set it to 0")
    lines.append("")
    for key in result["compared"]:
        lines += _compared(result, key)
    for key in result.get("programs", {}):
        lines += _programs(result, key)
    for name in ("programs.sched_switch_ns", "programs.ns_per_request"):
        verdict = result["verdicts"].get(name)
        if verdict:
            lines += [f"{verdict['what']}: {verdict['shown']}, target {verdict['text']}", ""]
    if "footprint" in result:
        lines += _footprint(result)
    if "attach_s" in result:
        attach = result["attach_s"]
        lines += [f"Attached {attach['median']:.2f} s after start ({attach['min']:.2f} .. {attach['max']:.2f}, "
                  f"{len(attach['values'])} starts), target {result['verdicts']['attach.s']['text']}", ""]
    for name, why in result["left_out"].items():
        lines.append(f"left out: {name}: {why}")
    return "\n".join(lines).rstrip()


def markdown(result):
    """Tables for the README, with the conditions they were measured under."""
    lines = [f"Measured {_host(result)}; median of {result['pairs']} pairs of {result['seconds']} s (min .. max); "
             "made by `make bench`.", ""]
    columns = [(key, figure, f"({key}) {summed['title']}: {unit}") for key, summed in result["compared"].items()
               for figure, unit in summed["figures"].items()]
    if columns:
        lines += ["| observed / unobserved | " + " | ".join(title for _, _, title in columns) + " |",
                  "|---|" + "---|" * len(columns)]
        names = dict.fromkeys(name for summed in result["compared"].values() for name in summed["tools"])
        for name in names:
            cells = [result["compared"][key]["tools"].get(name, {}).get(figure) for key, figure, _ in columns]
            lines.append(f"| {name} | " + " | ".join(_spread(cell) if cell else "-" for cell in cells) + " |")
        cells = [result["compared"][key]["noise"].get(figure) for key, figure, _ in columns]
        lines += ["| nothing (noise) | " + " | ".join(_spread(cell) if cell else "-" for cell in cells) + " |", ""]
    if result["verdicts"]:
        lines += ["| whywait record | measured | target |", "|---|---|---|"]
        for verdict in result["verdicts"].values():
            lines.append(f"| {verdict['what']} | {verdict['shown']} | {verdict['text']} |")
        lines.append("")
    for name, why in result["left_out"].items():
        lines.append(f"Left out: {name}: {why}")
    return "\n".join(lines).rstrip()
