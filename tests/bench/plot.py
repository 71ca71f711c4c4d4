# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""How cost grows, as an SVG that needs nothing else: a panel for each axis, all on one scale."""
import math
from xml.sax.saxutils import escape

import growth

# Its class, its name, and where its last value stands: above or below.
SERIES = {"bpf_us": ("k", "BPF programs", -9), "user_us": ("u", "whywait's own process", 18)}
PANEL_W, PANEL_H, GAP, LEFT, TOP, BOTTOM, RIGHT = 250, 170, 34, 46, 66, 52, 16

STYLE = """
  :root { color-scheme: light dark; }
  .back { fill: #fcfcfb; } .text { fill: #30302e; } .soft { fill: #6b6a66; } .grid { stroke: #e4e3df; }
  .k { stroke: #2a6fc9; } .k-dot { fill: #2a6fc9; } .u { stroke: #b8641c; } .u-dot { fill: #b8641c; }
  text { font: 12px system-ui, sans-serif; } .title { font-size: 14px; font-weight: 600; }
  .mark { stroke-width: 2; fill: none; }
  @media (prefers-color-scheme: dark) {
    .back { fill: #1a1a19; } .text { fill: #ecebe6; } .soft { fill: #a3a29c; } .grid { stroke: #383835; }
    .k { stroke: #6ba5ee; } .k-dot { fill: #6ba5ee; } .u { stroke: #e0964f; } .u-dot { fill: #e0964f; }
  }"""


def nice_step(most, steps=4):
    """The least of 1, 2 and 5 times a power of ten of which so many reach `most`."""
    power = 10 ** math.floor(math.log10(most / steps))
    return next(power * n for n in (1, 2, 5, 10) if power * n * steps >= most)


def number(value):
    """As a label: 10000 as 10,000, 0.5 as 0.5."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _text(x, y, text, cls="text", anchor="middle"):
    return f'<text class="{cls}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _panel(left, name, points, top_value, step):
    """One axis: grid, names of its points, and a line with its last value for each series."""
    bottom = TOP + PANEL_H

    def x(index):
        return left + PANEL_W * (index + 0.5) / len(points)

    def y(value):
        return bottom - PANEL_H * value / top_value

    yield _text(left, TOP - 12, f"with {growth.AXES[name][0].split(',')[0]}", anchor="start")
    for at in range(round(top_value / step) + 1):
        yield f'<line class="grid" x1="{left}" x2="{left + PANEL_W}" y1="{y(at * step):.1f}" y2="{y(at * step):.1f}"/>'
    for index, point in enumerate(points):
        yield _text(x(index), bottom + 18, number(point["at"]), "soft")
    for key, (cls, title, beside) in SERIES.items():
        line = " ".join(f"{x(index):.1f},{y(point[key]):.1f}" for index, point in enumerate(points))
        yield f'<polyline class="mark {cls}" points="{line}"/>'
        for index, point in enumerate(points):
            said = f"{title}: {point[key]:.2f} µs a request at {number(point['at'])} {name}"
            yield (f'<circle class="{cls}-dot" cx="{x(index):.1f}" cy="{y(point[key]):.1f}" r="3.5">'
                   f"<title>{escape(said)}</title></circle>")
        last = y(points[-1][key])
        yield _text(x(len(points) - 1), last + (beside if last + beside < bottom else -9), f"{points[-1][key]:.1f}", "soft")


def svg(result):
    """The whole picture, of the axes that were measured."""
    axes = result["growth"]
    most = max(point[key] for points in axes.values() for point in points for key in SERIES)
    step = nice_step(most * 1.08)
    top_value = step * math.ceil(most * 1.08 / step)
    width = LEFT + len(axes) * PANEL_W + (len(axes) - 1) * GAP + RIGHT
    height = TOP + PANEL_H + BOTTOM
    said = f"{result['date'][:10]}, Linux {result['host']['kernel']}"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
             'role="img" aria-labelledby="what">',
             "<!-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause; made by tests/bench/run -->",
             f'<title id="what">What observing a request costs, as threads, connections and routes grow; {escape(said)}'
             "</title>", f"<style>{STYLE}\n</style>", f'<rect class="back" width="{width}" height="{height}" rx="6"/>',
             _text(LEFT, 24, "CPU time that observing takes, µs a request", "text title", "start")]
    at = width - RIGHT - 330
    for cls, title, _ in SERIES.values():
        parts += [f'<line class="mark {cls}" x1="{at}" x2="{at + 18}" y1="20" y2="20"/>',
                  _text(at + 24, 24, title, "text", "start")]
        at += 40 + 7 * len(title)
    for tick in range(round(top_value / step) + 1):
        parts.append(_text(LEFT - 8, TOP + PANEL_H - PANEL_H * tick * step / top_value + 4, number(tick * step), "soft",
                           "end"))
    for index, (name, points) in enumerate(axes.items()):
        parts += _panel(LEFT + index * (PANEL_W + GAP), name, points, top_value, step)
    parts.append(_text(width - RIGHT, height - 12, said, "soft", "end"))
    return "\n".join([*parts, "</svg>"]) + "\n"
