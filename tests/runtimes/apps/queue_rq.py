# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A worker of rq: it makes a process for each job (`fork`), or does them itself (`simple`)."""
import sys

import redis
from rq import SimpleWorker, Worker

from queue_work import warm

kind = SimpleWorker if sys.argv[2] == "simple" else Worker
if kind is SimpleWorker:
    warm()
kind(["jobs"], connection=redis.Redis(port=int(sys.argv[1]))).work()
