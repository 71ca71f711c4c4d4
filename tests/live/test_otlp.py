#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whole requests at a collector: what `whywait serve --otlp` sends while a real server works is what the recording has, joined to the
callers' traces; and a collector that is slow, refuses or is not there costs spans that are counted, and the server nothing.
"""
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib")]
import otlp_schema  # noqa: E402  (the path comes first)
from services import Gunicorn, Postgres, Upstream, free_port, wait_until  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import KINDS, WHYWAIT, run  # noqa: E402

TRACE = "4bf92f3577b34da6a3ce929d0e0e{:04x}"
PARENT = "00f067aa0ba9{:04x}"


class Collector(http.server.ThreadingHTTPServer):
    """Keeps what it is sent; answers[i] is (status, headers, body) for the i-th post, 200 after those."""

    daemon_threads = True

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), CollectorHandler)
        self.answers, self.posts, self.lock = list(answers), [], threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def spans(self):
        """(service, span) of the posts that were taken."""
        return [(attributes(resource["resource"])["service.name"], span) for post in self.posts if post["status"] == 200
                for resource in post["document"]["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]]


class CollectorHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            status, headers, answer = self.server.answers.pop(0) if self.server.answers else (200, {}, b"{}")
            self.server.posts.append({"status": status, "path": self.path, "headers": self.headers, "document": json.loads(body),
                                      "at": time.monotonic()})
        self.send_response(status)
        for name, value in {"Content-Length": len(answer), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Serve:
    """A `whywait serve` from `with` to its end."""

    def __init__(self, *arguments):
        self.directory = tempfile.TemporaryDirectory(prefix="whywait-serve-")
        self.path = pathlib.Path(self.directory.name) / "whywait.db"
        self.log = pathlib.Path(self.directory.name) / "log"
        self.arguments = [WHYWAIT, "serve", "-o", str(self.path), "--listen", "none", *map(str, arguments)]

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stderr=log)
        wait_until(lambda: "observing" in self.stderr() or self.process.poll() is not None, 20, "whywait serve")
        return self

    def stderr(self):
        return self.log.read_text()

    def __exit__(self, *_):
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.status = self.process.wait(30)
        self.seconds = time.monotonic() - began


def same(tap, name, got, wanted):
    tap.check(name, got == wanted, f"{got}, not {wanted}")


def attributes(holder):
    return {one["key"]: next(iter(one["value"].values())) for one in holder["attributes"]}


def ask(port, path, traceparent=None):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"traceparent": traceparent} if traceparent else {})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def traffic(port):
    for i in range(1, 9):
        ask(port, f"/orders/{i}", f"00-{TRACE.format(i)}-{PARENT.format(i)}-01")
    ask(port, "/orders/100", f"00-{TRACE.format(100)}-{PARENT.format(100)}-00")
    ask(port, "/orders/200")
    ask(port, "/boom/1", f"00-{TRACE.format(300)}-{PARENT.format(300)}-01")


def judge_posts(tap, collector):
    wrong = [error for post in collector.posts for error in otlp_schema.errors(post["document"])]
    tap.check("each post is as OTLP wants it", not wrong, "\n".join(wrong[:10]))
    tap.check("to OTLP's path, as JSON, with the headers of the file",
              all(post["path"] == "/v1/traces" and post["headers"]["Content-Type"] == "application/json"
                  and post["headers"]["Authorization"] == "Bearer s3cret" for post in collector.posts), collector.posts[:1])


def judge_spans(tap, collector, requests):
    servers = {attributes(span).get("url.path"): (service, span) for service, span in collector.spans() if span["kind"] == 2}
    children = {}
    for _, span in collector.spans():
        if span["kind"] == 3:
            children.setdefault(span["parentSpanId"], []).append(span)
    expected = [request for request in requests if request["path"] != "/orders/100"]
    same(tap, "each request once, but for the one whose trace is not recorded", sorted(servers), sorted(r["path"] for r in expected))
    wrong = []
    for request in expected:
        service, span = servers[request["path"]]
        values = attributes(span)
        number = int(re.sub(r"\D", "", request["path"]))
        if request["path"] == "/boom/1":
            number = 300
        if number != 200 and (span["traceId"], span.get("parentSpanId")) != (TRACE.format(number), PARENT.format(number)):
            wrong.append(f"{request['path']}: trace {span['traceId']} of {span.get('parentSpanId')}")
        if number == 200 and "parentSpanId" in span:
            wrong.append("a trace that begins here has a parent")
        kinds = {kind: int(values[f"whywait.kinds_ns.{kind}"]) for kind in KINDS}
        if kinds != request["kinds_ns"] or sum(kinds.values()) != int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]):
            wrong.append(f"{request['path']}: kinds {kinds}")
        if (service, span["name"]) != (request["service"], f"GET {request['route']}"):
            wrong.append(f"{request['path']}: {span['name']} of {service}")
        if int(values["http.response.status_code"]) != request["status"] or (request["status"] == 500) != (span.get("status") == {"code": 2}):
            wrong.append(f"{request['path']}: status {span.get('status')}")
        below = children.get(span["spanId"], [])
        if len(below) != len(request["operations"]):
            wrong.append(f"{request['path']}: {len(below)} operations, {len(request['operations'])} recorded")
        for child, operation in zip(below, request["operations"]):
            start = int(span["startTimeUnixNano"]) + operation["start_ns"]
            if (int(child["startTimeUnixNano"]), int(child["endTimeUnixNano"])) != (start, start + operation["duration_ns"]):
                wrong.append(f"{request['path']}: {child['name']} at another time")
    tap.check("with the recording's kinds, times, status and operations", not wrong, "\n".join(wrong[:10]))
    first = sorted({span["name"] for _, span in collector.spans() if span["kind"] == 3})
    tap.check("a query and a call, by their names", {"SELECT"} <= {name.split()[0] for name in first}
              and any(name.startswith("GET /") for name in first), first)


def requests_of(serve):
    return [json.loads(line) for line in run("requests", serve.path, "--format", "json", "--slowest", 1000).stdout.splitlines()]


def sent_well(tap, web, directory):
    headers = directory / "headers"
    headers.write_text("# for the collector\nAuthorization: Bearer s3cret\n")
    again = (503, {"Retry-After": 1}, b"busy")
    with Collector(again) as collector:
        with Serve("--port", web.port, "--otlp", collector.url, "--otlp-headers", headers) as serve:
            traffic(web.port)
            wait_until(lambda: any(post["status"] == 200 for post in collector.posts), 15, "the collector's second chance")
        same(tap, "serve ends with status 0", serve.status, 0)
        judge_posts(tap, collector)
        judge_spans(tap, collector, requests_of(serve))
        tap.check("what it refused for a while is sent again, no earlier than it said",
                  collector.posts[1]["document"] == collector.posts[0]["document"]
                  and collector.posts[1]["at"] - collector.posts[0]["at"] >= 0.99, [post["status"] for post in collector.posts])
        tap.check("which the log says, and that it went well then", "busy" in serve.stderr() and "again" in serve.stderr(), serve.stderr())
        tap.check("but not what is secret", "s3cret" not in serve.stderr(), serve.stderr())


def refused(tap, web):
    with Collector((400, {}, b"what\033[31m\nis this?")) as collector:
        with Serve("--port", web.port, "--otlp", collector.url) as serve:
            ask(web.port, "/orders/1")
            wait_until(lambda: collector.posts, 15, "a post")
            time.sleep(2.2)
        same(tap, "what a collector refuses is not sent again", len(collector.posts), 1)
        spans = sum(len(scope["spans"]) for post in collector.posts for resource in post["document"]["resourceSpans"]
                    for scope in resource["scopeSpans"])
        tap.check("but counted and told, on one line without colours",
                  f"status 400: what [31m is this?: {spans} spans are dropped\n" in serve.stderr(), serve.stderr())


def absent(tap, web):
    with Serve("--port", web.port, "--otlp", f"http://127.0.0.1:{free_port()}") as serve:
        same(tap, "without a collector the server answers all the same", [ask(web.port, f"/orders/{i}") for i in range(3)], [200] * 3)
        time.sleep(1)
    tap.check("and serve ends in time", serve.status == 0 and serve.seconds < 6, f"{serve.status} after {serve.seconds:.1f} s")


def told_wrongly(tap, directory):
    (directory / "wrong").write_text("Authorization s3cret\n")
    for arguments, text in ((["--otlp", "ftp://x"], "http://HOST:4318"), (["--otlp", "http://"], "http://HOST:4318"),
                            (["--otlp", "http://x", "--otlp-headers", directory / "none"], "none"),
                            (["--otlp", "http://x", "--otlp-headers", directory / "wrong"], "wrong:1")):
        done = run("serve", "-o", directory / "x.db", "--listen", "none", *arguments, check=False)
        tap.check(f"{arguments[-1]} is refused with a line that helps", done.returncode == 2 and text in done.stderr
                  and done.stderr.count("\n") == 1 and "s3cret" not in done.stderr, (done.returncode, done.stderr))


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as directory, Postgres() as postgres, Upstream() as upstream:
        environment = {**os.environ, "DSN": postgres.dsn, "UPSTREAM": upstream.url(20)}
        with Gunicorn("traced:app", cwd=HERE / "apps", workers=1, env=environment) as web:
            ask(web.port, "/orders/0")
            sent_well(tap, web, pathlib.Path(directory))
            refused(tap, web)
            absent(tap, web)
        told_wrongly(tap, pathlib.Path(directory))
    tap.done()


main()
