# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Debian's packages for tests: fetched by name and unpacked beside the tree, never installed.

apt does it, with a source list and a state directory of its own, from the mirror that this host's sources name.
"""
import os
import pathlib
import shutil
import subprocess

DEFAULT_MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class FetchError(Exception):
    """What can't be had; the text says why."""


def run(*argv, **options):
    """The command's output; FetchError when it fails."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                          **options)
    if done.returncode:
        raise FetchError(f"{argv[0]}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def mirror():
    """Where this host gets Debian's main archive from."""
    uris = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian")
    return next((uri.rstrip("/") for uri in uris.split() if uri.startswith(("http:", "https:"))), DEFAULT_MIRROR)


class Archive:
    """The main section of a suite, for one architecture, as of now. Lives in `directory`, which the caller removes."""

    def __init__(self, directory, suite, architecture="amd64"):
        self.directory = pathlib.Path(directory)
        for name in ("state/lists/partial", "cache/archives/partial"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        sources = self.directory / "sources.list"
        sources.write_text(f"deb [arch={architecture} signed-by={KEYRING}] {mirror()} {suite} main\n")
        settings = {"Dir::Etc::SourceList": sources, "Dir::Etc::SourceParts": "-", "Dir::State": self.directory / "state",
                    "Dir::State::Status": "/dev/null", "Dir::Cache": self.directory / "cache",
                    "APT::Architecture": architecture, "APT::Architectures": architecture, "Acquire::Languages": "none",
                    "APT::Sandbox::User": "root", "quiet": "2"}
        self.options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        self.get("update")

    def get(self, *arguments):
        """apt-get."""
        return run("apt-get", *self.options, *arguments)

    def cache(self, *arguments):
        """apt-cache."""
        return run("apt-cache", *self.options, *arguments)

    def unpack(self, target, package):
        """One package, without what it depends on, into `target`."""
        downloads = self.directory / "downloads"
        downloads.mkdir(exist_ok=True)
        run("apt-get", *self.options, "download", package, cwd=downloads)
        archives = list(downloads.glob("*.deb"))
        if not archives:
            raise FetchError(f"{package} can't be downloaded from {mirror()}")
        for archive in archives:
            run("dpkg", "-x", archive, target)
        shutil.rmtree(downloads)

    def unpack_all(self, target, *packages):
        """The packages and all that they depend on, into `target`: a root of its own, whose links stay within it."""
        self.get("--no-install-recommends", "--download-only", "--yes", "install", *packages)
        for archive in sorted((self.directory / "cache/archives").glob("*.deb")):
            run("dpkg", "-x", archive, target)
        for path in pathlib.Path(target).rglob("*"):
            if path.is_symlink() and path.readlink().is_absolute():
                inside = target / path.readlink().relative_to("/")
                path.unlink()
                path.symlink_to(os.path.relpath(inside, path.parent))
