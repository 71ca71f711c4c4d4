# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The matrix as text and as Markdown: a row for each thing that is checked, or that not every kernel offers; a column a kernel."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from marked import replace_between  # noqa: E402  (the path comes first)



def _cell(guest, name):
    word, _ = guest.results.get(name, ("-", ""))
    return {"ok": "yes", "FAILED": "NO"}.get(word, word)


def _offered(guest, name):
    state, found = guest.doctor.get(name, ("-", ""))
    if state == "ok":
        return found if found.startswith("by ") else "yes"
    return "no" if state in ("missing", "degraded") else state


def rows(guests):
    """[[name, cell, ..], ..] for {release: Guest}: what was checked, then what not every kernel offers."""
    names, features = [], []
    for guest in sorted(guests.values(), key=lambda guest: -len(guest.results)):
        names += [name for name in guest.results if name not in names]
        features += [name for name in guest.doctor if name not in features]
    table = [[name, *(_cell(guest, name) for guest in guests.values())] for name in names]
    offered = [[name, *(_offered(guest, name) for guest in guests.values())] for name in features]
    return table, [row for row in offered if any(cell not in ("yes", "-") for cell in row[1:])]


def text(guests):
    table, offered = rows(guests)
    lines = [["", *guests], *table, *offered]
    width = max(len(line[0]) for line in lines) + 2
    columns = [max(len(line[i]) for line in lines) + 2 for i in range(1, len(guests) + 1)]
    return "\n".join((line[0].ljust(width) + "".join(cell.ljust(w) for cell, w in zip(line[1:], columns))).rstrip()
                     for line in lines)


def markdown(guests):
    """What docs/kernels.md has between its markers."""
    table, offered = rows(guests)
    lines = [f"| | {' | '.join(guests)} |", f"|---|{'---|' * len(guests)}"]
    lines += [f"| {row[0]} | {' | '.join(row[1:])} |" for row in table]
    lines += [f"| `{row[0]}` | {' | '.join(row[1:])} |" for row in offered]
    return "\n".join(lines) + "\n"


BEGIN, END = "<!-- kernel matrix: tests/kernels/run --docs writes it -->\n", "<!-- end of kernel matrix -->\n"


def put_into(page, guests):
    """Writes the matrix between the markers of that file."""
    replace_between(page, (BEGIN, END), markdown(guests))
