# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The guests' root file system: this host's userland, as much of it as the tests take, and the tree under test."""
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sysconfig

from packages import CACHE, ROOT

PYTHON = pathlib.Path("/usr/bin/python3")
# Parts of Python's library that no test needs.
NOT_NEEDED = ("test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "pydoc_data", "distutils", "config-*",
              "dist-packages", "site-packages")
MODULES = ("psycopg2",)
TOP = ("dev", "proc", "sys", "tmp", "etc", "run")
TREE = ("build/whywait", "include/whywait", "tests/lib", "tests/truth", "tests/kernels/guest", "tools")


class ImageError(Exception):
    """The image can't be made; the text says why."""


def _run(*argv, **options):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                          **options)
    if done.returncode:
        raise ImageError(f"{argv[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def _copy(path, tree):
    """Copies a file or directory to the same place in the tree, following links."""
    path = pathlib.Path(path)
    to = tree / str(pathlib.Path(os.path.realpath(path.parent)) / path.name).lstrip("/")
    to.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, to, ignore=shutil.ignore_patterns(*NOT_NEEDED), dirs_exist_ok=True)
    elif not to.exists():
        shutil.copy2(path, to)


def _libraries(tree):
    """Copies what the tree's programs and modules are linked with."""
    binaries = [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink() and
                (path.suffix == ".so" or os.access(path, os.X_OK)) and path.read_bytes()[:4] == b"\x7fELF"]
    needed = set()
    for binary in binaries:
        done = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False)
        needed.update(re.findall(r"(/\S+) \(0x", done.stdout))
    for library in needed:
        _copy(library, tree)


def _postgres():
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    if not programs:
        raise ImageError("no PostgreSQL: install the package postgresql")
    return programs[-1]


def _database(tree, program):
    """An initialised data directory: in a guest initdb takes 10 s."""
    data = tree / "postgres"
    user = "postgres" if os.geteuid() == 0 else None
    group = pwd.getpwnam(user).pw_gid if user else None
    data.mkdir()
    if user:
        os.chown(data, pwd.getpwnam(user).pw_uid, group)
    _run(program.parent / "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8",
         "-D", data, cwd="/", user=user, group=group, env={**os.environ, "TZ": "GMT"})  # any other zone takes files
    uid = data.stat().st_uid
    (tree / "etc/passwd").write_text(f"root:x:0:0::/:/bin/sh\npostgres:x:{uid}:{data.stat().st_gid}::/:/bin/sh\n")
    (tree / "etc/postgres").write_text(f"{program}\n")


def _skeleton(tree):
    for name in (*TOP, "usr/bin", "usr/sbin", "usr/lib", "usr/lib64"):
        (tree / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (tree / name).symlink_to(f"usr/{name}")


def _settings(tree):
    (tree / "etc/group").write_text("root:x:0:\n")
    (tree / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (tree / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")


def _host_userland(tree):
    """What the tests take of this host's."""
    _skeleton(tree)
    _copy("/usr/bin/sh", tree)
    for path in (PYTHON, sysconfig.get_path("stdlib"), shutil.which("bpftool") or "/usr/sbin/bpftool"):
        _copy(path, tree)
    for module in MODULES:
        for path in pathlib.Path("/usr/lib/python3/dist-packages").glob(module):
            _copy(path, tree)
    if pathlib.Path("/usr/lib/locale/C.utf8").exists():
        _copy("/usr/lib/locale/C.utf8", tree)
    program = _postgres()
    for path in (program, f"/usr/share/postgresql/{program.parts[-3]}"):
        _copy(path, tree)
    for path in program.parents[1].glob("lib/*.so"):
        if "llvm" not in path.name:
            _copy(path, tree)


def _foreign_userland(tree, root):
    """That of another architecture, whose programs are where this host has its own."""
    shutil.copytree(root, tree, symlinks=True)
    for name in TOP:
        (tree / name).mkdir(exist_ok=True)


def build(name="root", foreign=None, files=None, checks="checks.py"):
    """
    Makes an image anew and returns its path. `foreign`: a root of another architecture instead of this host's userland; `files`:
    {place in the tree: path} of what is taken from elsewhere; `checks`: which script of guest/ it runs.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    tree = CACHE / name
    image = CACHE / f"{name}.ext4"
    shutil.rmtree(tree, ignore_errors=True)
    image.unlink(missing_ok=True)
    if foreign:
        _foreign_userland(tree, foreign)
    else:
        _host_userland(tree)
    _settings(tree)
    _database(tree, _postgres())
    for place, path in {**{name: ROOT / name for name in TREE}, **(files or {})}.items():
        to = tree / "whywait" / place
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(path, to)
    if not foreign:
        _libraries(tree)
    (tree / "init").symlink_to("whywait/tests/kernels/guest/init")
    (tree / "checks").symlink_to(f"whywait/tests/kernels/guest/{checks}")
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, "-O", "^has_journal", "-m", "0", "-N", "32768" if foreign else "16384", image,
         "1G" if foreign else "512M", env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"})
    shutil.rmtree(tree)
    return image
