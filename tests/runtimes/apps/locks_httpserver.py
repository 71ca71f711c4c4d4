# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A thread for each connection; /spin/MS/.. computes for so long, by the thread's CPU clock. The standard library only: it runs under
CPythons that have nothing else."""
import http.server
import os
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        end = time.thread_time() + float(self.path.split("/")[2]) / 1000
        while time.thread_time() < end:
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        self.close_connection = True

    def log_message(self, *_):
        pass


class Web(http.server.ThreadingHTTPServer):
    request_queue_size = 100


Web(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
