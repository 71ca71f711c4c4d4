# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The load of tests of `compare`: the same each time, whatever the server does."""
import http.client
import threading
import time

CLIENTS, RATE = 3, 20  # requests a second of each client


def load(port, seconds):
    """Clients that ask at set times, whatever the server does."""
    def client(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        start = time.monotonic() + number / RATE / CLIENTS
        for request in range(int(seconds * RATE)):
            time.sleep(max(start + request / RATE - time.monotonic(), 0))
            connection.request("GET", f"/page/{request}")
            connection.getresponse().read()
        connection.close()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
