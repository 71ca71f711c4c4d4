# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Private servers for tests, demo and bench: each in a temporary directory, on loopback, gone at the end.

    sys.path.insert(0, ".../tools")
    from services import Postgres, Redis, MariaDB, Memcached, Gunicorn, Node, Python, Upstream, Server, wait_until

    with Postgres() as pg, Redis() as redis, Upstream() as upstream:
        pg.sql("CREATE TABLE t (id int)")
        with Gunicorn("app:app", cwd=HERE, worker_class="gthread", threads=4, env={"DSN": pg.dsn}) as web:
            http.client.HTTPConnection("127.0.0.1", web.port)

What each one offers once started (all numbers and paths are chosen anew each time):

    Postgres   port, directory (of its unix socket), dsn (TCP), unix_dsn, sql(TEXT) -> str; a database "test", no password
    RabbitMQ   port, url
    Redis      port, socket (path)
    MariaDB    port; any user without a password, no tables but those that are made
    Memcached  port
    Gunicorn   port, socket (path; only with unix=True, then port is None), worker_pids()
    Node       port, passed to the script as $PORT
    Python     port, passed to the script as $PORT; runs under /usr/bin/python3
    Upstream   port, url(ms, size=2): that address answers after ms milliseconds
    Server     any other program: Server(["nginx", "-c", ..], port=free_port())

    and all: pid, pids() (it and its descendants), directory (temporary, removed at the end), log() (its output so far).

A service is ready when `with` (or start()) returns, and its processes have ended when `with` (or stop()) has: it gets its
stop signal, and what is left of it after five seconds gets SIGKILL. The kernel sends the stop signal, too, when the thread
that started it dies. SIGTERM ends this process by SystemExit, so that the `with` blocks unwind.

What can't be started raises ServiceError with the end of the log.
"""
import ctypes
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PYTHON = "/usr/bin/python3"
TOOLS = pathlib.Path(__file__).resolve().parent
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class ServiceError(Exception):
    """A service that could not be started; the text says which and shows the end of its log."""


def free_port():
    """A TCP port that nobody listens on, below the range that outgoing connections use, so that none of them takes it."""
    first_ephemeral = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    draw = random.Random()
    while True:
        port = draw.randrange(10000, first_ephemeral)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def wait_until(condition, seconds, what):
    """Calls condition() until it is true; ServiceError naming `what` after that many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise ServiceError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def accepts(address):
    """Whether something listens there: (host, port), or the path of a unix socket."""
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    with socket.socket(family) as probe:
        try:
            probe.connect(address)
            return True
        except OSError:
            return False


def descendants(pid):
    """The pids of all living children of the process, and theirs."""
    found = []
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in map(int, children.read_text().split()):
                found += [child, *descendants(child)]
        except OSError:
            continue  # the thread ended meanwhile
    return found


def _alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _exit_on_sigterm():
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


# How much longer than here things may take elsewhere: in a guest that is emulated.
PATIENCE = int(os.environ.get("SERVICES_PATIENCE", "1"))


class Server:
    """A program that serves. Subclasses set argv, environment and readiness in prepare()."""

    name = "server"
    stop_signal = signal.SIGTERM

    def __init__(self, argv=(), *, port=None, env=None, cwd=None, user=None, ready=None, timeout=30):
        """`ready()` tells when it serves (default: `port` accepts connections); `user` only matters to root."""
        self.argv = list(argv)
        self.port = port
        self.env = {**os.environ, **(env or {})}
        self.cwd = cwd
        self.user = user if os.geteuid() == 0 else None
        self.ready = ready
        self.timeout = timeout * PATIENCE
        self.directory = None
        self._process = None

    def prepare(self):
        """Called with self.directory made, before the program starts."""

    def is_ready(self):
        return self.ready() if self.ready else accepts(("127.0.0.1", self.port))

    @property
    def pid(self):
        return self._process.pid

    def pids(self):
        return [self.pid, *descendants(self.pid)]

    def log(self):
        return (self.directory / "log").read_text(errors="replace")

    def start(self):
        _exit_on_sigterm()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"whywait-{self.name}-"))
        try:
            if self.user:
                os.chown(self.directory, pwd.getpwnam(self.user).pw_uid, pwd.getpwnam(self.user).pw_gid)
            self.prepare()
            with open(self.directory / "log", "wb") as log:
                self._process = subprocess.Popen(
                    self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.cwd or self.directory,
                    env=self.env, start_new_session=True, user=self.user,
                    group=pwd.getpwnam(self.user).pw_gid if self.user else None,
                    preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, self.stop_signal))
            wait_until(lambda: self._process.poll() is not None or self.is_ready(), self.timeout,
                       f"{self.name}: {' '.join(map(str, self.argv))}")
            if self._process.poll() is not None:
                raise ServiceError(f"{self.name}: ended with status {self._process.returncode}")
        except BaseException as error:
            end_of_log = self.log()[-3000:] if self._process else ""
            self.stop()
            if isinstance(error, (ServiceError, OSError, subprocess.SubprocessError)):
                raise ServiceError(f"{error}\n{end_of_log}".rstrip()) from error
            raise
        return self

    def stop(self):
        """Harmless when it has been stopped, or was never started."""
        process, self._process = self._process, None
        if process:
            # Those of other sessions (each backend of Postgres) can't be found any more once their parent has ended.
            others = descendants(process.pid)
            process.send_signal(self.stop_signal)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                others += descendants(process.pid)
            end = time.monotonic() + 1
            while any(map(_alive, others)) and time.monotonic() < end:
                time.sleep(0.005)
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            for pid in filter(_alive, others):
                os.kill(pid, signal.SIGKILL)
            process.wait()
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Postgres(Server):
    """A PostgreSQL of its own; `settings` are those of postgresql.conf."""

    name = "postgres"
    stop_signal = signal.SIGINT  # fast shutdown

    def __init__(self, settings=None, **options):
        super().__init__(user="postgres", **options)
        self.settings = settings or {}

    def prepare(self):
        versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
        if not versions:
            raise ServiceError("postgres: not installed: install the package postgresql")
        programs = versions[-1].parent
        self.port = self.port or free_port()
        data = self.directory / "data"
        made = subprocess.run([programs / "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
                               "--locale=C.UTF-8", "-D", data], cwd=self.directory, user=self.user,
                              group=pwd.getpwnam(self.user).pw_gid if self.user else None,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if made.returncode:
            raise ServiceError(f"initdb: {made.stdout[-2000:]}")
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.directory,
                    "max_connections": 200, "autovacuum": "off", "jit": "off", "timezone": "GMT", **self.settings}
        self.argv = [programs / "postgres", "-D", data]
        for key, value in settings.items():
            self.argv += ["-c", f"{key}={value}"]

    def is_ready(self):
        return "ready to accept connections" in self.log() and accepts(("127.0.0.1", self.port))

    def start(self):
        super().start()
        self.sql("CREATE DATABASE test", database="postgres")
        return self

    @property
    def dsn(self):
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=test"

    @property
    def unix_dsn(self):
        return f"host={self.directory} port={self.port} user=postgres dbname=test"

    def sql(self, text, database="test"):
        """Runs statements through psql; returns the rows, a line each, columns divided by |."""
        done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.directory, "-p", str(self.port),
                               "-U", "postgres", "-d", database], input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServiceError(f"psql: {done.stderr.strip()}")
        return done.stdout


class Redis(Server):
    """A Redis of its own that saves nothing; `settings` are those of redis.conf."""

    name = "redis"

    def __init__(self, settings=None, **options):
        super().__init__(**options)
        self.settings = settings or {}

    @property
    def socket(self):
        return str(self.directory / "redis.sock")

    def prepare(self):
        self.port = self.port or free_port()
        self.argv = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", self.socket,
                     "--save", "", "--appendonly", "no", "--dir", str(self.directory)]
        for key, value in self.settings.items():
            self.argv += [f"--{key}", str(value)]

    def is_ready(self):
        return accepts(("127.0.0.1", self.port)) and accepts(self.socket)


class RabbitMQ(Server):
    """A RabbitMQ of its own, with a port mapper of its own; `url` has the account that it makes."""

    name = "rabbitmq"

    def __init__(self, **options):
        super().__init__(timeout=60, **options)

    @property
    def url(self):
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def prepare(self):
        self.port = self.port or free_port()
        (self.directory / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n", encoding="ascii")
        (self.directory / "plugins").write_text("[].\n", encoding="ascii")
        self.argv = ["/usr/lib/rabbitmq/bin/rabbitmq-server"]
        self.env.update(HOME=str(self.directory), RABBITMQ_NODENAME=f"whywait{self.port}@localhost",
                        RABBITMQ_DIST_PORT=str(free_port()), RABBITMQ_MNESIA_BASE=str(self.directory / "mnesia"),
                        RABBITMQ_LOG_BASE=str(self.directory), RABBITMQ_ENABLED_PLUGINS_FILE=str(self.directory / "plugins"),
                        RABBITMQ_CONFIG_FILE=str(self.directory / "rabbitmq"), ERL_EPMD_PORT=str(free_port()),
                        ERL_EPMD_ADDRESS="127.0.0.1")

    def is_ready(self):
        return "Starting broker... completed" in self.log() and accepts(("127.0.0.1", self.port))


class MariaDB(Server):
    """A MariaDB of its own without InnoDB and without accounts: it starts in a tenth of a second."""

    name = "mariadb"

    def __init__(self, **options):
        super().__init__(user="nobody", **options)

    def prepare(self):
        self.port = self.port or free_port()
        data = self.directory / "data"
        data.mkdir()
        if self.user:
            shutil.chown(data, self.user)
        # Asked by its path: the directories of administrators' programs are not in every PATH.
        self.argv = ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={data}", "--skip-grant-tables", "--skip-innodb",
                     "--default-storage-engine=MyISAM", "--skip-log-bin", "--bind-address=127.0.0.1", f"--port={self.port}",
                     f"--socket={self.directory}/mariadb.sock"]

    def is_ready(self):
        return "ready for connections" in self.log()


class Memcached(Server):
    """A memcached of its own, with one thread."""

    name = "memcached"

    def __init__(self, **options):
        super().__init__(user="nobody", **options)

    def prepare(self):
        self.port = self.port or free_port()
        self.argv = ["memcached", "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-t", "1", "-m", "16"]


class Gunicorn(Server):
    """gunicorn with `app` ("module:callable") found in `cwd`; ready when every worker has loaded it."""

    name = "gunicorn"
    stop_signal = signal.SIGQUIT  # at once

    def __init__(self, app, *, workers=1, worker_class="sync", threads=1, unix=False, arguments=(), python=(PYTHON,), **options):
        super().__init__(**options)
        self.app, self.workers, self.worker_class, self.threads = app, workers, worker_class, threads
        self.unix, self.arguments, self.python = unix, list(arguments), python

    @property
    def socket(self):
        return str(self.directory / "http.sock") if self.unix else None

    def worker_pids(self):
        return descendants(self.pid)

    def prepare(self):
        if not self.unix:
            self.port = self.port or free_port()
        # No request is sent to find out that it is ready: an observer would count it.
        (self.directory / "conf.py").write_text(
            "import pathlib\n"
            "def post_worker_init(worker):\n"
            f"    pathlib.Path({str(self.directory)!r}, f'ready-{{worker.pid}}').touch()\n")
        self.argv = [*self.python, "-m", "gunicorn", "--config", str(self.directory / "conf.py"),
                     "--bind", f"unix:{self.socket}" if self.unix else f"127.0.0.1:{self.port}",
                     "--workers", str(self.workers), "--worker-class", self.worker_class, "--threads", str(self.threads),
                     "--worker-tmp-dir", "/dev/shm", *self.arguments, self.app]

    def is_ready(self):
        return len(list(self.directory.glob("ready-*"))) >= self.workers


class _Script(Server):
    def __init__(self, script, *arguments, **options):
        super().__init__([*self.interpreter, str(pathlib.Path(script).resolve()), *map(str, arguments)], **options)

    def prepare(self):
        self.port = self.port or free_port()
        self.env["PORT"] = str(self.port)


class Node(_Script):
    name = "node"
    interpreter = ["node"]


class Python(_Script):
    name = "python"
    interpreter = [PYTHON]


class Go(Server):
    """A Go program of one file, with the Go sources that Debian has packages of; `root` is where another Go than the host's
    is, `flags` are more words for `go build`."""

    name = "go"

    def __init__(self, source, root=None, flags=(), **options):
        super().__init__(**options)
        self.source = pathlib.Path(source).resolve()
        self.root = root
        self.flags = flags

    def prepare(self):
        self.port = self.port or free_port()
        program = self.directory / "program"
        env = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "GOTOOLCHAIN": "local",
               "GOCACHE": os.environ.get("GOCACHE", str(TOOLS.parent / "build/go-cache"))}
        if self.root:
            env["GOROOT"] = str(self.root)
        built = subprocess.run([self.root / "bin/go" if self.root else "go", "build", *self.flags, "-o", program, self.source],
                               cwd=self.directory, env=env, capture_output=True, text=True, check=False)
        if built.returncode:
            raise ServiceError(f"go build: {built.stderr.strip()}")
        self.env["PORT"] = str(self.port)
        self.argv = [program]


class Rust(Server):
    """A Rust program whose directory has a Cargo.toml, built by Debian's compiler with the crates that Debian has packages of."""

    name = "rust"

    def __init__(self, source, strip=False, **options):
        super().__init__(**options)
        self.source = pathlib.Path(source).resolve()
        self.strip = strip

    def prepare(self):
        self.port = self.port or free_port()
        target = TOOLS.parent / "build/rust" / self.source.name
        target.mkdir(parents=True, exist_ok=True)
        (self.directory / "config.toml").write_text('[source.crates-io]\nreplace-with = "debian"\n'
                                                    '[source.debian]\ndirectory = "/usr/share/cargo/registry"\n')
        env = {**os.environ, "PATH": "/usr/bin:/bin", "CARGO_HOME": str(self.directory), "CARGO_TARGET_DIR": str(target)}
        built = subprocess.run(["/usr/bin/cargo", "build", "--release", "--offline", "--quiet", "--manifest-path", self.source / "Cargo.toml"],
                               cwd=self.directory, env=env, capture_output=True, text=True, check=False)
        if built.returncode:
            raise ServiceError(f"cargo build: {built.stderr.strip()}")
        program = self.directory / "program"
        shutil.copy(target / "release" / self.source.name, program)
        if self.strip:
            subprocess.run(["strip", "--strip-all", program], check=True)
        self.env["PORT"] = str(self.port)
        self.argv = [program]


class Upstream(Python):
    """An HTTP/1.1 server that answers after a known delay (see upstream.py)."""

    name = "upstream"

    def __init__(self, **options):
        super().__init__(TOOLS / "upstream.py", **options)

    def url(self, ms, size=2):
        return f"http://127.0.0.1:{self.port}/delay/{ms}/{size}"
