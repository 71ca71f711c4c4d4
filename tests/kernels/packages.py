# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The kernels of the matrix, out of Debian's packages (tests/lib/debian.py)."""
import dataclasses
import pathlib
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
from debian import Archive, FetchError  # noqa: E402  (the path comes first)

CACHE = ROOT / "build" / "kernels"


@dataclasses.dataclass(frozen=True)
class Kernel:
    """`cpu`: what QEMU is to show; without rdrand Python finds no random numbers at first. 6.12 panics now and then where QEMU 7.2 offers cmpxchg16b; from 6.18 on timers and storage
    fail without it."""
    suite: str
    cpu: str = "qemu64,+rdrand"
    architecture: str = "amd64"


KERNELS = {"5.10": Kernel("bullseye"), "6.1": Kernel("bookworm"), "6.12": Kernel("trixie", "qemu64,+rdrand,-cx16"),
           "newest": Kernel("sid")}
# That of tests/builds/run.
ARM64 = Kernel("trixie", "cortex-a72", architecture="arm64")


def _image_package(archive, architecture):
    """The package with the kernel that the suite's metapackage stands for."""
    meta = f"linux-image-cloud-{architecture}"
    depends = archive.cache("depends", meta)
    found = re.search(r"Depends: (linux-image-\d\S*)", depends)
    if not found:
        raise FetchError(f"{meta} depends on no kernel")
    # Newer kernels are in a package by themselves, beside one with the rest.
    binary = found[1].replace("linux-image-", "linux-binary-")
    return binary if archive.cache("search", "--names-only", f"^{re.escape(binary)}$") else found[1]


def fetch(name, refresh=False, kernel=None):
    """The path of the kernel's image; fetched unless it is there. Its directory holds the file `release`, too."""
    directory = CACHE / name
    image = directory / "vmlinuz"
    if image.exists() and not refresh:
        return image
    shutil.rmtree(directory, ignore_errors=True)
    work = directory / "fetch"
    work.mkdir(parents=True)
    kernel = kernel or KERNELS[name]
    archive = Archive(work, kernel.suite, kernel.architecture)
    package = _image_package(archive, kernel.architecture)
    archive.unpack(work / "unpacked", package)
    images = [path for path in (work / "unpacked").rglob("vmlinuz*") if path.is_file()]
    if len(images) != 1:
        raise FetchError(f"{package} holds {len(images)} kernels")
    (directory / "release").write_text(package.partition("-")[2].partition("-")[2] + "\n")
    images[0].rename(image)
    shutil.rmtree(work)
    return image
