# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The counted application on every server, each on IPv4, IPv6 and a unix socket at once."""
import os
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "tools"))
from services import Gunicorn, Node, Python, Server, accepts, free_port, wait_until  # noqa: E402

FILE_SIZES = (0, 1, 16, 100, 1000, 4096, 65536, 300000, 1 << 20, 20 << 20)


class Site:
    """A running server of the counted application."""

    def __init__(self, service, port, port6, unix, *, echo=("POST", 200), keeps_alive=True, pipelines=True,
                 directory=None):
        self.service = service
        self.directory = directory  # a TemporaryDirectory with the unix socket, when the service's own has it not
        self.name = service.name
        self.ipv4 = ("127.0.0.1", port)
        self.ipv6 = ("::1", port6)
        self.unix = unix
        self.mapped = None    # an IPv6 socket that is reached over IPv4
        self.abstract = None  # a unix socket without a path
        self.port = port
        self.echo_method, self.echo_status = echo
        self.keeps_alive = keeps_alive  # answers more than one request a connection
        self.pipelines = pipelines      # answers what was sent before the last answer came

    @property
    def pids(self):
        return self.service.pids()

    def alive(self):
        return all(accepts(address) for address in (self.ipv4, self.unix))

    def stop(self):
        self.service.stop()
        if self.directory:
            self.directory.cleanup()


class Nginx(Server):
    """nginx with two workers. `extra` goes into the http block; what it listens on for the tests is port, port6, socket."""

    name = "nginx"
    conf = """
daemon off;
user root;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
worker_processes {workers};
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    client_max_body_size 0;
    keepalive_requests 100000000;
    sendfile on;
    if_modified_since before;
    default_type text/plain;
    {extra}
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        listen [::1]:{port6} backlog=2048;
        listen unix:{dir}/http.sock backlog=2048;
        server_name localhost;
        location ~ ^/[^/]+/size/(\\d+)/ {{ alias {dir}/files/$1; }}
        location ~ ^/[^/]+/chunked/(\\d+)/ {{
            alias {dir}/files/$1;
            sub_filter_types *;
            sub_filter unfindable '';
        }}
        location ~ ^/[^/]+/echo/ {{
            root {dir}/put;
            dav_methods PUT;
            create_full_put_path on;
        }}
        location ~ ^/[^/]+/unread/ {{ return 200 early; }}
        location ~ ^/[^/]+/status/204/ {{ return 204; }}
        location ~ ^/[^/]+/status/500/ {{ return 500; }}
        {locations}
        location / {{ return 404; }}
    }}
    server {{
        listen 127.0.0.1:{status_port};
        location / {{ stub_status; }}
    }}
}}
"""

    def __init__(self, *, workers=2, extra="", locations="", sizes=FILE_SIZES, **options):
        super().__init__(**options)
        self.workers, self.extra, self.locations, self.sizes = workers, extra, locations, sizes

    @property
    def socket(self):
        return str(self.directory / "http.sock")

    @property
    def files(self):
        return self.directory / "files"

    def prepare(self):
        self.port, self.port6, self.status_port = free_port(), free_port(), free_port()
        self.files.mkdir()
        for size in self.sizes:
            with open(self.files / str(size), "wb") as file:
                os.ftruncate(file.fileno(), size)
        conf = self.conf.format(dir=self.directory, port=self.port, port6=self.port6, status_port=self.status_port,
                                workers=self.workers, extra=self.extra,
                                locations=self.locations.replace("DIR", str(self.directory)))
        (self.directory / "nginx.conf").write_text(conf)
        self.argv = ["nginx", "-p", str(self.directory), "-c", "nginx.conf", "-e", str(self.directory / "error.log")]

    def is_ready(self):
        return accepts(self.socket)

    def errors(self):
        """What went wrong on the server's side; that a client went away is none of it."""
        log = (self.directory / "error.log").read_text()
        return [line for line in log.splitlines() if re.search(r"\[(error|crit|alert|emerg)\]", line)]


def start_nginx(**options):
    nginx = Nginx(**options).start()
    return Site(nginx, nginx.port, nginx.port6, nginx.socket, echo=("PUT", 201))


def start_gunicorn(worker_class, workers=1, threads=4, arguments=()):
    port6 = free_port()
    directory = tempfile.TemporaryDirectory(prefix="whywait-sockets-")
    unix = f"{directory.name}/http.sock"
    gunicorn = Gunicorn("counts_wsgi:app", cwd=HERE, workers=workers, worker_class=worker_class,
                        threads=threads if worker_class == "gthread" else 1,
                        arguments=["--bind", f"[::1]:{port6}", "--bind", f"unix:{unix}", "--backlog", "2048",
                                   "--keep-alive", "60", *arguments])
    gunicorn.name = f"gunicorn-{worker_class}"
    gunicorn.start()
    return Site(gunicorn, gunicorn.port, port6, unix, keeps_alive=worker_class == "gthread", pipelines=False,
                directory=directory)


def _start_script(kind, script, name, *addresses):
    """`addresses`: more to listen on."""
    port, port6 = free_port(), free_port()
    directory = tempfile.TemporaryDirectory(prefix="whywait-sockets-")
    unix = f"{directory.name}/http.sock"
    service = kind(HERE / script, f"127.0.0.1:{port}", f"[::1]:{port6}", unix, *addresses, port=port,
                   ready=lambda: all(accepts(at) for at in (("127.0.0.1", port), unix)))
    service.name = name
    service.start()
    return Site(service, port, port6, unix, directory=directory)


def start_aiohttp():
    return _start_script(Python, "counts_aiohttp.py", "aiohttp")


def start_node():
    return _start_script(Node, "counts_node.js", "node")


def start_threading():
    port, name = free_port(), f"whywait-test-{free_port()}"
    site = _start_script(Python, "counts_threading.py", "http.server", f"[::ffff:127.0.0.1]:{port}", f"@{name}")
    site.mapped, site.abstract = ("127.0.0.1", port), f"\0{name}"
    wait_until(lambda: accepts(site.mapped) and accepts(site.abstract), 5, "the other sockets of http.server")
    return site


STARTERS = {
    "nginx": start_nginx,
    "gunicorn-sync": lambda: start_gunicorn("sync"),
    "gunicorn-gthread": lambda: start_gunicorn("gthread", threads=8),
    "aiohttp": start_aiohttp,
    "node": start_node,
    "http.server": start_threading,
}


class Sites:
    """Starts the servers named and stops them at the end: with Sites("nginx", "node") as sites: sites["node"]."""

    def __init__(self, *names):
        self.names = names
        self.running = {}

    def __enter__(self):
        try:
            for name in self.names:
                self.running[name] = STARTERS[name]()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for site in self.running.values():
            site.stop()

    def __iter__(self):
        return iter(self.running.values())

    def __getitem__(self, name):
        return self.running[name]

    @property
    def ports(self):
        return [port for site in self for port in (site.port, site.ipv6[1])]

    @property
    def pids(self):
        return [pid for site in self for pid in site.pids]
