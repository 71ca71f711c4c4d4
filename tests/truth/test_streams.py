#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What real clients say to real servers is told right by the parsers, in any pieces: each command is one operation.

The truth is what the servers have counted, or what the client was told to do. Nothing is observed here: a proxy keeps the
streams, and they are played to the parsers as a whole, byte by byte, in random pieces, as the kernel would capture them, from
any call on, and with any one call missing.
"""
import collections
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tools")]
import pymemcache  # noqa: E402
import redis  # noqa: E402
from services import Memcached, Python, Redis  # noqa: E402
from tap import Tap  # noqa: E402
from wiretap import Wiretap, replay  # noqa: E402

BATCH, UNFINISHED = 1 << 5, 1 << 9
tap = Tap()


def summaries(played):
    return collections.Counter(operation["summary"] for operation in played["operations"])


def key(operation, shift=0):
    """What of an operation is the same wherever the stream was joined."""
    return operation["summary"], operation["start"] + shift, operation["end"] + shift, operation["out"]


def check_pieces(name, protocol, streams, truth, captured=None):
    """`truth`: {summary: count}; `captured`: the same where the capture's limits make batches."""
    for way, options in (("whole", ()), ("byte by byte", ("--chunk", 1)), ("in random pieces", ("--split", 7)),
                         ("captured", ("--limits",))):
        played = [replay(protocol, stream, *options) for stream in streams]
        found = sum((summaries(each) for each in played), collections.Counter())
        expected = captured if captured and way == "captured" else truth
        tap.check(f"{name}, {way}: {sum(found.values())} operations", found == expected,
                  f"found more: {found - collections.Counter(expected)}\nfound less: {collections.Counter(expected) - found}")
        tap.check(f"{name}, {way}: nothing is unsure", not any(each["unsure"] for each in played))


def check_losses(name, protocol, stream, most=60):
    """Joined late, or with a call missing: what is told then is told of the whole stream, too."""
    whole = {key(operation) for operation in replay(protocol, stream, "--limits")["operations"]}
    wrong = []
    step = max(1, len(stream) // most)
    for number in range(1, len(stream), step):
        for operation in replay(protocol, stream, "--limits", "--join", number)["operations"]:
            if not operation["settled"] and key(operation, number) not in whole:
                wrong.append(f"joined at {number}: {operation}")
        for operation in replay(protocol, stream, "--limits", "--lose", number)["operations"]:
            # Calls behind the missing one have numbers that are one less.
            if not operation["settled"] and not any(key({**operation, "start": operation["start"] + a,
                                                        "end": operation["end"] + b}) in whole for a in (0, 1) for b in (0, 1)):
                wrong.append(f"without {number}: {operation}")
    tap.check(f"{name}: nothing is invented where calls are missing", not wrong, "\n".join(wrong[:5]))


def redis_streams():
    with Redis() as server, Wiretap(("127.0.0.1", server.port)) as wire:
        direct = redis.Redis(port=server.port)
        direct.config_resetstat()
        client = redis.Redis(port=wire.port, single_connection_client=True)
        client.set("big", b"x" * 300000)
        for i in range(20):
            client.set(f"user:{i}", i)
            client.get(f"user:{i}")
            client.hset("profile:1", f"field{i}", "v" * 40)
        client.get("big")
        client.hgetall("profile:1")
        client.rpush("list", *range(500))
        client.lrange("list", 0, -1)
        client.mget([f"user:{i}" for i in range(20)])
        client.blpop("none", timeout=1)
        try:
            client.incr("profile:1")
        except redis.ResponseError:
            pass
        with client.pipeline(transaction=False) as pipe:
            for i in range(20):
                pipe.get(f"user:{i}")
            pipe.execute()
        with client.pipeline(transaction=True) as pipe:
            pipe.incr("counter").expire("counter", 60).get("counter")
            pipe.execute()
        list(client.scan_iter(count=5))
        client.eval("return redis.call('GET', KEYS[1])", 1, "user:1")
        client.close()
        commands = {name.removeprefix("cmdstat_").upper(): figures["calls"] + figures["rejected_calls"]
                    for name, figures in direct.info("commandstats").items()}
        direct.close()
        # What the script did itself, and what was asked without the proxy.
        commands["GET"] -= 1
        for name in list(commands):
            if name.startswith("CONFIG") or name in ("INFO", "CLIENT|SETINFO"):
                del commands[name]
    check_pieces("redis-py", "redis", wire.streams, commands)
    check_losses("redis-py", "redis", wire.streams[0])

    with Redis() as server, Wiretap(("127.0.0.1", server.port)) as wire:
        subprocess.run(["redis-benchmark", "-p", str(wire.port), "-c", "2", "-P", "16", "-n", "640", "-t", "get,incr", "-q"],
                       check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["redis-cli", "-3", "-p", str(wire.port)], check=True, stdout=subprocess.DEVNULL, text=True,
                       input="set a 1\nhset h a 1\nhgetall h\nlrange l 0 -1\nsubstr a 0 -1\n", timeout=30)
    streams = [stream for stream in wire.streams if stream]
    found = sum((summaries(replay("redis", stream, "--limits")) for stream in streams), collections.Counter())
    tap.check("redis-benchmark -P 16: every command", found["GET"] == 640 and found["INCR"] == 640, found)
    tap.check("redis-cli -3: every command",
              all(found[name] == 1 for name in ("SET", "HSET", "HGETALL", "LRANGE", "SUBSTR", "HELLO")), found)
    check_losses("redis-benchmark", "redis", max(streams, key=len))

    with Redis() as server, Wiretap(("127.0.0.1", server.port)) as wire:
        client = redis.Redis(port=wire.port)
        with client.pipeline(transaction=False) as pipe:
            for i in range(1000):
                pipe.set(f"user:{i}", i)
            pipe.execute()
        client.ping()
        client.close()
    # The client reads when it has sent all of it, whatever the proxy has got before.
    ping = wire.streams[0].index(("S", b"*1\r\n$4\r\nPING\r\n"))
    played = replay("redis", sorted(wire.streams[0][:ping], key=lambda call: call[0] == "R") + wire.streams[0][ping:], "--limits")
    found = summaries(played)
    tap.check("a pipeline longer than the capture ends with a batch",
              found["pipeline"] == 1 and found["PING"] == 1 and 10 < found["SET"] < 64 and not played["unsure"], found)

    with Redis() as server, Wiretap(("127.0.0.1", server.port)) as wire:
        subscriber = redis.Redis(port=wire.port).pubsub()
        subscriber.subscribe("news:1", "news:2")
        got = [subscriber.get_message(timeout=2) for _ in range(2)]
        publisher = redis.Redis(port=wire.port)
        for i in range(10):
            publisher.publish("news:1", f"text {i}")
        got += [subscriber.get_message(timeout=2) for _ in range(10)]
        subscriber.unsubscribe()
        while (message := subscriber.get_message(timeout=1)) and message["data"]:
            pass
        subscriber.close()
        publisher.close()
    tap.check("the messages came", sum(message["type"] == "message" for message in got if message) == 10, got)
    check_pieces("messages", "redis", [stream for stream in wire.streams if stream],
                 {"SUBSCRIBE": 1, "UNSUBSCRIBE": 1, "PUBLISH": 10})


def meta(port):
    """Meta commands, which pymemcache has none of: sent as they are."""
    import socket
    with socket.create_connection(("127.0.0.1", port)) as connection:
        reader = connection.makefile("rb")
        for request, lines in ((b"ms a 2 T60\r\nhi\r\n", 1), (b"mg a v t\r\n", 2), (b"mg none v\r\n", 1), (b"md a\r\n", 1),
                               (b"mg a v q\r\nms b 1 q\r\nx\r\nmg b v q k\r\nmn\r\n", 3), (b"mg b v\r\nmg c v\r\n", 3),
                               (b"ma n N0 J5 v\r\n", 2), (b"me b\r\n", 1)):
            connection.sendall(request)
            for _ in range(lines):
                reader.readline()


def memcached_streams():
    with Memcached() as server, Wiretap(("127.0.0.1", server.port)) as wire:
        client = pymemcache.Client(("127.0.0.1", wire.port), default_noreply=False)
        client.set("big", b"x" * 300000)
        for i in range(20):
            client.set(f"user:{i}", f"value {i}" * 10)
            client.get(f"user:{i}")
        client.get("big")
        client.get("none")
        client.get_many([f"user:{i}" for i in range(20)])
        client.gets("user:1")
        client.set("quiet", "x", noreply=True)
        client.incr("none", 1)
        client.delete("user:1")
        client.touch("user:2", 60)
        client.stats()
        client.version()
        client.set_many({f"many:{i}": "x" for i in range(10)})
        client.close()
        meta(wire.port)
    check_pieces("pymemcache", "memcached", wire.streams[:1],
                 {"set": 31, "get": 23, "gets": 1, "incr": 1, "delete": 1, "touch": 1, "stats": 1, "version": 1})
    check_losses("pymemcache", "memcached", wire.streams[0])
    check_pieces("meta commands", "memcached", wire.streams[1:], {"ms": 1, "mg": 4, "md": 1, "pipeline": 1, "ma": 1, "me": 1})
    check_losses("meta commands", "memcached", wire.streams[1])


NODE = """
const http = require('http'), agent = new http.Agent({keepAlive: true, maxSockets: 1});
const call = (method, path, body) => new Promise(done => {
  const request = http.request({host: '127.0.0.1', port: process.argv[1], method, path, agent,
                                headers: body ? {'Content-Length': body.length} : {}}, answer => answer.resume().on('end', done));
  request.end(body);
});
(async () => {
  for (let i = 0; i < 5; i++) { await call('GET', '/small/' + i); await call('POST', '/chunked/' + i, 'x'.repeat(5000)); }
  await Promise.all([1, 2, 3].map(i => call('GET', '/headers/' + i)));
  agent.destroy();
})();
"""


def http_streams():
    with Python(ROOT / "tests/truth/apps/operations_upstream.py") as server, Wiretap(("127.0.0.1", server.port)) as wire:
        host = f"127.0.0.1:{wire.port}"
        subprocess.run(["curl", "-sf", "-o", "/dev/null", f"http://{host}/small/1?secret=x", "-o", "/dev/null", f"http://{host}/big/2",
                        "-o", "/dev/null", f"http://{host}/chunked/3", "-o", "/dev/null", f"http://{host}/headers/4"], check=True)
        subprocess.run(["curl", "-s", "-I", "-o", "/dev/null", f"http://{host}/big/5", "-o", "/dev/null",
                        f"http://{host}/missing/6"], check=True)
        subprocess.run(["curl", "-s", "-o", "/dev/null", "-H", "Expect: 100-continue", "--data-binary", "@-",
                        f"http://{host}/small/7"], check=True, input=b"d" * 100000)
        subprocess.run(["node", "-e", NODE, str(wire.port)], check=True)
    truth = {"GET /small/{id}": 6, "GET /big/{id}": 1, "GET /chunked/{id}": 1, "GET /headers/{id}": 4, "HEAD /big/{id}": 1,
             "HEAD /missing/{id}": 1, "POST /small/{id}": 1, "POST /chunked/{id}": 5}
    check_pieces("curl and node", "http1_client", wire.streams,
                 {f"{name.split()[0]} {host} {name.split()[1]}": count for name, count in truth.items()})
    check_losses("node", "http1_client", max(wire.streams, key=len))
    missing = [operation for stream in wire.streams for operation in replay("http1_client", stream, "--limits")["operations"]
               if "missing" in operation["summary"]]
    tap.check("a call that was refused is an error", [operation["error"] for operation in missing] == ["404"], missing)


tap.run("redis", redis_streams)
tap.run("memcached", memcached_streams)
tap.run("http", http_streams)
tap.done()
