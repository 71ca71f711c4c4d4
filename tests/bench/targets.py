# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What observing with whywait may cost, and whether a figure keeps to it."""

MIB = 1 << 20

# Which way, limit, how it is written. None as the limit: the noise of the same measurement, unobserved.
TARGETS = {
    "a.per_s": (">=", 0.93, "{:.3f}"),
    "b.per_s": (">=", 0.97, "{:.3f}"),
    "c.p99_ms": ("<=", None, "{:.3f}"),
    "c.cpu_ms": ("<=", None, "{:.3f}"),
    "programs.sched_switch_ns": ("<=", 350, "{:.0f} ns"),
    "programs.ns_per_request": ("<=", 1500, "{:.0f} ns"),
    "footprint.mib": ("<=", 64, "{:.1f} MiB"),
    "attach.s": ("<=", 1, "{:.2f} s"),
}
WIDE_NOISE = 1.10


def judge(name, value, noise=None):
    """{"value", "shown", "met", "text"} for the figure of that name. `noise` is the bound of unobserved against
    unobserved runs, or None where that is not known or does not matter; `met` is None when it can't be told."""
    compare, limit, form = TARGETS[name]
    what = f"{compare} "
    if limit is None:
        if noise is None:
            return {"value": value, "shown": form.format(value), "met": None,
                    "text": "within noise: can't be told, too few unobserved runs"}
        limit = noise
        what = f"within noise, {compare} "
    met = value >= limit if compare == ">=" else value <= limit
    text = f"{what}{form.format(limit)}: {'met' if met else 'MISSED'} by {form.format(abs(value - limit))}"
    if noise and noise > WIDE_NOISE:
        text += f" (the noise of {noise:.2f} is so wide that this proves little)"
    return {"value": value, "shown": form.format(value), "met": met, "text": text}
