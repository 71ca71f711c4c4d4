# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A result of the bench as plain text and as Markdown."""
import growth
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


PIECES = {
    "request": "a request, answered at once by one send",
    "upstream": "a round trip to an upstream",
    "connection": "a connection of one request, beside a kept one",
    "switch": "a context switch of an observed process",
    "wakeup": "a wake-up in it",
}


def _pieces(result):
    yield "What a piece of work costs, by the kernel's clock on BPF programs, which adds 60 to 90 ns a run"
    for name, title in PIECES.items():
        value = result["pieces"][name]
        yield f"    {title:<50}{'-' if value is None else f'{value:,.0f} ns':>12}"
    yield ""


def _operations(result):
    yield "What it adds to tell an operation: record beside record --no-operations, a query by psycopg2"
    for text, added in result["operations"].items():
        yield f"    {text + ', ' + str(added['bytes']) + ' bytes':<32}BPF {added['bpf_ns']:6,.0f} ns, own CPU " \
              f"{added['user_ns']:6,.0f} ns: {added['ns']:6,.0f} ns"
        yield f"    target {result['verdicts'][f'operations.{text}']['text']}"
    yield ""


def _runtimes(result):
    hit = result["runtimes"]["hit_ns"]
    yield f"Probes in runtimes: a hit costs its program {hit['median']:,.0f} ns, trap and all ({hit['min']:,.0f} .. {hit['max']:,.0f})"
    for name, pages in result["runtimes"]["probes"].items():
        for title, page in pages.items():
            times = f"with them times {_spread(page['ratio'])}, noise {_spread(page['noise'])}" if "ratio" in page else ""
            yield f"    {name + ', ' + title:<20}{page['cpu_us']:10,.0f} us a request  {times}"
            yield f"    {'':<20}{page['hits_per_request']:.2f} hits a request, {page['hits_per_cpu_s']:.0f} per second of CPU time: " \
                  f"{page['share']:.3%}; all programs: {page['programs_share']:.2%}"
    if "runtimes.probes" in result["verdicts"]:
        yield f"    target {result['verdicts']['runtimes.probes']['text']}"
    for name, ways in result["runtimes"]["handoffs"].items():
        for way, title in HANDED.items():
            found = ways[way]
            yield f"{name}, {title}: all programs {found['us']:.0f} us of a request's {found['cpu_us']:,.0f} us: {found['share']:.2%}"
            for program, entry in found["hottest"].items():
                yield f"    {program:<24}{entry['per_request']:8.1f} a request, {entry['ns']:7,.0f} ns: {entry['share']:.2%}"
    yield ""


HANDED = {"followed": "followed", "left": "not followed (`--no-handoffs`)"}


def runtimes_docs(result, text):
    """docs/cost.md with what probes and handoffs cost anew, if that was measured."""
    if not result.get("runtimes"):
        return text
    begin, end = "<!-- runtimes: tests/bench/run --docs writes it -->\n", "<!-- end of runtimes -->\n"
    before, _, rest = text.partition(begin)
    return before + begin + "\n".join(_runtimes_table(result)) + "\n" + end + rest.partition(end)[2]


def runtimes_kept(text, old):
    """A page that was made anew, with that part of the old one, and what is behind it."""
    begin = "<!-- runtimes: tests/bench/run --docs writes it -->\n"
    kept = old.partition(begin)[2]
    return text + "\n" + begin + kept if kept else text


def _runtimes_table(result):
    hit = result["runtimes"]["hit_ns"]
    yield "## What programs pay for probes in their runtimes"
    yield ""
    yield f"Measured {_host(result)}. The probes by which collectors tell when they work are the only ones that whywait has in programs by default; " \
          "`--no-collectors` (`collectors: false`) leaves them out. A hit of one costs the program " \
          f"{hit['median'] / 1000:.1f} µs ({hit['min'] / 1000:.1f} .. {hit['max'] / 1000:.1f}), the trap and all, as CPython shows that does " \
          "nothing else than collect what is not there. The share is hits times that; the last columns are the CPU time of a request with the " \
          "probes, of what it is without them, in turn, and of the latter from one run to the next: where the noise is wide, the share is what can " \
          "be relied on."
    yield ""
    yield from _busy(result)
    yield "| runtime | CPU time of a request, µs | hits a request | a second of CPU time | share of CPU time | times with probes | noise |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name, pages in result["runtimes"]["probes"].items():
        for title, page in pages.items():
            times = f"{_spread(page['ratio'])} | {_spread(page['noise'])}" if "ratio" in page else "- | -"
            yield f"| {name}, {PAGES[title]} | {page['cpu_us']:,.0f} | {page['hits_per_request']:.2f} | {page['hits_per_cpu_s']:,.0f} | " \
                  f"{page['share']:.2%} | {times} |"
    yield ""
    yield "## What following requests to other threads and tasks costs"
    yield ""
    yield "All of whywait's programs by the kernel's clock, 8 requests in flight that compute little, ask PostgreSQL, Redis and an HTTP server, and " \
          "sleep. `--no-handoffs` (`handoffs: false`) does not follow them: such requests have `operations_missing`, and what they waited for there is `lock` or `other`."
    yield ""
    yield "| server | CPU time of a request, µs | programs, µs a request | share | the hottest |"
    yield "|---|---:|---:|---:|---|"
    for name, ways in result["runtimes"]["handoffs"].items():
        for way, title in HANDED.items():
            found = ways[way]
            program, entry = next(iter(found["hottest"].items()))
            yield f"| {name}, {title} | {found['cpu_us']:,.0f} | {found['us']:.0f} | {found['share']:.1%} | " \
                  f"`{program}`: {entry['per_request']:.0f} a request, {entry['ns'] / 1000:.2f} µs |"


PAGES = {"garbage": "does nothing but make garbage", "documents": "reads and writes JSON", "requests": "requests that do nothing"}


def _stacks(result):
    yield "What a stack costs, with those of every request taken, beside whywait without stacks"
    yield f"    {'':<16}{'a request has':>14}{'taking':>10}{'unwind':>10}{'names':>10}{'all BPF':>10}{'own CPU':>10}{'once':>10}{'files':>7}{'kept':>11}{'of CPU: all':>14}{'by default':>12}"
    for name, program in result["stacks"].items():
        yield f"    {name:<16}{program['stacks']:>14.1f}" + "".join(
            f"{program[key] / 1000:7.1f} us" for key in ("take_ns", "unwind_ns", "names_ns", "bpf_ns", "user_ns")) + \
            f"{program['once_ms']:7.0f} ms{program['files']:7.0f}{program['mib']:7.1f} MiB{program['share_all']:14.2%}{program['share']:12.2%}"
    if "stacks.share" in result["verdicts"]:
        yield f"    target {result['verdicts']['stacks.share']['text']}"
    yield ""


def stacks_docs(result, text):
    """docs/stacks.md with the table anew, if that was measured."""
    if not result.get("stacks"):
        return text
    begin, end = "<!-- stacks: tests/bench/run --docs writes it -->\n", "<!-- end of stacks -->"
    before, _, rest = text.partition(begin)
    return before + begin + "\n".join(_stacks_table(result)) + "\n" + end + rest.partition(end)[2]


def _stacks_table(result):
    busy = f", beside other work (load {result['host']['load']:.0f})" if result["host"]["load"] > 0.5 else ""
    lines = [f"{_host(result)}{busy}; with the stacks of every request.", "",
             "| program | stacks a request | taking one | unwinding | names | all of BPF, of own CPU | once, for files | kept of them | of the host's CPU: all | by default |",
             "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    return lines + [f"| {name} | {program['stacks']:.1f} | {program['take_ns'] / 1000:.1f} us | {program['unwind_ns'] / 1000:.1f} us | "
                    f"{program['names_ns'] / 1000:.1f} us | {program['bpf_ns'] / 1000:.1f}, {program['user_ns'] / 1000:.1f} us | {program['once_ms']:.0f} ms, {program['files']:.0f} files | "
                    f"{program['mib']:.1f} MiB | {program['share_all']:.1%} | {program['share']:.2%} |" for name, program in result["stacks"].items()]


def _growth(result, name):
    yield f"Growth with {growth.AXES[name][0]}"
    yield f"    {name:<16}{'BPF, us/request':>18}{'own CPU, us/request':>22}{'own RSS':>14}"
    for point in result["growth"][name]:
        yield f"    {point['at']:<16,}{point['bpf_us']:18.2f}{point['user_us']:22.2f}{point['rss'] / MIB:10.1f} MiB" + (
            "" if point["complete"] else f"   lost: {point['losses']}")
    yield ""


def _others(result, name):
    found = result["others"][name]
    yield f"Not observed: {found['title']}, {found['unobserved_ns']:,.0f} ns each: CPU time times " \
          f"{_spread(found['ratio'])}, with empty programs on its hooks {_spread(found['hooks'])}, noise {_spread(found['noise'])}"
    yield f"    target {result['verdicts'][f'others.{name}']['text']}"
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
    if "pieces" in result:
        lines += _pieces(result)
    if "operations" in result:
        lines += _operations(result)
    if "runtimes" in result:
        lines += _runtimes(result)
    if "stacks" in result:
        lines += _stacks(result)
    for name in result.get("growth", {}):
        lines += _growth(result, name)
    for name in result.get("others", {}):
        lines += _others(result, name)
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


def docs(result):
    """docs/cost.md."""
    lines = ["<!-- made by tests/bench/run --docs -->", "# What observing costs, and how it grows", "",
             f"Measured {_host(result)}; `make bench` measures anew, `tests/bench/run --docs` writes this page and its "
             "picture.", "",
             "BPF time is what the kernel's own clock on BPF programs says, which adds 60 to 90 ns to each run of a "
             "program. It hardly depends on what else a host does. Own CPU is the time of whywait's own process, which "
             "reads what the programs leave, keeps histograms and writes the recording.", "", *_busy(result),
             "![Cost of a request as threads, connections and routes grow](cost.svg)", ""]
    for name, points in result["growth"].items():
        lines += [f"| {growth.AXES[name][0]} | BPF, µs a request | own CPU, µs a request | own memory, MiB | complete |",
                  "|---:|---:|---:|---:|---|"]
        lines += [f"| {point['at']:,} | {point['bpf_us']:.2f} | {point['user_us']:.2f} | {point['rss'] / MIB:.1f} | "
                  f"{'yes' if point['complete'] else 'no: ' + _lost(point['losses'])} |" for point in points]
        lines.append("")
    lines += ["## What a piece of work costs", "", "| piece | BPF time, ns |", "|---|---:|"]
    lines += [f"| {title} | {result['pieces'][name]:,.0f} |" for name, title in PIECES.items()
              if result["pieces"][name] is not None]
    lines += ["", "## What it adds to tell operations", "",
              "`record` beside `record --no-operations`, in turn, a page of gunicorn's with 100 queries by psycopg2.", "",
              "| a query of | BPF, ns | own CPU, ns | together, ns | target |", "|---:|---:|---:|---:|---|"]
    lines += [f"| {added['bytes']} bytes | {added['bpf_ns']:,.0f} | {added['user_ns']:,.0f} | {added['ns']:,.0f} | "
              f"{result['verdicts'][f'operations.{text}']['text']} |" for text, added in result["operations"].items()]
    lines += ["", "## What programs pay that are not observed", "",
              "Their CPU time for the same work, while whywait observes another port, of what it is without whywait; each "
              "of the bursts that a tenth of all in a run were quicker than. Programs that do nothing on the same hooks are the "
              "least that any observer on them costs.", "",
              "| program | without whywait, ns | times with it | times with empty programs on its hooks | times by noise | target |",
              "|---|---:|---:|---:|---:|---|"]
    for name, found in result["others"].items():
        lines.append(f"| {found['title']} | {found['unobserved_ns']:,.0f} | {_spread(found['ratio'])} | "
                     f"{_spread(found['hooks'])} | {_spread(found['noise'])} | {result['verdicts'][f'others.{name}']['text']} |")
    return "\n".join(lines) + "\n"


def _busy(result):
    if result["host"]["load"] > 0.5:
        yield f"The host was busy with other work all the while (load {result['host']['load']:.0f}): figures are larger " \
              "for it, as caches were shared, and their noise is wide."
        yield ""


def _lost(losses):
    return ", ".join(f"{count:,} {cause}" for cause, count in losses.items() if count)
