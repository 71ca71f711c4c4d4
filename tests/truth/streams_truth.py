# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tests of recorded streams share: what a parser makes of one, in whatever pieces it comes."""
from wiretap import replay

FLAGS = ("connect", "read", "write", "fetch", "control", "batch", "pipelined", "blocking", "cut", "unfinished", "uncaptured", "unseen")
# What it depends on how much is at hand, and how far the two ends were from one another.
LOOSE = {"cut", "pipelined"}


def in_chunks(stream, size=16384):
    """As calls of that many bytes at most: no client reads or writes more at once."""
    return [(way, data[at:at + size]) for way, data in stream for at in range(0, len(data), size)]


def operations(result):
    return [operation | {"flags": [name for bit, name in enumerate(FLAGS) if operation["flags"] >> bit & 1]}
            for operation in result["operations"]]


def essence(operation, statement=True):
    return (operation["summary"], operation["error"], tuple(sorted(set(operation["flags"]) - LOOSE)),
            operation["statement"] if statement else "")


def differences(found, should, **how):
    if len(found) != len(should):
        yield f"{len(found)} instead of {len(should)}"
    for a, b in zip(found, should):
        if essence(a, **how) != essence(b, **how):
            yield f"{essence(a, **how)} instead of {essence(b, **how)}"


def check_stream(tap, name, protocol, stream, told):
    calls = in_chunks(stream)
    whole = replay(protocol, calls)
    truth = operations(whole)
    tap.check(f"{name}: the {len(told)} operations are those that were made", not whole["unsure"]
              and not list(differences(truth, told)), "\n".join(list(differences(truth, told))[:5]))
    limited = replay(protocol, calls, "--limits")
    wrong = list(differences(operations(limited), truth, statement=False))
    wrong += [f"{a['start']}-{a['end']} instead of {b['start']}-{b['end']}" for a, b in zip(limited["operations"], truth)
              if (a["start"], a["end"], a["out"], a["in"]) != (b["start"], b["end"], b["out"], b["in"])]
    tap.check(f"{name}: the same, at the same times, of as much as the kernel keeps", not wrong and not limited["unsure"], "\n".join(wrong[:5]))
    for what, *options in (("byte by byte", "--chunk", 1), ("in random pieces", "--split", 1), ("in other pieces", "--split", 2)):
        result = operations(replay(protocol, calls, *options))
        wrong = list(differences(result, truth))
        wrong += [f"{a['arguments']:x} of {a['statement']}" for a, b in zip(result, truth) if a["arguments"] != b["arguments"]]
        tap.check(f"{name}: the same {what}", not wrong, "\n".join(wrong[:5]))
    result = replay(protocol, calls, "--limits", "--split", 3)
    wrong = list(differences(operations(result), truth, statement=False)) if not result["unsure"] else []
    tap.check(f"{name}: the same, or unsure, in random pieces of which much is not at hand", not wrong, "\n".join(wrong[:5]))
    middle(tap, name, protocol, calls, truth)


def middle(tap, name, protocol, calls, truth):
    """With calls missing there may be fewer operations, but none that was not made: it ends when one does, and says the same of it, as
    far as it says something."""
    ends = {operation["end"]: operation for operation in truth}
    step, tried, found, invented = max(1, len(calls) // 60), 0, 0, []
    for how in "--join", "--lose":
        for call in range(1, len(calls), step):
            result = replay(protocol, calls, "--limits", how, call)
            tried += 1
            for operation in result["operations"]:
                end = operation["end"] + (call if how == "--join" else operation["end"] > call)
                of = ends.get(end)
                found += 1
                # What nothing is known of says so.
                unseen = operation["summary"] == "EXECUTE" and operation["flags"] >> FLAGS.index("unseen") & 1
                if operation["settled"]:
                    continue
                if not of or operation["error"] != of["error"] or not of["summary"].startswith(operation["summary"]) \
                        and not of["summary"].endswith(operation["summary"]) and operation["statement"] not in of["statement"] \
                        and not unseen:
                    invented.append(f"{how} {call}: {operation} where there was {of}")
    tap.check(f"{name}: of {found} operations with calls missing in {tried} ways none is invented", not invented, "\n".join(invented[:5]))
    tap.check(f"{name}: and most are there", found > tried * len(truth) * 0.3, f"{found} of {tried} times {len(truth)}")
