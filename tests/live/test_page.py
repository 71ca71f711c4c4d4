#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`report --format html` in a real browser that runs no script: it is as wide as the window, on a phone too, whatever a route is called;
its flame graphs are there; it prints."""
import base64
import pathlib
import sqlite3
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from browser import Browser  # noqa: E402
from live import HERE, Load  # noqa: E402
from services import Gunicorn, Redis  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record, run  # noqa: E402

LONG = "/api/" + "a-word-that-does-not-end" * 12 + "<b>&amp;"

tap = Tap()
with tempfile.TemporaryDirectory() as directory:
    with Redis() as redis, Gunicorn("live_wsgi:app", cwd=HERE / "apps", workers=2, env={"REDIS_PORT": str(redis.port)}) as web:
        with Record("--port", web.port, "--stacks=all", keep=10) as record:
            with Load(web.port, ["/items/1", "/slow/2", "/compute/3"], clients=2):
                time.sleep(4)
    record.check(tap)
    database = sqlite3.connect(record.path)
    database.execute("UPDATE endpoint SET route = ? WHERE route LIKE '/compute%'", (LONG,))
    database.commit()
    database.close()
    page = pathlib.Path(directory, "report.html")
    page.write_text(run("report", record.path, "--format", "html").stdout)
    with Browser() as browser:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        for width in (1280, 700, 360):
            browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                           {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500})
            browser.open(f"file://{page}")
            size = browser.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
            tap.check(f"{width} wide: nothing sticks out", size["width"] <= width, size)
        graphs = browser.all(".flame svg")
        tap.check("each endpoint has its flame graph", len(graphs) == len(record.report["endpoints"]), len(graphs))
        tap.check("with functions that it names", sum("<text" in graph.get_attribute("innerHTML") for graph in graphs) == len(graphs))
        tap.check("the long route is there as text", LONG in browser.all("table.s")[0].get_attribute("textContent"))
        said = browser.driver.get_log("browser")
        tap.check("the browser has nothing to say of it", not said, said)
        printed = base64.b64decode(browser.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})["data"])
        tap.check("it prints", printed.startswith(b"%PDF") and 2 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ")
                  <= 20, len(printed))
tap.done()
