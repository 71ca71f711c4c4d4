#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An asynchronous servlet, which a pool's thread answers: that is not followed, and each of its requests says so."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from java_truth import STEPS, compare  # noqa: E402  (the path comes first)

compare("TomcatServer", [(8, 400, 0, 0, 0, tuple(STEPS), None)], warm=200, settings={"ASYNC": "1"})
