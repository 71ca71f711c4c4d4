# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Test Anything Protocol for the Python tests."""
import sys
import traceback


class Tap:
    """Prints a TAP line a check; done() prints the plan and ends the process with the right status."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, name, good, why=""):
        self.count += 1
        if not good:
            self.failed += 1
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}", flush=True)
        if not good and why:
            for line in str(why).splitlines():
                print(f"# {line}", flush=True)
        return good

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)

    def note(self, text):
        for line in str(text).splitlines():
            print(f"# {line}", flush=True)

    def run(self, name, test, *args, **options):
        """Runs test(*args, **options); an exception is a failure with its traceback."""
        try:
            test(*args, **options)
        except Exception:
            self.check(name, False, traceback.format_exc())

    def done(self):
        print(f"1..{self.count}", flush=True)
        sys.exit(1 if self.failed else 0)
