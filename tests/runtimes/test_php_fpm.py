#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""PHP-FPM behind nginx: its accounts are those that its scripts keep of themselves, and what nginx asks it is an operation as long as
that; on a unix socket, or with the words `tcp` and `kept` on TCP and on connections that are kept. At 1, 8 and 64 requests in flight,
or at so many as the arguments say."""
import pathlib
import statistics
import sys

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.insert(0, str(APPS))
from fastcgi_servers import Pages  # noqa: E402  (the path comes first)
from side_by_side import MS, STEPS, compare, milliseconds  # noqa: E402

WORDS = sys.argv[1:]


def select(server):
    return "--pid", ",".join(map(str, server.pids()))


def near(is_ns, should_ns):
    return abs(is_ns - should_ns) <= max(MS / 2, 0.02 * should_ns)


def nginx(tap, part, found, requests):
    """nginx's requests: as long as the client's; their operation and their `net` as long as PHP-FPM's."""
    front = {request["path"].rpartition("/")[2]: request for request in requests if request["service"].startswith("nginx")}
    if not tap.check(f"{part.name}: nginx has answered the requests sent", front.keys() == part.times.keys(),
                     f"{len(front)} recorded, {len(part.times)} sent"):
        return
    part.check_wall(tap, front)
    wrong = [f"{name}: {[(o['system'], o['summary'], o['error']) for o in request['operations']]}" for name, request in front.items()
             if [(o["system"], o["summary"]) for o in request["operations"] if o["summary"] != "connect"] !=
             [("fastcgi", f"GET /job/{name}")] or found[name]["status"] != request["status"]]
    tap.check(f"{part.name}: each has its one operation, of its own", len(wrong) <= 0.01 * len(front), "\n".join(wrong[:5]))
    off = []
    for name, request in front.items():
        asked = [o["duration_ns"] for o in request["operations"] if o["system"] == "fastcgi"]
        if len(asked) == 1 and not near(asked[0], found[name]["wall_ns"]):
            off.append(f"{name}: {milliseconds(asked[0])} ms, PHP-FPM took {milliseconds(found[name]['wall_ns'])} ms")
    tap.check(f"{part.name}: for 95 % it takes as long as PHP-FPM", len(off) <= 0.05 * len(front), f"{len(off)}\n" + "\n".join(off[:5]))
    net, wall = (statistics.mean(values) for values in ([r["kinds_ns"]["net"] for r in front.values()],
                                                        [r["wall_ns"] for r in found.values()]))
    tap.check(f"{part.name}: nginx waits for that", abs(net - wall) <= part.share * wall + part.extra,
              f"net {milliseconds(net)} ms, PHP-FPM {milliseconds(wall)} ms")


compare(lambda environment: Pages(APPS / "php_work.php", environment, workers=32, tcp="tcp" in WORDS, kept="kept" in WORDS),
        tuple(step for step in STEPS if step not in ("pgs", "https", "chan")),
        tuple(int(word) for word in WORDS if word.isdigit()) or (1, 8, 64), select=select, service="php-fpm", also=nginx)
