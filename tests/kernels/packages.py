# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The kernels of the matrix: Debian's packages, fetched by name and unpacked beside the tree, never installed.

apt does it, with a source list and a state directory of its own, from the mirror that this host's sources name.
"""
import dataclasses
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "kernels"
DEFAULT_MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PACKAGE = "linux-image-cloud-amd64"


@dataclasses.dataclass(frozen=True)
class Kernel:
    """`cpu`: what QEMU is to show; without rdrand Python finds no random numbers at first. 6.12 panics now and then where QEMU 7.2 offers cmpxchg16b; from 6.18 on timers and storage
    fail without it."""
    suite: str
    cpu: str = "qemu64,+rdrand"


KERNELS = {"5.10": Kernel("bullseye"), "6.1": Kernel("bookworm"), "6.12": Kernel("trixie", "qemu64,+rdrand,-cx16"),
           "newest": Kernel("sid")}


class FetchError(Exception):
    """A kernel that can't be had; the text says why."""


def _run(*argv):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise FetchError(f"{argv[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def mirror():
    """Where this host gets Debian's main archive from."""
    uris = _run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian")
    return next((uri.rstrip("/") for uri in uris.split() if uri.startswith(("http:", "https:"))), DEFAULT_MIRROR)


def _apt_options(directory, suite):
    """A world of apt's own in `directory`."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    sources = directory / "sources.list"
    sources.write_text(f"deb [arch=amd64 signed-by={KEYRING}] {mirror()} {suite} main\n")
    settings = {"Dir::Etc::SourceList": sources, "Dir::Etc::SourceParts": "-", "Dir::State": directory / "state",
                "Dir::State::Status": "/dev/null", "Dir::Cache": directory / "cache", "APT::Architecture": "amd64",
                "APT::Architectures": "amd64", "Acquire::Languages": "none", "APT::Sandbox::User": "root", "quiet": "2"}
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _image_package(options):
    """The package with the kernel that the suite's metapackage stands for."""
    depends = _run("apt-cache", *options, "depends", PACKAGE)
    found = re.search(r"Depends: (linux-image-\d\S*)", depends)
    if not found:
        raise FetchError(f"{PACKAGE} depends on no kernel")
    # Newer kernels are in a package by themselves, beside one with the rest.
    binary = found[1].replace("linux-image-", "linux-binary-")
    return binary if _run("apt-cache", *options, "search", "--names-only", f"^{re.escape(binary)}$") else found[1]


def fetch(name, refresh=False):
    """The path of the kernel's image; fetched unless it is there. Its directory holds the file `release`, too."""
    directory = CACHE / name
    image = directory / "vmlinuz"
    if image.exists() and not refresh:
        return image
    shutil.rmtree(directory, ignore_errors=True)
    work = directory / "fetch"
    work.mkdir(parents=True)
    options = _apt_options(work, KERNELS[name].suite)
    _run("apt-get", *options, "update")
    package = _image_package(options)
    downloads = work / "downloads"
    downloads.mkdir()
    subprocess.run(["apt-get", *options, "download", package], cwd=downloads, check=False, capture_output=True)
    archives = list(downloads.glob("*.deb"))
    if not archives:
        raise FetchError(f"{package} can't be downloaded from {mirror()}")
    _run("dpkg", "-x", archives[0], work / "unpacked")
    images = [path for path in (work / "unpacked").rglob("vmlinuz*") if path.is_file()]
    if len(images) != 1:
        raise FetchError(f"{package} holds {len(images)} kernels")
    (directory / "release").write_text(package.partition("-")[2].partition("-")[2] + "\n")
    images[0].rename(image)
    shutil.rmtree(work)
    return image
