# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What was built, on other kernels under QEMU: with what the kernel matrix is made of (tests/kernels)."""
import pathlib
import sys

import roots

sys.path.insert(0, str(roots.ROOT / "tests/kernels"))
import image  # noqa: E402  (the path comes first)
import machine  # noqa: E402
import packages  # noqa: E402

TIMEOUT = 1500  # seconds that a guest may take
# Of what a guest of another architecture has: the packages, and what of them it does not need.
USERLAND = ("dash", "libbpf1", "libcap2", "libdw1", "libelf1", "libgnutls30", "libjansson4", "liblzma5", "libmicrohttpd12", "libncursesw6", "libsqlite3-0", "libyaml-0-2",
            "postgresql-15", "python3", "python3-psycopg2", "zlib1g")
NOT_NEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/perl", "usr/share/perl5", "usr/share/zoneinfo",
              "usr/lib/*/perl", "usr/lib/*/libLLVM*", "usr/lib/llvm-*", "usr/lib/postgresql/*/lib/*llvm*")
LOGS = roots.ROOT / "build/builds"


def _quiet(_):
    pass


def _boot(kernel, root, log, architecture="amd64"):
    path = packages.fetch(*kernel)
    known = packages.KERNELS.get(kernel[0]) or kernel[2]
    return machine.boot(path, known.cpu, root, log, TIMEOUT, _quiet, architecture)


def loads(programs):
    """{kernel: Guest}: on which kernels of the matrix each of these {name: path of a whywait} loads; a result by that name each."""
    programs = {f"build/whywait-{name}": pathlib.Path(path) for name, path in programs.items()}
    root = image.build("builds", files={"build/whywait": next(iter(programs.values())), **programs}, checks="loads.py")
    return {name: _boot((name,), root, LOGS / f"kernel-{name}.log") for name in packages.KERNELS}


def arm64(program):
    """The Guest in which the whole of the matrix's checks ran on arm64."""
    userland = roots.fetched("arm64-userland", "bookworm", "arm64", *USERLAND, without=NOT_NEEDED)
    root = image.build("arm64", userland, {"build/whywait": program})
    return _boot(("arm64", False, packages.ARM64), root, LOGS / "arm64-guest.log", "arm64")


def release(name):
    """The first two numbers of a fetched kernel's version."""
    return ".".join((packages.CACHE / name / "release").read_text().strip().split(".")[:2])
