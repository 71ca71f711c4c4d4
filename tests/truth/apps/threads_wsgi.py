# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""threads_work.py for gunicorn. /after/MS/.. answers, and then works on for that long: MS of CPU and MS of sleep."""
import threads_work


class WorksOn:
    """A response's body whose close(), which gunicorn calls when all is sent, takes its time."""

    def __init__(self, body, ms):
        self.body, self.ms = body, ms

    def __iter__(self):
        return iter([self.body])

    def close(self):
        threads_work.work_on(self.ms)


def app(environ, start_response):
    path = environ["PATH_INFO"]
    after = path.startswith("/after/")
    body = b"done\n" if after else threads_work.answer(path, environ["wsgi.input"].read)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return WorksOn(body, float(path.split("/")[2])) if after else [body]
