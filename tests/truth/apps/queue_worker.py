# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A worker that takes messages, {"sleep", "compute"} of milliseconds, and measures itself: from a Redis list (`redis`), or from a
second list after
other threads have asked Redis for something (`late`), from a broker of AMQP whose messages all have the same size, in odd pieces (`pieces`: frames' beginnings in several reads) or as a `whole`.
Its ledger is standard output."""
import json
import socket
import sys
import threading
import time

ACK = bytes([1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xce])
HEARTBEAT = bytes([8, 0, 0, 0, 0, 0, 0, 0xce])


def work(plan):
    began, ran = time.monotonic_ns(), time.thread_time_ns()
    time.sleep(plan["sleep"] / 1000)
    slept = time.monotonic_ns() - began
    while time.thread_time_ns() - ran < plan["compute"] * 1_000_000:
        sum(range(200))
    print(json.dumps({"sleep": slept, "compute": time.thread_time_ns() - ran}), flush=True)


def redis_list(port):
    import redis

    server = redis.Redis(port=port)
    while True:
        found = server.brpop("jobs", timeout=1)
        if found:
            work(json.loads(found[1]))


def exactly(connection, size, pieces):
    """So many bytes, the first of them in pieces."""
    got = b""
    for piece in [*pieces, size]:
        wanted = min(piece, size - len(got))
        while wanted:
            more = connection.recv(wanted)
            if not more:
                sys.exit(0)
            got, wanted = got + more, wanted - len(more)
    return got


def amqp(port, way, size):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(HEARTBEAT)
    count = 0
    while True:
        pieces = ([], [3, 1, 5, 1], [7, 2, 2], [6, 5, 40, 3])[count % 4] if way == "pieces" else []
        message = exactly(connection, size, pieces)
        work(json.loads(message[message.index(b"{"):message.index(b"}") + 1]))
        connection.sendall(ACK)
        count += 1


def late(port):
    """A thread begins to take messages when others of the process have asked for what is nobody's, which they do no more."""
    import redis

    taken, asked, done = [], [], []

    def ask():
        server = redis.Redis(port=port)
        while not taken:
            time.sleep(0.01)
        for _ in range(3):
            server.get("nothing")
        asked.append(1)

    def take():
        server = redis.Redis(port=port)
        while not asked:
            time.sleep(0.01)
        work(json.loads(server.brpop("late")[1]))
        server.brpop("late", timeout=1)
        done.append(1)

    for target in (ask, take):
        threading.Thread(target=target, daemon=True).start()
    server = redis.Redis(port=port)
    while not done:
        taken += server.brpop("first", timeout=1) or []


if sys.argv[1] == "redis":
    redis_list(int(sys.argv[2]))
elif sys.argv[1] == "late":
    late(int(sys.argv[2]))
else:
    amqp(int(sys.argv[2]), sys.argv[1], int(sys.argv[3]))
