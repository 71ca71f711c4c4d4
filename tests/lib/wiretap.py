# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What real clients and servers say to one another, and what whywait's parsers make of it.

    with Wiretap(("127.0.0.1", pg.port)) as tap:
        .. connect to 127.0.0.1, tap.port ..
    for stream in tap.streams:                         # one a connection: [("S" or "R", bytes), ..], S is what the client sent
        replay("postgres", stream, "--limits")         # {"operations": [..], "unsure": N}

Only what was forwarded is in a stream, in the order in which it was.
"""
import atexit
import json
import pathlib
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
_program = None


def _build():
    global _program
    if not _program:
        directory = tempfile.mkdtemp(prefix="whywait-replay-")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        _program = f"{directory}/replay"
        objects = [ROOT / "build" / source.relative_to(ROOT).with_suffix(".o") for room in ("protocols", "util")
                   for source in (ROOT / "src" / room).glob("*.c")]
        subprocess.run(["cc", "-std=gnu11", "-O1", "-D_GNU_SOURCE", f"-I{ROOT}/include", f"-I{ROOT}/src", "-o", _program,
                        ROOT / "tests/lib/replay_dialogue.c", *objects, "-lm"], check=True)
    return _program


def replay(protocol, stream, *options):
    """Plays a stream's calls to the protocol's dialogue; the options are those of replay_dialogue.c."""
    data = b"".join(way.encode() + struct.pack("<I", len(text)) + text for way, text in stream)
    done = subprocess.run([_build(), protocol, *map(str, options)], input=data, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"replay: status {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return json.loads(done.stdout)


class Wiretap:
    """Forwards connections to a server and keeps what went over them."""

    def __init__(self, server):
        self.server = server
        self.streams = []
        self._threads = []

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._stop, self._stopped = socket.socketpair()
        self._accepts = threading.Thread(target=self._accept)
        self._accepts.start()
        return self

    def __exit__(self, *_):
        self._stop.close()
        self._accepts.join()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()
        self._stopped.close()

    def _accept(self):
        while self._listener in select.select([self._listener, self._stopped], [], [])[0]:
            client = self._listener.accept()[0]
            stream = []
            self.streams.append(stream)
            thread = threading.Thread(target=self._forward, args=(client, stream), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _forward(self, client, stream):
        with client, socket.create_connection(self.server) as server:
            for end in client, server:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                # What has been answered was sent before.
                for end in sorted(select.select([client, server], [], [])[0], key=lambda end: end is server):
                    try:
                        data = end.recv(1 << 20)
                    except OSError:
                        return
                    if not data:
                        return
                    stream.append(("S" if end is client else "R", data))
                    try:
                        (server if end is client else client).sendall(data)
                    except OSError:
                        return
