#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Connections that carry TLS or HTTP/2 on a server's port are counted and named; plain requests beside them are recorded."""
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "apps"))
from counts_client import Connection, wait_until_listening  # noqa: E402  (the path comes first)
from counts_ledger import Ledger  # noqa: E402
from counts_run import Record, Tap  # noqa: E402
from counts_servers import Server, free_port, start_nginx, start_threading  # noqa: E402
from whywait import run  # noqa: E402

TLS_NGINX, TLS_OPENSSL, HTTP2 = 23, 7, 11  # connections


def certificate(directory):
    key, cert = f"{directory}/key.pem", f"{directory}/cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return key, cert


def over_tls(port, requests):
    """A TLS connection with some requests on it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = Connection(("127.0.0.1", port))
    connection.sock = context.wrap_socket(connection.sock)
    for _ in range(requests):
        connection.send(b"GET /tls/size/16/0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if requests > 1:
            assert connection.reply().status == 200
        else:
            connection.read_to_end()
    connection.close()


def over_http2(port):
    done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_version} %{http_code}",
                           "--noproxy", "*", "--http2-prior-knowledge", f"http://127.0.0.1:{port}/h2/size/16/0"],
                          capture_output=True, text=True, check=False)
    assert done.stdout == "2 200", done


def garbage(case, site):
    """What is no HTTP at all harms nobody; those beside it are counted."""
    for bytes_sent in (b"\x00\x01\x02", b"nonsense\r\n\r\n", b"GET\r\n\r\n", b"\x16", b"SSH-2.0-x\r\n", b"GET" * 500,
                       b"\r\n\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 100000):
        with Connection(site.ipv4) as connection:
            try:
                connection.send(bytes_sent)
                connection.finish_sending()
            except OSError:
                pass  # the server had enough of it
            connection.read_to_end()
        case.once(site.ipv4, "size", 16)


def beside(case, site, ended):
    """Plain requests all the while."""
    while not ended.is_set():
        case.once(site.ipv4, "size", 1000)


def main():
    tap = Tap()
    ledger = Ledger()
    tls_port, h2_port, s_port = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="whywait-tls-") as directory:
        key, cert = certificate(directory)
        nginx = start_nginx(extra=f"""
            server {{
                listen 127.0.0.1:{tls_port} ssl;
                listen 127.0.0.1:{h2_port} http2;
                ssl_certificate {cert};
                ssl_certificate_key {key};
                location ~ /size/(\\d+)/ {{ return 200 sixteen-bytes-16; }}
            }}""")
        python = start_threading()
        s_server = Server(["openssl", "s_server", "-quiet", "-www", "-accept", f"127.0.0.1:{s_port}", "-key", key,
                           "-cert", cert], ready=lambda: not wait_until_listening(("127.0.0.1", s_port)))
        s_server.start()
        try:
            pids = ",".join(map(str, nginx.pids + python.pids + s_server.pids()))
            with Record("--pid", pids) as record:
                ended = threading.Event()
                plain = threading.Thread(target=beside, args=(ledger.case("plain"), nginx, ended))
                plain.start()
                try:
                    for number in range(TLS_NGINX):
                        tap.run("TLS on nginx", over_tls, tls_port, 2 + number % 3)
                    for _ in range(TLS_OPENSSL):
                        tap.run("TLS on s_server", over_tls, s_port, 1)
                    for _ in range(HTTP2):
                        tap.run("HTTP/2 on nginx", over_http2, h2_port)
                finally:
                    ended.set()
                    plain.join()
            # Apart from the rest: whether a recording with connections that nobody can follow is complete is not asked here.
            with Record("--pid", pids) as other:
                odd = Ledger()
                for site in (nginx, python):
                    tap.run("garbage", garbage, odd.case(f"beside-garbage-{site.name.replace('.', '-')}"), site)
            tap.check("the servers still serve", nginx.alive() and python.alive())
        finally:
            s_server.stop()
            nginx.stop()
            python.stop()
    record.check(tap)
    ledger.compare(tap, record.requests)
    found = {(entry["port"], entry["protocol"]): entry["connections"] for entry in record.report["unreadable"]}
    truth = {(tls_port, "tls"): TLS_NGINX, (s_port, "tls"): TLS_OPENSSL, (h2_port, "http2"): HTTP2}
    tap.check("report --format json counts them by port and protocol", found == truth, f"{found}, were {truth}")
    for name, text in (("record", record.stderr), ("report", run("report", record.path).stdout)):
        for (port, protocol), number in truth.items():
            word = {"tls": "TLS", "http2": "HTTP/2"}[protocol]
            tap.check(f"{name} says so: {number} {word} connections on their port",
                      re.search(rf"\b{port}: {number} {word} connections", text) and "not readable" in text, text)
    other.check(tap, complete=False)
    odd.compare(tap, [r for r in other.requests if r["path"].startswith("/beside-")])
    strangers = [r for r in other.requests if not r["path"].startswith("/beside-") and r["status"] not in (0, 400, 414, 505)]
    tap.check("garbage is no request that was answered", not strangers, strangers[:3])
    tap.done()


main()
