#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Django's views in the threads that asgiref has for them, under uvicorn."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from python_truth import Uvicorn, compare  # noqa: E402  (the path comes first)

compare(lambda environment: Uvicorn("python_django:asgi", env=environment), ("def",))
