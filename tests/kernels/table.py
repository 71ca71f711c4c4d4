# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The matrix as text and as Markdown: a row for each thing that is checked or that a kernel offers, a column a kernel."""


def _cell(guest, name):
    word, _ = guest.results.get(name, ("-", ""))
    return {"ok": "yes", "FAILED": "NO", "skip": "skipped"}.get(word, word)


def _offered(guest, name):
    state, found = guest.doctor.get(name, ("-", ""))
    return "yes" if state == "ok" else state if state != "degraded" else f"no: {found}"


def rows(guests):
    """[[name, cell, ..], ..] for {release: Guest}: what was checked, then what not every kernel offers."""
    names, features = [], []
    for guest in guests.values():
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
    """What README takes between its markers."""
    table, offered = rows(guests)
    lines = [f"| | {' | '.join(guests)} |", f"|---|{'---|' * len(guests)}"]
    lines += [f"| {row[0]} | {' | '.join(row[1:])} |" for row in table]
    lines += [f"| `{row[0]}` | {' | '.join(row[1:])} |" for row in offered]
    return "\n".join(lines) + "\n"
