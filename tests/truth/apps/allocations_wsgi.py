# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""GET /../N makes N objects that are too large for CPython's own arenas, and answers how often the C library's allocator was
called: in the handler, and since the last handler's end."""
import ctypes
import os

shim = ctypes.PyDLL(os.environ["SHIM"])
shim.count_calls.restype = ctypes.c_ulong
shim.count_begin()
last = 0


def app(environ, start_response):
    global last
    begun = shim.count_calls()
    kept = [bytes(1000 + number % 50) for number in range(int(environ["PATH_INFO"].rpartition("/")[2]))]
    del kept
    ended = shim.count_calls()
    body = f"{ended - begun} {ended - last}".encode()
    last = ended
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
