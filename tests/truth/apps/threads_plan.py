# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What each request of the thread-per-request truth tests has to do: known to the server and to the test alike.

plan(name, number) is a list of (operation, milliseconds) in the order in which they are to be done, drawn at random from the seed
that `name` and `number` make.
"""
import random

# Operation: the shortest and the longest time it may be told to take.
OPERATIONS = {
    "compute": (1, 6),
    "postgres": (1, 10),  # pg_sleep
    "queries": (0, 0),    # three short ones
    "redis": (0, 0),      # a SET and two GETs
    "blpop": (2, 8),      # Redis holds the answer back
    "http_kept": (2, 10), # the upstream's delay, on a connection that is kept
    "http_new": (2, 10),  # and on one of its own
    "fsync": (0, 0),      # twenty times
    "lock": (0, 0),       # another thread holds it most of the time
    "sleep": (1, 8),
    "pipe": (1, 8),       # a child process answers later
    "upload": (2, 8),     # the client is late with the body
}
KIND = {"compute": "compute", "postgres": "db", "queries": "db", "redis": "db", "blpop": "db", "http_kept": "net",
        "http_new": "net", "fsync": "disk", "lock": "lock", "sleep": "sleep", "pipe": "ipc", "upload": "client",
        # Those that are in no plan.
        "fsync_once": "disk", "read_cold": "disk", "mysql": "db", "mysql_new": "db", "memcached": "db", "mongodb": "db"}


def plan(name, number):
    draw = random.Random(f"{name} {number}")
    chosen = draw.sample(sorted(OPERATIONS), draw.randint(2, 5))
    return [(operation, round(draw.uniform(*OPERATIONS[operation]), 2)) for operation in chosen]
