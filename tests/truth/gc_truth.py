# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the truth tests of collectors share: requests to a server, and the comparison of what whywait told of `gc` with what the
runtime told itself."""
import http.client
import pathlib
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE.parent / "lib")]

APPS = HERE / "apps"
MS = 1_000_000


def get(port, *paths):
    """Answers, one after the other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    answers = []
    for path in paths:
        connection.request("GET", path)
        answers.append(connection.getresponse().read().decode())
    connection.close()
    return answers


def get_at_once(port, lists):
    """Each list on a connection of its own, all at once."""
    clients = [threading.Thread(target=get, args=(port, *paths)) for paths in lists]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def near(told, truth, share, least):
    """Whether two numbers differ by that share of the second, or by `least`, at the most."""
    return abs(told - truth) <= max(share * truth, least)
