# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tables that a run writes into the documentation."""


def replace_between(path, markers, text):
    """Puts the text between two lines of a file."""
    begin, end = markers
    before, _, rest = path.read_text().partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{path}: no line {begin.strip()}")
    path.write_text(f"{before}{begin}{text}{end}{after}")
