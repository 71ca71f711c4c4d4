#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The JDK's HTTP server with a fixed pool of threads: accounts and operations are those that its handlers wrote down."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from java_truth import compare  # noqa: E402  (the path comes first)

compare("JdkServer")
