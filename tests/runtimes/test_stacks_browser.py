#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Flame graphs in a real browser: they draw, zoom, go back, and search, and complain of nothing; and speedscope's files are what its
schema says. test_stacks_browser.py DIRECTORY keeps pictures there."""
import json
import pathlib
import sys
import tempfile
import time

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


def judge_speedscope(path):
    """What speedscope's file-format-spec.ts asks for."""
    file = json.loads(run("stacks", path, "--format", "speedscope").stdout)
    tap.check("speedscope: names its schema", file.get("$schema") == "https://www.speedscope.app/file-format-schema.json")
    allowed = {"$schema", "shared", "profiles", "name", "exporter", "activeProfileIndex"}
    tap.check("speedscope: no field but those of the schema", set(file) <= allowed and set(file["shared"]) == {"frames"}, set(file))
    frames = file["shared"]["frames"]
    tap.check("speedscope: frames have names", frames and all(isinstance(frame["name"], str) and frame["name"] and
                                                              set(frame) <= {"name", "file", "line", "col"} for frame in frames))
    good = bool(file["profiles"])
    for profile in file["profiles"]:
        good &= set(profile) == {"type", "name", "unit", "startValue", "endValue", "samples", "weights"}
        good &= profile["type"] == "sampled" and profile["unit"] == "nanoseconds" and isinstance(profile["name"], str)
        good &= len(profile["samples"]) == len(profile["weights"]) and all(weight >= 0 for weight in profile["weights"])
        good &= profile["endValue"] - profile["startValue"] == sum(profile["weights"])
        good &= all(isinstance(at, int) and 0 <= at < len(frames) for sample in profile["samples"] for at in sample)
    tap.check("speedscope: profiles are sampled ones, of frames that there are", good)


tap = Tap()
with tempfile.TemporaryDirectory() as temporary:
    KEPT = sys.argv[1] if sys.argv[1:] else temporary
    before, after = record_two(temporary)
    browser = open_browser()
    try:
        tap.run("a graph", judge_graph, browser, run("stacks", before, "--format", "svg").stdout, "graph")
        tap.run("a difference", judge_graph, browser, run("stacks", after, "--diff", before, "--format", "svg").stdout, "difference")
    finally:
        browser.quit()
    tap.run("speedscope", judge_speedscope, before)
tap.done()
