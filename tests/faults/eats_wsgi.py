# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The counted application, with an action that takes memory: /CASE/eat/MIB/NUMBER."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "truth" / "apps"))
import counts_wsgi  # noqa: E402  (the path comes first)


def eat(argument, environ, start):
    len(b"x" * (int(argument) << 20))
    return counts_wsgi.size("16", environ, start)


counts_wsgi.ACTIONS["eat"] = eat
app = counts_wsgi.app
