#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A real Prometheus scrapes a real daemon: its queries give the report's numbers, and each panel of the dashboard has data."""
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from live import PATHS, ROOT, Load, observed  # noqa: E402
from prometheus_client.openmetrics.parser import text_string_to_metric_families  # noqa: E402
from services import Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import run  # noqa: E402

MONITORING = ROOT / "tools/monitoring"
SCRAPES = "scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 1s"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Prometheus(Server):
    name = "prometheus"

    def __init__(self, target):
        super().__init__(port=free_port())
        self.target = target

    def prepare(self):
        (self.directory / "prometheus.yml").write_text(
            f"global:\n  {SCRAPES}\nrule_files: ['{MONITORING}/prometheus-alerts.yml']\n"
            f"scrape_configs:\n- job_name: whywait\n  static_configs: [{{targets: ['127.0.0.1:{self.target}']}}]\n")
        self.argv = ["prometheus", f"--config.file={self.directory}/prometheus.yml", f"--storage.tsdb.path={self.directory}/data",
                     f"--web.listen-address=127.0.0.1:{self.port}"]

    def is_ready(self):
        try:
            return direct.open(f"http://127.0.0.1:{self.port}/-/ready", timeout=5).status == 200
        except OSError:
            return False

    def ask(self, path, **parameters):
        with direct.open(f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as response:
            return json.load(response)["data"]

    def query(self, expression):
        """{labels as a sorted tuple of pairs: value}"""
        return {tuple(sorted(row["metric"].items())): float(row["value"][1]) for row in self.ask("query", query=expression)["result"]}


def check_text(tap, daemon):
    status, headers, text = daemon.get("/metrics", {"Accept": OPENMETRICS})
    tap.check("OpenMetrics is served as such", status == 200 and headers["Content-Type"].startswith("application/openmetrics-text"))
    families = {family.name: family for family in text_string_to_metric_families(text)}
    wanted = {"whywait_request_seconds": "counter", "whywait_requests": "counter", "whywait_request_duration_seconds": "histogram",
              "whywait_operation_seconds": "counter", "whywait_operations": "counter", "whywait_requests_in_flight": "gauge",
              "whywait_service_memory_bytes": "gauge", "whywait_service_cpu_seconds": "counter", "whywait_lost": "counter",
              "whywait_build": "info"}
    tap.check("a strict parser reads every family, with its type and help",
              {name: family.type for name, family in families.items()} == wanted and all(f.documentation for f in families.values()),
              {name: family.type for name, family in families.items()})
    done = subprocess.run(["promtool", "check", "metrics"], input=daemon.get("/metrics")[2], capture_output=True, text=True, check=False)
    tap.check("promtool finds nothing in the text format", done.returncode == 0 and not done.stderr, done.stdout + done.stderr)


def check_rules(tap):
    for command in (["check", "rules", "prometheus-alerts.yml"], ["test", "rules", "prometheus-alerts.test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=MONITORING, capture_output=True, text=True, check=False)
        tap.check(f"promtool {' '.join(command)}", done.returncode == 0, done.stdout + done.stderr)
    losing = {name for file, macro in (("include/whywait/counters.def", "WW_COUNTER"), ("src/model/losses.def", "WW_LOSS"))
              for name, loses in re.findall(macro + r'\(\s*\w+,\s*"(\w+)",\s*(\d)', (ROOT / file).read_text()) if loses == "1"}
    text = (MONITORING / "prometheus-alerts.yml").read_text()
    alert = set(re.search(r'WhywaitLoses.*?cause=~"([^"]+)"', text, re.S).group(1).split("|"))
    tap.check("the alert on losses has every cause by which something is missing", alert == losing | {"metric_out_of_memory"},
              alert ^ losing)


def check_sums(tap, prometheus, report):
    """Queries against the report of the same requests."""
    def by(metric, *labels):
        found = prometheus.query(f"sum by ({', '.join(labels)}) ({metric})")
        return {tuple(dict(key)[label] for label in labels): value for key, value in found.items()}

    endpoints = {(e["service"], e["method"], e["route"]): e for e in report["endpoints"]}
    requests = by("whywait_requests_total", "service", "method", "route")
    tap.check("requests of each endpoint are those of the report", requests == {key: e["requests"] for key, e in endpoints.items()},
              f"{requests} {[(key, e['requests']) for key, e in endpoints.items()]}")
    status = by("whywait_requests_total", "route", "status")
    tap.check("and so are their statuses", status == {(e["route"], code): n for e in report["endpoints"] for code, n in e["status"].items()}, status)
    kinds = by("whywait_request_seconds_total", "service", "method", "route", "kind")
    far = [key for key, e in endpoints.items() for kind, sums in e["kinds_ns"].items() if abs(kinds[(*key, kind)] - sums["sum"] / 1e9) > 1e-6]
    tap.check("each kind of each endpoint has the report's time", not far and kinds, far)
    sums = by("whywait_request_duration_seconds_sum", "service", "method", "route")
    far = [key for key, total in sums.items() if abs(total - sum(value for (*names, _), value in kinds.items() if tuple(names) == key)) > 1e-6]
    tap.check("the kinds add up to the histogram's sum", not far and set(sums) == set(endpoints), far)
    counts = by("whywait_request_duration_seconds_count", "service", "method", "route")
    tap.check("the histogram counts each request", counts == requests, counts)
    operations = by("whywait_operations_total", "route", "system")
    expected = {}
    for e in report["endpoints"]:
        for o in e["operations"]:
            key = e["route"], o["system"] or "unknown"
            expected[key] = expected.get(key, 0) + o["count"]
    tap.check("operations are those of the report", operations == expected, f"{operations} {expected}")
    bounds = [0, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
    p95 = prometheus.query("histogram_quantile(0.95, sum by (route, le) (whywait_request_duration_seconds_bucket))")
    wrong = []
    for e in report["endpoints"]:
        seconds, told = e["wall_ns"]["p95"] / 1e9, p95[(("route", e["route"]),)]
        low, high = max(b for b in bounds if b < seconds * 0.99), min(b for b in bounds if b > seconds * 1.01)
        if not low * 0.99 <= told <= high * 1.01:
            wrong.append((e["route"], seconds, told))
    tap.check("p95 lies in the report's bucket", not wrong, wrong)
    memory = prometheus.query("whywait_service_memory_bytes")
    service = report["services"][0]
    tap.check("memory is the service's", len(memory) == 1 and 0.7 < list(memory.values())[0] / service["rss_bytes"]["steady"] < 1.4, f"{memory} {service}")
    cpu = list(prometheus.query("whywait_service_cpu_seconds_total").values())[0]
    tap.check("CPU time is the service's", abs(cpu - service["cpu_seconds"]) <= 0.05 + 0.05 * cpu, f"{cpu} {service['cpu_seconds']}")


def check_dashboard(tap, prometheus):
    dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
    for panel in dashboard["panels"]:
        tap.check(f"'{panel['title']}' is a question and has a description", panel["title"].endswith("?") and panel["description"])
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "10s").replace("$service", ".*")
            values = prometheus.query(expression)
            tap.check(f"'{panel['title']}' has data", values and all(value == value for value in values.values()), f"{expression}: {values}")


def main():
    tap = Tap()
    check_rules(tap)
    with observed() as (web, daemon), Prometheus(daemon.port) as prometheus:
        with Load(web.port, PATHS) as load:
            time.sleep(15)
            check_text(tap, daemon)
            check_dashboard(tap, prometheus)
            load.stop()
        time.sleep(4)
        target = prometheus.ask("targets")["activeTargets"][0]
        tap.check("every scrape went well", target["health"] == "up" and not target["lastError"], target)
        lost = prometheus.query("min_over_time(up[10s])")
        tap.check("and none before it failed", list(lost.values()) == [1.0], lost)
        report = json.loads(run("report", daemon.recording, "--format", "json").stdout)
        answered = sum(load.answers.values())
        tap.check("the report has each request that was answered", sum(e["requests"] for e in report["endpoints"]) == answered, answered)
        check_sums(tap, prometheus, report)
        rules = prometheus.ask("rules")["groups"]
        tap.check("each alert rule is evaluated well", rules and all(rule["health"] == "ok" for group in rules for rule in group["rules"]),
                  [rule.get("lastError") for group in rules for rule in group["rules"]])
    tap.done()


main()
