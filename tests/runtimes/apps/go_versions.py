# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Go's compilers of other versions than the host's: Debian's packages, fetched by name and unpacked under build/runtimes/."""
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/lib"))
from debian import Archive, FetchError  # noqa: E402  (the path comes first)

CACHE = ROOT / "build" / "runtimes"
SUITES = {"1.21": "bookworm-backports", "1.22": "bookworm-backports", "1.23": "bookworm-backports", "1.24": "trixie", "1.26": "sid",
          "1.27": "sid"}


def root(version):
    """GOROOT of that version; FetchError: it can't be had."""
    directory = CACHE / f"go-{version}"
    if not directory.exists():
        work = CACHE / f"go-{version}.fetch"
        shutil.rmtree(work, ignore_errors=True)
        (work / "unpacked").mkdir(parents=True)
        archive = Archive(work, SUITES[version])
        for package in (f"golang-{version}-go", f"golang-{version}-src"):
            archive.unpack(work / "unpacked", package)
        (work / "unpacked").rename(directory)
        shutil.rmtree(work)
    found = directory / f"usr/lib/go-{version}"
    if not (found / "bin/go").exists():
        raise FetchError(f"Debian's package of Go {version} has no compiler where it is expected")
    return found
