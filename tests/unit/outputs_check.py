#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""outputs_check.py WHAT FILE: reads what the unit tests wrote from the samples the way users do; silent when all is well."""
import csv
import html.parser
import json
import re
import subprocess
import sys

KINDS = ["compute", "gc", "runq", "queue", "db", "net", "disk", "lock", "sleep", "ipc", "client", "other"]
REPORT_COLUMNS = (
    "start,end,service,method,route,requests,errors,rate_per_s,"
    "wall_mean_ms,wall_p50_ms,wall_p95_ms,wall_p99_ms,wall_max_ms".split(",")
    + [f"{kind}_{what}" for kind in KINDS for what in ("ms", "share")]
    + [f"tail_{kind}_ms" for kind in KINDS]
    + "db_operations_per_request,net_operations_per_request,cpu_seconds,cores_used,in_flight_mean,in_flight_max,"
      "rss_steady_bytes,rss_peak_bytes,exact,inferred,ambiguous,complete".split(","))
ROUTES = ["/products/{id}", "/score", "/up\\x1b[31m/\\xff/\u00fc/\\u202e{id}"]
SERVICES = ["shop", "shop", 'files "a,b"\\x0a']
REQUESTS = [1536, 300, 100]
WALL_SUMS = [141477000007, 9000000000, 2000000000]
WALL_NS = 91300000


def same(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got!r}, not {wanted!r}")


def printable(text):
    for character in text:
        if not character.isprintable() and character not in "\r\n":
            sys.exit(f"{character!r} came through")


def report_json(text):
    report = json.loads(text)
    same("keys", list(report), ["schema", "version", "host", "window", "complete", "ended", "losses", "unreadable", "endpoints",
                                "services"])
    same("host", report["host"], {"name": "web-1", "kernel": "6.18.5", "stand_ins": "", "cpus": 2})
    same("window", report["window"], {"start": "2025-11-20T16:22:10.000000000Z", "end": "2025-11-20T16:22:40.000000000Z",
                                      "duration_s": 30.0})
    same("complete", report["complete"], False)
    same("losses", report["losses"], {"account_ring_full": 12, "half_seen": 3})
    same("unreadable", report["unreadable"], [{"port": 8443, "protocol": "tls", "connections": 312},
                                              {"port": 9443, "protocol": "http2", "connections": 1}])
    endpoints = report["endpoints"]
    same("routes", [e["route"] for e in endpoints], ROUTES)
    for endpoint, wall in zip(endpoints, WALL_SUMS):
        wanted = {"service", "protocol", "method", "route", "requests", "errors", "rate_per_s", "status", "in_flight",
                  "wall_ns", "cpu_ns", "kinds_ns", "tail", "detail", "operations", "attribution", "findings", "verdict"}
        same("missing fields", wanted - set(endpoint), set())
        same("kinds", list(endpoint["kinds_ns"]), KINDS)
        same("wall", endpoint["wall_ns"]["sum"], wall)
        same("sum of the kinds", sum(kind["sum"] for kind in endpoint["kinds_ns"].values()), wall)
        for times in [endpoint["wall_ns"], *endpoint["kinds_ns"].values()]:
            same("integers", {type(time) for time in times.values()}, {int})
        same("requests by attribution", sum(endpoint["attribution"].values()), endpoint["requests"])
        same("requests by status", sum(endpoint["status"].values()), endpoint["requests"])
    first = endpoints[0]
    same("requests with operations", [e["operations_requests"] for e in endpoints], [1500, 0, 100])
    same("operations", [len(e["operations"]) for e in endpoints], [4, 0, 1])
    same("the largest operation", first["operations"][0], {
        "kind": "db", "system": "postgresql", "peer": "127.0.0.1:5432", "summary": "SELECT items",
        "statement": "SELECT item_id, name, price, stock, updated_at FROM items WHERE order_id = ? AND deleted IS NULL",
        "per_request": 50.0, "mean_ns": 1620000, "p95_ns": 2100000, "max_ns": 12000000, "sum_ns": 121500000000,
        "requests": 1500, "count": 75000, "errors": 3, "bytes_out": 9000000, "bytes_in": 700000000, "flags": ["read"]})
    same("flags", [o["flags"] for o in first["operations"]], [["read"], [], ["uncaptured"], ["control", "pipelined"]])
    same("detail", first["detail"]["db"], {"postgres": {"sum_ns": 124723000000, "count": 78336}})
    same("tail", first["tail"]["kinds_ns"]["db"], {"mean": 160000000})
    same("bound", [e["verdict"]["bound"] for e in endpoints], ["wait", "compute", "mixed"])
    # (141477000007 - 10014000001 + 1001400000) // 1536
    same("ten times as fast", first["verdict"]["faster_language_10x"],
         {"mean_ns": 86239843, "p50_ns": 85000000, "p95_ns": 139000000, "p99_ns": 190000000})
    same("from", [e["verdict"]["faster_from"] for e in endpoints], ["requests", "histogram", "requests"])
    same("findings", [[finding["id"] for finding in e["findings"]] for e in endpoints],
         [["n-plus-one", "slow-query"], ["compute-hotspot"], []])
    finding = first["findings"][0]
    same("saves", (finding["saves_ns"], finding["saves_p95_ns"]), (71300000, 110200000))
    same("evidence", finding["evidence"], {"statement": "SELECT price FROM items WHERE id = $1 \\u202e", "per_request": 50.25})
    same("its advice", finding["advice"], "fetch all with one query")
    same("its text", finding["text"].startswith("SELECT price FROM items WHERE id = $1 \\u202e ran 2 to 120 times"), True)
    same("services", [s["rss_bytes"]["peak"] for s in report["services"]], [356515840, 2000000000])
    same("collections", [s["gc"] for s in report["services"]], [{"collections": 12, "stopped_ns": 34567890},
                                                              {"collections": 0, "stopped_ns": 0}])


def report_csv(text):
    same("line ends", text.count("\r\n"), text.count("\n"))
    rows = list(csv.DictReader(text.splitlines(keepends=True), strict=True))
    same("columns", list(rows[0]), REPORT_COLUMNS)
    same("rows", len(rows), 3)
    same("routes", [row["route"] for row in rows], ROUTES)
    same("services", [row["service"] for row in rows], SERVICES)
    for row, requests, wall in zip(rows, REQUESTS, WALL_SUMS):
        def ns(column, count=requests):
            return round(float(row[column]) * count * 1e6)
        same("requests", int(row["requests"]), requests)
        same("wall", ns("wall_mean_ms"), wall)
        same("sum of the kinds", sum(ns(f"{kind}_ms") for kind in KINDS), wall)
        same("sum of the shares", round(sum(float(row[f"{kind}_share"]) for kind in KINDS), 12), 1)
        same("complete", row["complete"], "false")
    first = rows[0]
    same("p99", first["wall_p99_ms"], "190.123456")
    same("max", first["wall_max_ms"], "412")
    same("operations", (first["db_operations_per_request"], first["net_operations_per_request"]), ("52", "0.008"))
    same("without operations", (rows[1]["db_operations_per_request"], rows[1]["net_operations_per_request"]), ("0", "0"))
    same("tail", first["tail_db_ms"], "160")
    same("cpu", (first["cpu_seconds"], first["cores_used"]), ("10.015000005", "0.3338333335"))
    same("memory", (first["rss_steady_bytes"], first["rss_peak_bytes"]), ("327155712", "356515840"))


def requests_json(text):
    lines = text.splitlines()
    same("lines", len(lines), 2)
    for line, segments in zip(lines, (9, 0)):
        request = json.loads(line)
        same("kinds", list(request["kinds_ns"]), KINDS)
        same("sum of the kinds", sum(request["kinds_ns"].values()), WALL_NS)
        same("wall", request["wall_ns"], WALL_NS)
        same("integers", {type(ns) for ns in request["kinds_ns"].values()}, {int})
        same("start", request["start"], "2025-11-20T16:22:11.123456789Z")
        same("path", request["path"], '/products/42,"\\x1b[2J')
        same("segments", len(request.get("segments", [])), segments)
        same("operations", [(o["summary"], o["start_ns"], o["duration_ns"], o["error"], o["arguments"])
                            for o in request["operations"][3:5]],
             [("SELECT items", 49000001, 19900000, "", 1), ("GET api:8080 /prices/{id}", 69000001, 10000000, "", 0)])
        same("an operation", request["operations"][1], {
            "kind": "db", "system": "postgresql", "peer": "127.0.0.1:5432", "summary": "SELECT items",
            "statement": 'SELECT name FROM items WHERE "id" = ?', "start_ns": 7000001, "duration_ns": 19900000, "error": "",
            "bytes_out": 60, "bytes_in": 900, "arguments": 1, "flags": ["read"]})
        same("error", request["operations"][5]["error"], "503")
        same("all of them", (request["operations_missing"], request["sampled"]), (False, True))
        same("missing fields", {"service", "pid", "tid", "method", "route", "status", "bytes_in", "bytes_out",
                                "first_byte_ns", "cpu_ns", "attribution", "traceparent", "operations"} - set(request),
             set())


def requests_csv(text):
    rows = list(csv.DictReader(text.splitlines(keepends=True), strict=True))
    same("rows", len(rows), 1)
    same("sum of the kinds", sum(int(rows[0][f"{kind}_ns"]) for kind in KINDS), WALL_NS)
    same("path", rows[0]["path"], '/products/42,"\\x1b[2J')
    same("attribution", rows[0]["attribution"], "inferred")


def sqlite(name):
    query = "select count(*), sum(requests), round(sum(wall_mean_ms * requests) * 1000000), max(complete) from report"
    shown = subprocess.run(["sqlite3", ":memory:", "-cmd", ".mode csv", "-cmd", f".import {name} report", query],
                           capture_output=True, text=True, check=True)
    same("sqlite3 says", shown.stderr, "")
    same("sqlite3's sums", shown.stdout.strip(), f"3,{sum(REQUESTS)},{sum(WALL_SUMS)}.0,false")


class Page(html.parser.HTMLParser):
    """Fails at a tag that is left open or closed twice, and at whatever could run or be fetched."""

    EMPTY = ("meta", "br")

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        same("a tag that may not be there", tag in ("script", "img", "link", "iframe", "object", "form"), False)
        for name, value in attrs:
            same(f"an attribute that may not be there: {name}", name.startswith("on") or name == "src", False)
            if name == "href":
                same("a link to elsewhere", value[0], "#")
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        same("what is closed", tag, self.open.pop())


def page(text):
    parser = Page()
    parser.feed(text)
    parser.close()
    same("left open", parser.open, [])
    same("links", set(re.findall(r"url[(]|@import", text)), set())


def main():
    what, name = sys.argv[1:]
    with open(name, encoding="utf-8", newline="") as file:
        text = file.read()
    printable(text)
    {"report-json": report_json, "report-csv": report_csv, "requests-json": requests_json,
     "requests-csv": requests_csv, "page": page}[what](text)
    if what == "report-csv":
        sqlite(name)


main()
