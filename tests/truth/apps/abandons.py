#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A server on the unix socket that it is told: closes the connection of /../abandon without a word, sleeps for /../sleep/MS, and answers
/../until-close with a response that ends with the connection."""
import socket
import sys
import threading
import time


def serve(connection):
    with connection:
        while head := connection.recv(1000):
            _, _, what, *ms = head.split()[1].decode().split("/")
            if what == "abandon":
                return
            if what == "until-close":
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nbody")
                return
            time.sleep(int(ms[0]) / 1000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    listener.listen()
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],)).start()
