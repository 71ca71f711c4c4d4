# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Ways to send requests that several test files share."""
import time

from counts_client import Connection

SETTLE = 0.02  # seconds in which an idle server has read what was sent before


def mixed(site, number):
    """A request of changing method and status, by its number."""
    return (
        {"action": "size", "argument": 16},
        {"action": "size", "argument": 1000, "method": "HEAD"},
        {"action": "echo", "argument": 0, "method": site.echo_method, "status": site.echo_status, "body": b"y" * 300},
        {"action": "status", "argument": 204, "status": 204},
        {"action": "nowhere", "argument": 0, "status": 404},
        {"action": "size", "argument": 4096, "suffix": "?q=secret"},
    )[number % 6]


def keep_alive(case, site, address, connections, rounds):
    """`connections` at once, each with a request under way, `rounds` times over."""
    opened = [Connection(address) for _ in range(connections)]
    for turn in range(rounds):
        waiting = []
        for index, connection in enumerate(opened):
            how = mixed(site, turn + index)
            status = how.pop("status", 200)
            exchange, data = case.prepare(**how)
            connection.send(data)
            waiting.append((connection, exchange, status))
        for connection, exchange, status in waiting:
            case.answer(connection, exchange, status)
    for connection in opened:
        connection.close()


def connection_each(case, site, address, at_once, rounds):
    """`at_once` requests under way, each on a connection of its own that ends with it, `rounds` times over."""
    for turn in range(rounds):
        waiting = []
        for index in range(at_once):
            how = mixed(site, turn + index)
            status = how.pop("status", 200)
            exchange, data = case.prepare(headers=[("Connection", "close")], **how)
            connection = Connection(address)
            connection.send(data)
            waiting.append((connection, exchange, status))
        for connection, exchange, status in waiting:
            case.answer(connection, exchange, status)
            connection.close()


def cut(connection, data, *positions, pause=SETTLE):
    """Sends data in pieces that end at the positions; between them the server has time to read."""
    start = 0
    for end in (*positions, len(data)):
        connection.send(data[start:end])
        start = end
        if end < len(data):
            time.sleep(pause)


def cut_everywhere(case, address, together=True, answers=1, prepare=None, status=200):
    """A client for each byte boundary of the bytes that prepare() makes, cut there.

    prepare() returns ([exchange, ..], bytes). With together=True all clients hold their first part open at the same time.
    """
    exchanges, data = prepare()
    lengths = {len(data)}
    waiting = []
    position = 1
    while True:
        connection = Connection(address)
        connection.send(data[:position])
        waiting.append((connection, exchanges, data[position:]))
        if not together:
            time.sleep(0.003)
            _finish(case, waiting, answers, status)
            waiting = []
        position += 1
        if position >= min(lengths):
            break
        exchanges, data = prepare()
        lengths.add(len(data))
    time.sleep(5 * SETTLE)
    _finish(case, waiting, answers, status)


def _finish(case, waiting, answers, status):
    for connection, _, rest in waiting:
        connection.send(rest)
    for connection, exchanges, _ in waiting:
        for exchange in exchanges[:answers]:
            case.answer(connection, exchange, status)
        connection.close()
