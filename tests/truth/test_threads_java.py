#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The JDK's HTTP server: what its threads, its pools and its HTTP client do is the requests', and Java's sleep is sleep. All of
it, and Tomcat, is in tests/runtimes."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "runtimes/apps"))
from java_truth import SEEN, compare  # noqa: E402  (the path comes first)

compare("JdkServer", [(8, 200, 0, 0.05, 0.4, SEEN, 0.96)], threads=16, warm=300)
