# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The matrix as text and as Markdown: a row for each thing that is checked, or that not every kernel offers; a column a kernel."""


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
    """What README has between its markers."""
    table, offered = rows(guests)
    lines = [f"| | {' | '.join(guests)} |", f"|---|{'---|' * len(guests)}"]
    lines += [f"| {row[0]} | {' | '.join(row[1:])} |" for row in table]
    lines += [f"| `{row[0]}` | {' | '.join(row[1:])} |" for row in offered]
    return "\n".join(lines) + "\n"


BEGIN, END = "<!-- kernel matrix: make test-kernels writes it -->\n", "<!-- end of kernel matrix -->\n"


def put_into(readme, guests):
    """Writes the matrix between the markers of that file."""
    before, _, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{readme}: no markers of the kernel matrix")
    readme.write_text(f"{before}{BEGIN}{markdown(guests)}{END}{after}")
