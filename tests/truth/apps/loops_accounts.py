# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""From what an event loop recorded about itself to the account of each of its requests, kind by kind.

The recording is a dict, all times CLOCK_MONOTONIC nanoseconds, all CPU times those of the loop's thread:

    slices     [start, end, cpu at start, cpu at end, request or None]: the callbacks of the loop, in order
    idle       [start, end, delay]: blocked in its poll; the last `delay` of it runnable without a CPU
    waits      {request: [[kind, start, ready, end]]}: when the peer was written to or the timer set, when that one was done
               by its own clock, and when the handler went on
    responded  {request: [time, cpu]}: when the last byte was handed to the kernel

Between two of its slices a request is in the wait that it began, until that is ready; then it waits for the loop: in `queue`
while that runs others, and what it needs in between. When the loop is idle instead, the word of what was ready is still on its
way (still that wait), or has woken the loop (`runq`). Beside the kinds stands OPEN: the loop's own work while no other request
runs, which is compute or queue as one sees it, and the way of the request's first byte to the server.
"""
import bisect

OPEN = "open"


class Intervals:
    """Intervals that do not overlap, in order."""

    def __init__(self, rows):
        self.rows = rows
        self.ends = [row[1] for row in rows]

    def within(self, start, end):
        """The rows that overlap [start, end), each with the overlap's bounds."""
        index = bisect.bisect_right(self.ends, start)
        while index < len(self.rows) and self.rows[index][0] < end:
            row = self.rows[index]
            yield row, max(row[0], start), min(row[1], end)
            index += 1


def between(account, gap, wait, slices, idle):
    """Charges `gap`, (start, end) between two slices of a request, to its kinds."""
    kind, ready = (wait[0], min(max(wait[2], gap[0]), gap[1])) if wait else (None, gap[0])
    if wait:
        account[kind] += ready - gap[0]
    left = gap[1] - ready
    for row, start, end in idle.within(ready, gap[1]):
        woken = max(start, row[1] - row[2])
        account["runq"] += end - min(woken, end)
        account[kind or OPEN] += min(woken, end) - start
        left -= end - start
    others = sum(end - start for _, start, end in slices.within(ready, gap[1]))
    account["queue" if others else OPEN] += left


def accounts(times, recording, kinds):
    """{request: {kind: ns}} of times, {request: (sent, answered)} by the client's clock; with OPEN they sum to the wall time."""
    slices, idle = Intervals(recording["slices"]), Intervals(recording["idle"])
    own = {name: [] for name in times}
    for row in recording["slices"]:
        if row[4] in own:
            own[row[4]].append(row)
    found = {}
    for name, (start, answered) in times.items():
        end, cpu_end = recording["responded"][name]
        # The client may have it while the server is still on its way back from the system call.
        end = min(end, answered)
        account = found[name] = dict.fromkeys([*kinds, OPEN], 0)
        waits = recording["waits"].get(name, [])
        at = start
        for row in own[name]:
            if row[0] >= end or row[1] <= start:
                continue
            wait = next((wait for wait in waits if wait[1] <= at < row[0] <= wait[3]), None)
            if row[0] > at:
                between(account, (at, row[0]), wait, slices, idle)
            at = min(row[1], end)
            compute = min(row[3], cpu_end) - row[2]
            disk = sum(wait[2] - wait[1] for wait in waits if wait[0] == "disk" and row[0] <= wait[1] <= row[1])
            account["compute"] += compute
            account["disk"] += disk
            account["runq"] += at - max(row[0], start) - compute - disk
        account[OPEN] += end - at
    return found
