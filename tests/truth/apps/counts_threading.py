#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The counted application on Python's http.server, with raw responses cut where a test wants them.

counts_threading.py ADDRESS.., each HOST:PORT, a path of a unix socket, or @NAME of an abstract one.
"""
import http.server
import socket
import socketserver
import sys
import threading
import time

RAW = {  # whole responses, for split, splitchunked, and the ones with a wrong length
    "split": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
    "splitchunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"5\r\nhello\r\nb;x=y\r\nHTTP/1.1 50\r\n0\r\nT: t\r\n\r\n"),
    "splitinterim": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
    "split204": b"HTTP/1.1 204 No Content\r\nX-Content-Length: 9\r\n\r\n",
    "split304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"x\"\r\n\r\n",
    "plain": b"HTTP/1.1 200\r\ncontent-LENGTH: \t 3  \r\nx:\r\nConnection:keep-alive\r\n\r\nabc",
    "upper": (b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: gzip,\tCHUNKED\r\nContent-Length: 3\r\n\r\n"
              b"00A;a=\"b\"\r\n0123456789\r\n00\r\n\r\n"),
    "bare": b"HTTP/1.1 200 OK\ncontent-length:3\n\nabc",
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def setup(self):
        """Each write leaves at once: the pieces of a cut response are not to wait for acknowledgements."""
        super().setup()
        if self.connection.family != socket.AF_UNIX:
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_):
        pass

    def address_string(self):
        return "client"

    def answer(self):
        if self.path == "*":
            return self.do_status("204")
        parts = self.path.removeprefix("http://localhost").split("?")[0].split("/")
        name = parts[2] if len(parts) > 2 else ""
        if name in RAW:
            return self.cut(RAW[name], int(parts[3]))
        action = getattr(self, "do_" + name.replace("-", "_"), None)
        if action and name.islower():
            return action(parts[3])
        return self.do_status("404")

    def do_CONNECT(self):
        """A tunnel to itself: what comes goes back."""
        self.send_response(200, "Connection Established")
        self.end_headers()
        while data := self.rfile.read1(65536):
            self.wfile.write(data)
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_PROPFIND = answer

    def cut(self, raw, at):
        """The response in two writes, cut after `at` bytes; 0: byte by byte."""
        pieces = [raw[:at], raw[at:]] if at else [raw[i:i + 1] for i in range(len(raw))]
        for piece in pieces:
            if piece:
                self.wfile.write(piece)

    def do_size(self, argument):
        self.send_response(200)
        self.send_header("Content-Length", argument)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"x" * int(argument))

    def do_chunked(self, argument):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, int(argument), 997):
            piece = b"x" * min(997, int(argument) - at)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def body(self):
        """The length of the request's body, read to its end."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            left = int(self.headers.get("Content-Length", 0))
            count = 0
            while left and (data := self.rfile.read(min(left, 8192))):
                left -= len(data)
                count += len(data)
            return count
        count = 0
        while size := int(self.rfile.readline().split(b";")[0], 16):
            count += len(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline() not in (b"\r\n", b"\n", b""):
            pass
        return count

    def do_echo(self, _argument):
        self.answer_text(b"%d" % self.body())

    def answer_text(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_status(self, argument):
        self.send_response(int(argument))
        if argument not in ("204", "304"):
            self.send_header("Content-Length", "0")
        self.end_headers()

    def do_sleep(self, argument):
        time.sleep(int(argument) / 1000)
        self.answer_text(b"x" * 16)

    def do_pause(self, argument):
        """Half of the response, a pause of so many milliseconds, the other half."""
        self.send_response(200)
        self.send_header("Content-Length", "2000")
        self.end_headers()
        self.wfile.write(b"x" * 1000)
        time.sleep(int(argument) / 1000)
        self.wfile.write(b"x" * 1000)

    def do_headers(self, argument):
        """So many header lines, and one that is as many bytes long."""
        self.send_response(200)
        for number in range(int(argument)):
            self.send_header(f"X-Number-{number}", "some value or other")
        self.send_header("X-Long", "l" * int(argument))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def do_close(self, argument):
        """A response whose length is its connection's end."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"x" * int(argument))

    def do_short(self, argument):
        """Promises more than comes."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", "10000")
        self.end_headers()
        self.wfile.write(b"x" * int(argument))

    def do_long(self, argument):
        """More comes than was promised."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", "10")
        self.end_headers()
        self.wfile.write(b"x" * (10 + int(argument)))

    def do_unread(self, _argument):
        """Answers before the request's body is read, reads it then, and keeps the connection."""
        self.answer_text(b"early")
        self.body()


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address):
        if isinstance(address, str):
            self.address_family = socket.AF_UNIX
        elif ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)

    def server_bind(self):
        """Without HTTPServer's look-up of its own name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 0


def main(addresses):
    for address in addresses:
        if address.startswith("@"):
            address = "\0" + address[1:]
        elif not address.startswith("/"):
            host, _, port = address.rpartition(":")
            address = (host.strip("[]"), int(port))
        threading.Thread(target=Server(address).serve_forever).start()


main(sys.argv[1:])
