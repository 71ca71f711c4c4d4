# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a handler writes down of the operations that it does: see ledgers_truth.py."""
import time


class Ledger(list):
    def add(self, system, summary, flags, statement="", error="", ns=0, least_ns=0):
        self.append({"system": system, "summary": summary, "flags": flags.split(), "statement": statement, "error": error,
                     "ns": ns, "least_ns": least_ns})

    def timed(self, call, system, summary, flags, **entry):
        """Does it, and writes it down where it has its place: by its beginning."""
        place = len(self)
        began = time.monotonic_ns()
        try:
            return call()
        finally:
            self.add(system, summary, flags, ns=time.monotonic_ns() - began, **entry)
            self.insert(place, self.pop())
