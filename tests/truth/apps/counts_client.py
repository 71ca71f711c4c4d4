# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An HTTP/1 client that counts every byte and decides where each write ends.

Client libraries hide what these tests are about: how a message is cut into segments, when a connection ends and how.
"""
import os
import resource
import select
import socket
import struct
import time

CRLF = b"\r\n"
PATIENCE = 20.0 * int(os.environ.get("SERVICES_PATIENCE", "1"))  # seconds until a silent server is a failure


def allow_many_sockets(count=4096):
    """Raises the limit of open files, for the cases with hundreds of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def head(method, target, headers=(), version="1.1"):
    """The bytes of a request head. HTTP/1.1 gets a Host header unless one is given."""
    lines = [f"{method} {target} HTTP/{version}"]
    given = [(name, value) for name, value in headers]
    if version == "1.1" and not any(name.lower() == "host" for name, _ in given):
        given.insert(0, ("Host", "localhost"))
    lines += [f"{name}: {value}" for name, value in given]
    return "\r\n".join(lines).encode("latin-1") + 2 * CRLF


def chunks(body, size, trailer=b""):
    """The body in chunked coding, at most `size` bytes a chunk."""
    out = b""
    for start in range(0, len(body), size):
        piece = body[start:start + size]
        out += b"%x\r\n" % len(piece) + piece + CRLF
    return out + b"0\r\n" + trailer + CRLF


class Reply:
    """One response: its status, headers, and how many bytes of it came, head, framing and interim responses included."""

    def __init__(self):
        self.status = 0
        self.headers = {}
        self.body = 0        # bytes of the body, without its framing
        self.received = 0
        self.interim = []    # statuses of 1xx responses before it
        self.first_byte = 0.0
        self.end = 0.0


class Gone(Exception):
    """The server ended the connection in the middle of a response, or before it. `received` bytes of it had come."""

    def __init__(self, received):
        super().__init__(f"connection ended after {received} bytes of the response")
        self.received = received


class Connection:
    """A client connection to ("127.0.0.1", port), ("::1", port) or the path of a unix socket."""

    def __init__(self, address, receive_buffer=0):
        if isinstance(address, str):
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE)
        self._connect(address)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.ended = False

    def _connect(self, address):
        """A unix socket whose backlog is full refuses at once; TCP would have waited."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.sock.connect(address)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendall(data)
        return len(data)

    def close(self):
        """An orderly end: FIN, as long as everything that came has been read."""
        self.sock.close()

    def reset(self):
        """A disorderly end: RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def finish_sending(self):
        """FIN for the client's direction only."""
        self.sock.shutdown(socket.SHUT_WR)

    def _more(self):
        data = self.sock.recv(1 << 18)
        if not data:
            self.ended = True
        self.buffer += data
        return len(data)

    def take(self, count):
        """Removes `count` bytes from the stream; Gone when it ends before."""
        while len(self.buffer) < count:
            if not self._more():
                raise Gone(len(self.buffer))
        piece = bytes(self.buffer[:count])
        del self.buffer[:count]
        return piece

    def _take_to(self, ends):
        """Removes what reaches to the end of the first of `ends`."""
        while True:
            found = [at + len(end) for end in ends if (at := self.buffer.find(end)) >= 0]
            if found:
                return self.take(min(found))
            if not self._more():
                raise Gone(len(self.buffer))

    def drop(self, count):
        """As take(), for what may be a gigabyte: forgets it, and returns `count`."""
        left = count
        while left:
            if not self.buffer:
                if not self._more():
                    raise Gone(count - left)
            step = min(left, len(self.buffer))
            del self.buffer[:step]
            left -= step
        return count

    def reply(self, method="GET", body=True):
        """Reads one response, with the interim ones before it; with body=False only its head.

        Raises Gone with all the bytes of it that came.
        """
        reply = Reply()
        try:
            self._read(reply, method, body)
        except Gone as gone:
            raise Gone(reply.received + gone.received) from None
        except (ConnectionError, BrokenPipeError):
            raise Gone(reply.received + len(self.buffer)) from None
        reply.end = time.monotonic()
        return reply

    def _read(self, reply, method, body):
        while True:
            if not self.buffer and not self._more():
                raise Gone(0)
            if not reply.first_byte:
                reply.first_byte = time.monotonic()
            raw = self._take_to((2 * CRLF, b"\n\n"))
            reply.received += len(raw)
            lines = raw.decode("latin-1").replace("\r", "").split("\n")
            reply.status = int(lines[0].split(" ")[1])
            reply.headers = {}
            for line in lines[1:-2]:
                name, _, value = line.partition(":")
                reply.headers[name.strip().lower()] = value.strip()
            if 100 <= reply.status < 200 and reply.status != 101:
                reply.interim.append(reply.status)
                continue
            break
        if body:
            self.read_body(reply, method)

    def read_body(self, reply, method="GET"):
        """Reads the body of a response whose head reply(body=False) gave, and adds it to what that says."""
        if method == "HEAD" or reply.status in (101, 204, 304):
            return
        if "chunked" in reply.headers.get("transfer-encoding", "").lower():
            self._read_chunked(reply)
        elif "content-length" in reply.headers:
            want = int(reply.headers["content-length"])
            self._count(reply, want, want)
        else:
            self._read_until_close(reply)

    def _count(self, reply, count, body=0):
        try:
            self.drop(count)
        except Gone as gone:
            reply.body += min(body, gone.received)
            raise
        reply.received += count
        reply.body += body

    def _read_chunked(self, reply):
        while True:
            line = self._take_to((CRLF,))
            reply.received += len(line)
            size = int(line.split(b";")[0], 16)
            if not size:
                break
            self._count(reply, size + 2, size)
        while True:  # trailers, then an empty line
            line = self._take_to((CRLF,))
            reply.received += len(line)
            if line == CRLF:
                return

    def _read_until_close(self, reply):
        while True:
            count = len(self.buffer)
            self.buffer.clear()
            reply.received += count
            reply.body += count
            if self.ended or not self._more():
                return

    def read_to_end(self):
        """The number of bytes until the server closes."""
        count = len(self.buffer)
        self.buffer.clear()
        while not self.ended:
            try:
                self._more()
            except ConnectionError:
                break
            count += len(self.buffer)
            self.buffer.clear()
        return count

    def quiet(self, seconds):
        """True when nothing comes for that long."""
        return not self.buffer and not select.select([self.sock], [], [], seconds)[0]


def exchange(address, request, method="GET"):
    """One request on a connection of its own."""
    with Connection(address) as connection:
        connection.send(request)
        return connection.reply(method)


def wait_until_listening(address, seconds=10.0):
    """Returns when a connection can be made; TimeoutError when not within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            Connection(address).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing listens on {address}") from None
            time.sleep(0.02)
