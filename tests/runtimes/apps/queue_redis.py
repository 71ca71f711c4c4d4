# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Workers of Redis in a plain loop: a list by BRPOP, or a stream by XREADGROUP."""
import json
import sys

import redis

from queue_work import warm, work

way, port = sys.argv[1], int(sys.argv[2])
server = redis.Redis(port=port)
warm()
if way == "list":
    while True:
        found = server.brpop(["other", "jobs"], timeout=1)
        if found:
            work("jobs", json.loads(found[1]))
server.xgroup_create("stream", "workers", id="0", mkstream=True)
while True:
    for _, entries in server.xreadgroup("workers", "one", {"stream": ">"}, count=1, block=1000):
        for number, fields in entries:
            work("stream", json.loads(fields[b"plan"]))
            server.xack("stream", "workers", number)
