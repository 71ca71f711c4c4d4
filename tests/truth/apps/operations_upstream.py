#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An HTTP/1.1 server on 127.0.0.1:$PORT that answers in the ways that the first part of a path says.

/small/N 10 bytes; /big/N 200,000; /chunked/N in five chunks; /headers/N with 40 headers; /missing/N 404; /failed/N 503;
/close/N without a length, as long as the connection; /delay/MS after so many milliseconds. HEAD and POST do the same.
"""
import http.server
import os
import time


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        _, kind, number = self.path.partition("?")[0].split("/")
        if kind == "delay":
            time.sleep(int(number) / 1000)
        self.send_response({"missing": 404, "failed": 503}.get(kind, 200))
        for i in range(40 if kind == "headers" else 0):
            self.send_header(f"X-Header-{i}", "x" * 30)
        if kind == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(5):
                self.wfile.write(b"%x\r\n%s\r\n" % (1000 + i, b"c" * (1000 + i)))
            self.wfile.write(b"0\r\n\r\n")
            return
        body = b"b" * (200000 if kind == "big" else 10)
        if kind == "close":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answers).serve_forever()
