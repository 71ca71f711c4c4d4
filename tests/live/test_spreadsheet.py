#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Each CSV of each command is opened by SQLite without a warning, and by LibreOffice Calc: what its cells hold is what the file says,
also where routes are named like formulas, or have commas, quotes and line ends in them."""
import csv
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
import zipfile

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lib"), str(TESTS / "truth/apps"), str(TESTS.parent / "tools")]

from serve_daemon import Page  # noqa: E402
from services import free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import WHYWAIT, Record  # noqa: E402

HOSTILE = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1,2)", "\t=1+1", "/a,b;c", '/"quoted"', "/two\nlines", "/tab\there",
           "/ümläut/€", "/1e5", "0x10", "TRUE", "'apostrophe", "/long/" + "x" * 1500]
NS = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
# Comma, double quotes, UTF-8, from the first line, every column as it is ("standard"); values as shown are not asked for.
FILTER = "CSV:44,34,76,1,,0,false,true,false"


def column(letters):
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def cells(file):
    """{(row, column): text or number} of an xlsx's first sheet, and how many formulas it has."""
    with zipfile.ZipFile(file) as archive:
        strings = [("".join(text.text or "" for text in item.iter(f"{{{NS['m']}}}t")))
                   for item in xml.etree.ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))]
        sheet = xml.etree.ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    found = {}
    for cell in sheet.iter(f"{{{NS['m']}}}c"):
        place, value = cell.get("r"), cell.find("m:v", NS)
        letters = place.rstrip("0123456789")
        if value is not None:
            text = value.text
            found[int(place[len(letters):]) - 1, column(letters)] = \
                strings[int(text)] if cell.get("t") == "s" else bool(int(text)) if cell.get("t") == "b" else float(text)
    return found, len(sheet.findall(".//m:f", NS))


def same(cell, field):
    """Whether a cell holds what the field says: as the text that it is, or as the number."""
    if isinstance(cell, bool):
        return field.lower() == ("true" if cell else "false")
    if isinstance(cell, float):
        try:
            return abs(cell - float(field)) <= 1e-12 * abs(cell)
        except ValueError:
            return False
    return (cell or "") == field


tap = Tap()
with tempfile.TemporaryDirectory() as directory, Page(free_port()) as page:
    with Record("--port", page.port) as record:
        for turn in range(2):
            for number in range(len(HOSTILE)):
                page.ask(f"/route{chr(97 + number)}")
            time.sleep(1.2)
    record.check(tap)
    database = sqlite3.connect(record.path)
    for number, name in enumerate(HOSTILE):
        database.execute("UPDATE endpoint SET route = ? WHERE route = ?", (name, f"/route{chr(97 + number)}"))
    database.execute("UPDATE request SET path = (SELECT route FROM endpoint WHERE endpoint.id = endpoint)")
    database.commit()
    database.close()
    files = {}
    for name, arguments in {"report": ("report", record.path), "interval": ("report", record.path, "--interval", 10),
                            "requests": ("requests", record.path), "capacity": ("capacity", record.path, "--rate", 10),
                            "compare": ("compare", record.path, shutil.copy(record.path, pathlib.Path(directory, "after.db")))}.items():
        files[name] = pathlib.Path(directory, f"{name}.csv")
        files[name].write_bytes(subprocess.run([WHYWAIT, *map(str, arguments), "--format", "csv"], capture_output=True,
                                               check=True).stdout)
    rows = {}
    for name, file in files.items():
        with open(file, encoding="utf-8", newline="") as lines:
            rows[name] = list(csv.reader(lines, strict=True))
    for name, table in rows.items():
        tap.check(f"{name}: {len(table) - 1} rows of {len(table[0])} columns", len(table) > 1
                  and all(len(row) == len(table[0]) for row in table), [len(row) for row in table])
        done = subprocess.run(["sqlite3", ":memory:", "-cmd", ".mode csv", "-cmd", f".import {files[name]} t", "SELECT count(*) FROM t"],
                              capture_output=True, text=True, check=False)
        tap.check(f"{name}: SQLite has nothing to say, and all rows", not done.stderr and done.stdout.strip() == str(len(table) - 1),
                  done.stderr + done.stdout)
    tap.check("each route has its row", len(rows["report"]) == len(HOSTILE) + 1, rows["report"])
    if not shutil.which("soffice"):
        tap.skip("LibreOffice Calc opens them", "soffice is not installed: apt install libreoffice-calc-nogui")
        tap.done()
    done = subprocess.run(["soffice", "--headless", f"-env:UserInstallation=file://{directory}/profile", f"--infilter={FILTER}",
                           "--convert-to", "xlsx", "--outdir", directory, *files.values()], capture_output=True, text=True,
                          timeout=240, check=False)
    tap.check("LibreOffice Calc opens them", done.returncode == 0, done.stderr + done.stdout)
    for name, table in rows.items():
        found, formulas = cells(pathlib.Path(directory, f"{name}.xlsx"))
        wrong = [(row, table[0][at], field, found.get((row, at))) for row, fields in enumerate(table)
                 for at, field in enumerate(fields) if not same(found.get((row, at)), field)]
        tap.check(f"{name}: its cells hold what the file says", not wrong, "\n".join(map(repr, wrong[:20])))
        tap.check(f"{name}: none of them is a formula", formulas == 0, formulas)
tap.done()
