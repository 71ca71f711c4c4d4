# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Paired comparison: observed runs between unobserved ones, so that what drifts in the machine cancels."""
import statistics

UNOBSERVED = ""


def order(tools, pairs):
    """The tools to run under, one after another: an unobserved run between any two observed ones, and at both ends."""
    runs = [UNOBSERVED]
    for _ in range(pairs):
        for tool in tools:
            runs += [tool, UNOBSERVED]
    return runs


def summary(values):
    """{"median", "min", "max", "values"} of at least one value."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "values": values}


def ratios(runs, tool, figure):
    """Every run with the tool over the mean of the unobserved runs next to it. `runs` is a list of (tool, figures)."""
    found = []
    for at, (name, figures) in enumerate(runs):
        if name != tool:
            continue
        beside = [runs[i][1][figure] for i in (at - 1, at + 1)
                  if 0 <= i < len(runs) and runs[i][0] == UNOBSERVED]
        if beside:
            found.append(figures[figure] / statistics.mean(beside))
    return found


def noise(runs, figure):
    """Every unobserved run over the one before it: what the same measurement says when nothing has changed."""
    unobserved = [figures[figure] for name, figures in runs if name == UNOBSERVED]
    return [later / earlier for earlier, later in zip(unobserved, unobserved[1:])]


def noise_bound(values):
    """The largest of the noise ratios, whichever of the two runs was the slower one."""
    return max(max(value, 1 / value) for value in values)
