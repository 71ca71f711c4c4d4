#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The live page in a real browser, on a real daemon under load. WHYWAIT_PICTURES=DIRECTORY keeps pictures of what it looks like."""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from browser import Browser, Keys  # noqa: E402
from live import PATHS, ROOT, Load, observed  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import KINDS  # noqa: E402

PICTURES = os.environ.get("WHYWAIT_PICTURES")
# Markup, a direction override, what a glob would mean, and what is no route of anybody: as text or escaped, and never as markup.
HOSTILE = ["/%3Cimg%20src=x%20onerror=alert(1)%3E", "/<script>document.title='taken'</script>", "/star*[a-z]?", "/%E2%80%AEgnp.exe", "/back\\slash", "/" + "long" * 60]


def picture(browser, name, **look):
    if not PICTURES:
        return
    browser.look(**look)
    time.sleep(0.5)
    browser.picture(pathlib.Path(PICTURES) / f"{name}.png")
    browser.look(1280, 900)


def pictures(browser, name):
    picture(browser, name, width=1280, height=900)
    picture(browser, f"{name}-phone", width=390, height=844, mobile=True)
    picture(browser, f"{name}-dark", width=1280, height=900, dark=True)


def overflows(browser):
    """Elements that make the page wider than the screen."""
    return browser.run("return document.documentElement.scrollWidth > innerWidth + 1")


def check_overview(tap, browser, daemon):
    browser.open(daemon.url)
    tap.check("endpoints are listed", browser.until("a.name"), browser.text())
    rows = browser.text("table.endpoints")
    tap.check("with their routes", all(route in rows for route in ("/items/{id}", "/slow/{id}", "/compute/{id}", "/fail/{id}")), rows)
    tap.check("what failed is shown", "100" in browser.run("return [...document.querySelectorAll('tbody tr')].find((row) => row.innerText.includes('/fail')).innerText"))
    tap.check("the state is live", browser.text("#state") == "live", browser.text("#state"))
    tap.check("kinds have colours of their own", len(set(browser.run(
        "return arguments[0].map((kind) => getComputedStyle(document.documentElement).getPropertyValue(`--k-${kind}`).trim())", list(KINDS)))) == len(KINDS))
    before = browser.run("return document.querySelector('.figure b').innerText")
    tap.check("numbers renew themselves", browser.until(lambda: browser.run("return document.querySelector('.figure b').innerText") != before, 15))
    browser.run("document.querySelector('input[type=search]').focus()")
    browser.press("slow")
    tap.check("the filter leaves what it names", browser.until(lambda: len(browser.all("a.name")) == 1 and "/slow" in browser.text("a.name")))
    time.sleep(6)
    tap.check("a refresh keeps filter and focus", len(browser.all("a.name")) == 1 and browser.focus() == "filter", browser.focus())
    browser.press(*[Keys.BACKSPACE] * 4)
    browser.until(lambda: len(browser.all("a.name")) > 3)
    browser.run("document.querySelector('[data-key=\"sort p95\"]').click()")
    tap.check("columns sort", browser.until(lambda: browser.run("return document.querySelector('th[aria-sort]').innerText").startswith("p95")))
    pictures(browser, "endpoints")


def check_keyboard(tap, browser, daemon):
    browser.open(daemon.url)
    browser.until("a.name")
    browser.run("document.querySelector('a.name').focus()")
    first = browser.focus()
    browser.press(Keys.ARROW_DOWN)
    tap.check("arrow keys go from row to row", browser.focus() != first and browser.focus().startswith("endpoint "), browser.focus())
    outline = browser.run("const e = document.activeElement; e.matches(':focus-visible'); return getComputedStyle(e).outlineStyle")
    tap.check("and the focus is seen", outline == "solid", outline)
    browser.press(Keys.ENTER)
    tap.check("Enter opens an endpoint", browser.until(".crumbs"))
    browser.press(Keys.ESCAPE)
    tap.check("Escape leads back", browser.until("table.endpoints"))


def check_endpoint(tap, browser, daemon):
    browser.open(daemon.url)
    browser.until("a.name")
    browser.run("[...document.querySelectorAll('a.name')].find((link) => link.innerText.includes('/items')).click()")
    tap.check("an endpoint opens", browser.until(".request > button"), browser.text())
    text = browser.text("main")
    tap.check("it says what to mend", "n-plus-one" in text, text)
    tap.check("and of what kinds its time is", "db" in browser.text(".legend") and "What it asks of others" in text)
    tap.check("time and latency are drawn", browser.run("return document.querySelectorAll('.chart rect').length") > 10)
    browser.run("document.querySelector('[data-key=stack]').focus()")
    browser.press(Keys.ARROW_LEFT)
    tap.check("a chart reads itself to the keyboard", browser.until(lambda: "requests" in browser.run("return document.querySelector('.readout').innerText")), browser.text(".readout"))
    browser.run("document.querySelector('.request > button').click()")
    tap.check("a request opens to its waterfall", browser.until(".waterfall .lane i"))
    tap.check("with its operations", "20 ×" in browser.text(".waterfall"), browser.text(".waterfall"))
    key = browser.run("return document.querySelector('[aria-expanded=true]').dataset.key")
    browser.run("window.before = document.querySelector('main').firstChild")
    again = browser.until(lambda: browser.run("return document.querySelector('main').firstChild !== window.before"), 15)
    kept = browser.run("const e = [...document.querySelectorAll('.request > button')].find((b) => b.dataset.key === arguments[0]); return !e || e.getAttribute('aria-expanded') === 'true'", key)
    tap.check("which a refresh leaves open", again and kept)
    pictures(browser, "endpoint")
    browser.run("document.querySelector('[data-key=\"requests failed\"]').click()")
    tap.check("there are none that failed", browser.until(lambda: "None failed" in browser.text("main")))
    browser.look(390, 844, mobile=True)
    time.sleep(0.5)
    tap.check("on a phone nothing is wider than the screen", not overflows(browser))
    browser.open(daemon.url)
    browser.until("a.name")
    tap.check("nor is the list", not overflows(browser))
    browser.look(1280, 900)


def check_hostile(tap, browser, daemon):
    browser.open(daemon.url)
    browser.until("a.name")
    tap.check("hostile names are text", not browser.all("main img") and not browser.all("main script") and browser.run("return document.title") != "taken")
    names = browser.run("return [...document.querySelectorAll('a.name')].map((link) => link.innerText)")
    tap.check("they are all there", any("star*[a-z]" in name for name in names) and any("slash" in name for name in names), names)
    for part in ("star", "slash", "img", "exe"):
        browser.open(daemon.url)
        browser.until("a.name")
        found = browser.run("const link = [...document.querySelectorAll('a.name')].find((link) => link.innerText.includes(arguments[0])); if (link) link.click(); return !!link", part)
        tap.check(f"'{part}' opens", found and browser.until(".figure"), browser.text("main"))


def check_connection_loss(tap, browser, daemon):
    browser.open(daemon.url)
    browser.until("a.name")
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0})
    tap.check("a loss of the connection is said", browser.until(lambda: "No connection" in browser.text("#banner"), 12), browser.text("#banner"))
    tap.check("and what was shown stays", len(browser.all("a.name")) > 3)
    picture(browser, "offline", width=1280, height=900)
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    tap.check("it comes back by itself", browser.until(lambda: browser.run("return document.getElementById('banner').hidden"), 12))
    browser.complaints()  # of the loss, which was ours


def main():
    tap = Tap()
    with observed() as (web, daemon), Browser() as browser:
        browser.open(daemon.url)
        tap.check("without requests it says so", browser.until(lambda: "No requests yet" in browser.text("main")), browser.text("main"))
        picture(browser, "empty", width=1280, height=900)
        with Load(web.port, [path for path in PATHS for _ in range(4)] + HOSTILE):
            time.sleep(12)
            check_overview(tap, browser, daemon)
            check_keyboard(tap, browser, daemon)
            check_endpoint(tap, browser, daemon)
            check_hostile(tap, browser, daemon)
            complaints = browser.complaints()
            tap.check("the console has nothing to say", not complaints, complaints)
            check_connection_loss(tap, browser, daemon)
            asked = [url for url in browser.requests() if not url.startswith((daemon.url + "/", "data:", "about:"))]
            tap.check("nothing was asked of anybody else", not asked, asked)
    page = (ROOT / "src/serve/page/page.css").read_text()
    tap.check("every kind has a colour, by day and by night", all(page.count(f"--k-{kind}:") == 2 for kind in KINDS))
    tap.done()


main()
