# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Compilers and libraries that this host need not have: roots of their own under build/builds/roots/, out of Debian's packages.

Compilers of another release run on their own loader and C library; what they compile uses this host's headers.
"""
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
from debian import Archive, FetchError  # noqa: E402  (the path comes first)

CACHE = ROOT / "build" / "builds" / "roots"
CLANGS = {14: "bookworm", 15: "bookworm", 16: "bookworm", 17: "trixie", 18: "trixie", 19: "bookworm"}
# What the C side and its unit tests are linked with.
LIBRARIES = ("libbpf-dev", "libcap-dev", "libcmocka-dev", "libcurl4-openssl-dev", "libdw-dev", "libelf-dev", "libgnutls28-dev", "libiberty-dev",
             "libjansson-dev", "liblzma-dev", "libmicrohttpd-dev", "libncurses-dev", "libsqlite3-dev", "libyaml-dev", "uthash-dev", "zlib1g-dev")
# Where clang is not the program that the kernel started, it must be told where its own headers are, and what to start
# when it needs itself a second time.
WRAPPER = """#!/bin/sh
case $1 in
-cc1*) ;;
*) set -- -no-canonical-prefixes -resource-dir={resources} "$@" ;;
esac
exec {loader} --library-path {libraries} --argv0 "$0" {clang} "$@"
"""


def fetched(name, suite, architecture, *packages, without=()):
    """The root of that name, with these packages and all that they depend on, but for the places (globs) `without`."""
    root = CACHE / name
    asked = CACHE / f"{name}.packages"
    what = " ".join((suite, architecture, *packages, *without))
    if root.exists() and asked.exists() and asked.read_text() == what:
        return root
    shutil.rmtree(root, ignore_errors=True)
    work = CACHE / f"{name}.fetch"
    shutil.rmtree(work, ignore_errors=True)
    (work / "root").mkdir(parents=True)
    Archive(work, suite, architecture).unpack_all(work / "root", *packages)
    for path in [path for pattern in without for path in (work / "root").glob(pattern)]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    (work / "root").rename(root)
    asked.write_text(what)  # it is whole when this is there
    shutil.rmtree(work)
    return root


def clang(version):
    """The path of a program that is that version of clang."""
    root = fetched(f"clang-{version}", CLANGS[version], "amd64", f"clang-{version}")
    wrapper = root / f"clang-{version}"
    home = root / "usr/lib" / f"llvm-{version}"
    resources = next(path.parents[1] for path in (home / "lib/clang").glob("*/include/stddef.h"))
    loader = next(path for path in (root / "lib64/ld-linux-x86-64.so.2", root / "usr/lib64/ld-linux-x86-64.so.2",
                                    root / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2") if path.exists())
    libraries = ":".join(str(root / path) for path in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu") if (root / path).exists())
    wrapper.write_text(WRAPPER.format(resources=resources, loader=loader, libraries=libraries, clang=home / "bin/clang"))
    wrapper.chmod(0o755)
    return wrapper


def arm64():
    """A sysroot for arm64 with the libraries."""
    return fetched("arm64", "bookworm", "arm64", "libc6-dev", *LIBRARIES)
