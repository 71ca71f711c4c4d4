# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A WSGI application whose handlers do ?do= of python_work.py themselves, in the thread that the server calls them in: /direct/NAME."""
import json
from urllib.parse import parse_qs

import python_work

python_work.start()


def app(environ, start_response):
    path = environ["PATH_INFO"]
    body = b"done\n"
    if path == "/truth":
        body = json.dumps(python_work.ledger()).encode()
    else:
        _, way, name = path.split("/")
        python_work.run(name, parse_qs(environ["QUERY_STRING"])["do"][0])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
