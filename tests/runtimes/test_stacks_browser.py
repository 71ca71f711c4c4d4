#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Flame graphs in a real browser: they draw, zoom, go back, and search, and complain of nothing; speedscope's files are what its schema
says, and speedscope itself (by npm) reads them, and folded stacks, and finds all of their time. test_stacks_browser.py DIRECTORY keeps
pictures there."""
import base64
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import jsonschema
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parents[1] / "truth")]
from stacks_truth import Built, load  # noqa: E402  (the path comes first)
from services import Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record, run  # noqa: E402


def open_browser():
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def record_two(directory):
    """A recording, and another one of the same server with more to do."""
    paths = []
    with Built() as built:
        port = free_port()
        with Server(built.server("-fomit-frame-pointer")(port), port=port):
            for path in ("/mix", "/nap"):
                with Record("--port", port, "--stacks=all", keep=1, path=pathlib.Path(directory, f"{path[1:]}.db")) as record:
                    load(port, "/mix", 1)
                    load(port, path, 0.5)
                    time.sleep(0.3)
                paths.append(record.path)
    return paths


# Frames that are drawn: [name, width], and the title's text.
SHOWN = """return [...document.querySelectorAll('g.f')].filter(g => g.style.display !== 'none')
    .map(g => [g.dataset.n, +g.querySelector('rect').getAttribute('width'), g.classList.contains('hit')])"""


def click(driver, name):
    driver.execute_script("""[...document.querySelectorAll('g.f')].find(g => g.dataset.n.startsWith(arguments[0]) && g.style.display !== 'none')
        .dispatchEvent(new MouseEvent('click', {bubbles: true}))""", name)


def judge_graph(driver, svg, name):
    path = pathlib.Path(KEPT, f"{name}.svg")
    path.write_text(svg, encoding="utf-8")
    driver.get(f"file://{path}")
    driver.get_screenshot_as_file(str(pathlib.Path(KEPT, f"{name}.png")))
    shown = driver.execute_script(SHOWN)
    tap.check(f"{name}: frames are drawn", len(shown) > 10 and any(frame == "burn_a" for frame, _, _ in shown), len(shown))
    drawn = driver.execute_script("return [...document.querySelectorAll('g.f text')].filter(t => t.textContent).length")
    tap.check(f"{name}: with their names in them", drawn > 5, drawn)
    click(driver, "burn_a")
    zoomed = dict((frame, width) for frame, width, _ in driver.execute_script(SHOWN))
    tap.check(f"{name}: a click zooms", zoomed.get("burn_a", 0) > 1190 and "burn_b" not in zoomed, zoomed)
    driver.get_screenshot_as_file(str(pathlib.Path(KEPT, f"{name}-zoomed.png")))
    driver.execute_script("document.getElementById('reset').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    tap.check(f"{name}: and back", len(driver.execute_script(SHOWN)) == len(shown))
    driver.execute_script("search('^burn_')")
    hits = {frame for frame, _, hit in driver.execute_script(SHOWN) if hit}
    told = driver.execute_script("return document.getElementById('match').textContent")
    tap.check(f"{name}: search marks what matches", hits == {"burn_a", "burn_b"} and "matched: " in told, f"{hits} {told}")
    driver.execute_script("""[...document.querySelectorAll('g.f')].find(g => g.dataset.n === 'burn_b')
        .dispatchEvent(new MouseEvent('mouseover', {bubbles: true}))""")
    tap.check(f"{name}: the line below says what is pointed at",
              driver.execute_script("return document.getElementById('info').textContent").startswith("burn_b ("))
    tap.check(f"{name}: nothing is wrong on the console", not driver.get_log("browser"), driver.get_log("browser"))


SPEEDSCOPE = pathlib.Path(__file__).resolve().parents[2] / "build/speedscope/node_modules/speedscope/dist/release"


def fetch_speedscope():
    """What is wrong when it is not there."""
    if SPEEDSCOPE.exists():
        return None
    if not shutil.which("npm"):
        return "there is no npm"
    done = subprocess.run(["npm", "install", "--silent", "--no-save", "--no-audit", "--no-fund", "--prefix", SPEEDSCOPE.parents[3], "speedscope@1"],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return (done.stderr or done.stdout).strip()[-300:] if done.returncode else None


def judge_schema(file):
    """By speedscope's own schema, and by what that can't say."""
    jsonschema.validate(file, json.loads((SPEEDSCOPE / "file-format-schema.json").read_text(encoding="utf-8")))
    tap.check("speedscope: it is what the schema says", True)
    tap.check("speedscope: names its schema", file["$schema"] == "https://www.speedscope.app/file-format-schema.json")
    frames, good = file["shared"]["frames"], bool(file["profiles"])
    for profile in file["profiles"]:
        good &= len(profile["samples"]) == len(profile["weights"]) and all(weight >= 0 for weight in profile["weights"])
        good &= profile["endValue"] - profile["startValue"] == sum(profile["weights"])
        good &= all(0 <= at < len(frames) for sample in profile["samples"] for at in sample)
    tap.check("speedscope: profiles add up, of frames that there are", good)


def open_in_speedscope(driver, name, text):
    """As its command does: a script that holds the file."""
    script = pathlib.Path(KEPT, "profile.js")
    script.write_text(f"speedscope.loadFileFromBase64({json.dumps(name)}, {json.dumps(base64.b64encode(text.encode()).decode())})", encoding="utf-8")
    driver.get("about:blank")
    driver.get(f"file://{SPEEDSCOPE}/index.html#localProfilePath={script}")
    end = time.monotonic() + 20
    while "Time Order" not in (shown := driver.find_element("tag name", "body").text) and time.monotonic() < end:
        time.sleep(0.2)
    time.sleep(0.5)
    return shown


def judge_speedscope(driver, path):
    for name, arguments in (("profile.speedscope.json", ("--format", "speedscope")), ("profile.folded.txt", ())):
        shown = open_in_speedscope(driver, name, run("stacks", path, *arguments).stdout)
        tap.check(f"speedscope opens {name}", "Time Order" in shown and "rror" not in shown, shown[:300])
        driver.get_screenshot_as_file(str(pathlib.Path(KEPT, f"{name}.png")))
        wrong = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE" and "favicon" not in entry["message"]]
        tap.check(f"and complains of nothing in {name}", not wrong, wrong)


tap = Tap()
with tempfile.TemporaryDirectory() as temporary:
    KEPT = sys.argv[1] if sys.argv[1:] else temporary
    before, after = record_two(temporary)
    browser = open_browser()
    try:
        tap.run("a graph", judge_graph, browser, run("stacks", before, "--format", "svg").stdout, "graph")
        tap.run("a difference", judge_graph, browser, run("stacks", after, "--diff", before, "--format", "svg").stdout, "difference")
        missing = fetch_speedscope()
        if missing:
            tap.skip("speedscope", missing)
        else:
            tap.run("speedscope's schema", judge_schema, json.loads(run("stacks", before, "--format", "speedscope").stdout))
            tap.run("speedscope", judge_speedscope, browser, before)
    finally:
        browser.quit()
tap.done()
