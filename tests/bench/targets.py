# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What observing with whywait may cost, and whether a figure keeps to it."""

MIB = 1 << 20

# What it is, which way, limit, how it is written. None as the limit: the noise of the same measurement, unobserved.
TARGETS = {
    "a.per_s": ("throughput kept on (a)", ">=", 0.93, "{:.3f}"),
    "a.cpu_us": ("CPU of the server per request on (a), observed / unobserved", "<=", 1.075, "{:.3f}"),
    "b.per_s": ("throughput kept on (b)", ">=", 0.97, "{:.3f}"),
    "c.p99_ms": ("p99 on (c), observed / unobserved", "<=", None, "{:.3f}"),
    "c.cpu_ms": ("CPU per request on (c), observed / unobserved", "<=", None, "{:.3f}"),
    "programs.sched_switch_ns": ("mean run of sched_switch, the worse of (a) and (b)", "<=", 350, "{:.0f} ns"),
    "programs.ns_per_request": ("BPF time per request on (a)", "<=", 1500, "{:.0f} ns"),
    "operations.short": ("what it adds to tell an operation, BPF and own CPU: a query of some 30 bytes", "<=", 2000, "{:.0f} ns"),
    "operations.long": ("the same, of some 500 bytes", "<=", 2000, "{:.0f} ns"),
    "runtimes.probes": ("what probes in a runtime take, the trap and all, of its program's CPU time, the worst",
                        "<=", 0.01, "{:.2%}"),
    "stacks.share": ("CPU time that stacks add by default, BPF and own CPU, of the host's, the worst", "<=", 0.01, "{:.2%}"),
    "others.syscalls": ("CPU time of a program of system calls that is not observed", "<=", 1.01, "{:.3f}"),
    "others.switches": ("CPU time of a program of context switches that is not observed", "<=", 1.01, "{:.3f}"),
    "footprint.mib": ("RSS + maps at 10,000 requests/s, 1,000 routes", "<=", 64, "{:.1f} MiB"),
    "attach.s": ("attached after start, the slowest", "<=", 1, "{:.2f} s"),
}
WIDE_NOISE = 1.10


def judge(name, value, noise=None):
    """{"what", "value", "shown", "met", "text"} for the figure of that name. `noise` is the bound of unobserved against
    unobserved runs, or None where that is not known or does not matter; `met` is None when it can't be told."""
    what, compare, limit, form = TARGETS[name]
    verdict = {"what": what, "value": value, "shown": form.format(value)}
    within = ""
    if limit is None:
        if noise is None:
            return {**verdict, "met": None, "text": "within noise: can't be told, too few unobserved runs"}
        limit = noise
        within = "within noise, "
    met = value >= limit if compare == ">=" else value <= limit
    text = f"{within}{compare} {form.format(limit)}: {'met' if met else 'MISSED'} by {form.format(abs(value - limit))}"
    if noise and noise > WIDE_NOISE:
        text += f" (the noise of {noise:.2f} is so wide that this proves little)"
    return {**verdict, "met": met, "text": text}
