# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""nginx, and PHP-FPM behind it, as private servers."""
import pathlib
import shutil
import sys

APPS = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(APPS.parents[2] / "tools"))
from services import Server, ServiceError, accepts, free_port  # noqa: E402  (the path comes first)

FPM = """
[global]
error_log = {dir}/error.log
daemonize = no
[www]
{user}
listen = {listen}
listen.backlog = 512
listen.mode = 0666
pm = static
pm.max_children = {workers}
clear_env = no
catch_workers_output = yes
php_admin_value[ffi.enable] = true
php_admin_value[redis.pconnect.echo_check_liveness] = 0
"""

NGINX = """
daemon off;
{user}
pid {dir}/nginx.pid;
worker_processes {workers};
events {{ worker_connections 4096; }}
http {{
    log_format times '$request_uri $status $request_time $upstream_response_time $msec';
    access_log {dir}/access.log times;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    keepalive_requests 100000000;
    sendfile on;
    default_type text/plain;
    {http}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        {locations}
    }}
}}
"""


class Fpm(Server):
    """PHP-FPM on a unix socket, or on `port` when there is one. It needs root."""

    name = "php-fpm"

    def __init__(self, workers=8, tcp=False, **options):
        super().__init__(**options)
        self.workers = workers
        self.tcp = tcp

    @property
    def listen(self):
        return f"127.0.0.1:{self.port}" if self.tcp else str(self.directory / "fpm.sock")

    def prepare(self):
        program = next(iter(sorted(map(str, pathlib.Path("/usr/sbin").glob("php-fpm*")))), None)
        if not program:
            raise ServiceError("php-fpm: not installed: tools/install-deps runtimes")
        if self.tcp:
            self.port = free_port()
        conf = self.directory / "fpm.conf"
        conf.write_text(FPM.format(dir=self.directory, listen=self.listen, workers=self.workers, user="user = root\ngroup = root"))
        self.argv = [program, "-R", "-F", "-n", *self.modules(), "-y", str(conf)]

    @staticmethod
    def modules():
        """Of the extensions, those that the tests use."""
        return [word for name in ("pgsql", "igbinary", "redis", "ffi", "posix") if list(pathlib.Path("/usr/lib/php").glob(f"*/{name}.so"))
                for word in ("-d", f"extension={name}")]

    def is_ready(self):
        return accepts(("127.0.0.1", self.port) if self.tcp else self.listen)


class Nginx(Server):
    """nginx with what is to be in its http block and in its server."""

    name = "nginx"

    def __init__(self, http="", locations="", workers=2, **options):
        super().__init__(**options)
        self.http, self.locations, self.workers = http, locations, workers

    def prepare(self):
        if not shutil.which("nginx"):
            raise ServiceError("nginx: not installed: tools/install-deps runtimes")
        self.port = free_port()
        conf = NGINX.format(dir=self.directory, port=self.port, http=self.http, locations=self.locations, workers=self.workers,
                            user="user root;")
        (self.directory / "nginx.conf").write_text(conf)
        self.argv = ["nginx", "-p", str(self.directory), "-c", "nginx.conf", "-e", str(self.directory / "error.log")]

    def access(self):
        """Its log's lines as lists of words."""
        return [line.split() for line in (self.directory / "access.log").read_text().splitlines()]


class Pages:
    """nginx in front of PHP-FPM, which runs one script for all paths."""

    def __init__(self, script, environment, workers=8, tcp=False, kept=False):
        self.fpm = Fpm(workers, tcp, env=environment)
        self.script, self.kept = script, kept
        self.nginx = None

    @property
    def port(self):
        return self.nginx.port

    def pids(self):
        return [*self.nginx.pids(), *self.fpm.pids()]

    def __enter__(self):
        self.fpm.start()
        address = self.fpm.listen if self.fpm.tcp else f"unix:{self.fpm.listen}"
        self.nginx = Nginx(f"upstream pool {{ server {address}; {'keepalive 4;' if self.kept else ''} }}",
                           f"location / {{ include /etc/nginx/fastcgi_params; fastcgi_pass pool; "
                           f"fastcgi_param SCRIPT_FILENAME {self.script}; {'fastcgi_keep_conn on;' if self.kept else ''} }}")
        try:
            self.nginx.start()
        except BaseException:
            self.fpm.stop()
            raise
        return self

    def __exit__(self, *_):
        self.nginx.stop()
        self.fpm.stop()
