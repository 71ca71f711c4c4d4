#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""threads_work.py under Python's ThreadingHTTPServer on 127.0.0.1:$PORT, with the protocol version that $TRUTH_PROTOCOL says.

/after/MS/FRAMING/.. answers, and then works on for that long: MS of CPU and MS of sleep. FRAMING says how the response's end is
told: "length", "chunked", or "close" (the connection's end; HTTP/1.0).
"""
import http.server
import os

import threads_work


class Handler(http.server.BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # it would make the client wait for its own delayed ACK
    protocol_version = os.environ.get("TRUTH_PROTOCOL", "HTTP/1.1")

    def do_GET(self):
        if self.path.startswith("/after/"):
            _, _, ms, framing, *_ = self.path.split("/")
            self.respond(b"done\n", framing)
            threads_work.work_on(float(ms))
        else:
            length = int(self.headers.get("Content-Length", 0))
            self.respond(threads_work.answer(self.path, lambda: self.rfile.read(length)), "length")

    do_POST = do_GET

    def respond(self, body, framing):
        self.send_response(200)
        if framing == "length":
            self.send_header("Content-Length", str(len(body)))
        elif framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if framing == "chunked":
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
