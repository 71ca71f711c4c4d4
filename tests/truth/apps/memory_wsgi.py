# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""/leak/N keeps N MiB more, each page of them touched; it answers with what the worker's page faults are by getrusage()."""
import resource

KEPT = []


def app(environ, start_response):
    words = environ["PATH_INFO"].split("/")
    if words[1] == "leak":
        KEPT.append(bytearray(b"x") * (int(words[2]) << 20))
    body = str(resource.getrusage(resource.RUSAGE_SELF).ru_minflt).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
