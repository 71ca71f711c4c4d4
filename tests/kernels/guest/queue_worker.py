# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A worker that takes messages by BRPOP: each asks for a wait of so many milliseconds. `itself`: it does; `hands-on`: a process that it has made does, which reads from a pipe, as
Celery's pool of processes. What a wait took goes to standard output, one line a message."""
import os
import pickle
import socket
import sys
import time

FETCH = b"*3\r\n$5\r\nBRPOP\r\n$4\r\njobs\r\n$1\r\n1\r\n"


def work(ms):
    began = time.monotonic_ns()
    time.sleep(ms / 1000)
    print(os.getpid(), time.monotonic_ns() - began, flush=True)


def exactly(pipe, size):
    data = b""
    while len(data) < size:
        more = os.read(pipe, size - len(data))
        if not more:
            sys.exit(0)
        data += more
    return data


def takes(pipe):
    """The process that is made: a length, and that many bytes."""
    while True:
        work(pickle.loads(exactly(pipe, int.from_bytes(exactly(pipe, 4), "big")))["sleep"])


def main(way, port):
    ends = os.pipe()
    if way == "hands-on":
        if not os.fork():
            os.close(ends[1])
            takes(ends[0])
        os.close(ends[0])
    with socket.create_connection(("127.0.0.1", port)) as broker:
        while True:
            broker.sendall(FETCH)
            answer = broker.recv(4096)
            if not answer:
                return
            if answer.startswith(b"*-1"):
                continue
            ms = int(answer.split(b"\r\n")[4])
            if way == "itself":
                work(ms)
                continue
            task = pickle.dumps({"sleep": ms, "name": "shop.mail", "more": "x" * 100}, protocol=4)
            os.write(ends[1], len(task).to_bytes(4, "big"))
            os.write(ends[1], task)


main(sys.argv[1], int(sys.argv[2]))
