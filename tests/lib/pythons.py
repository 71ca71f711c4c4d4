# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""CPythons of other releases of Debian, fetched and unpacked below build/."""
import pathlib
import shutil
import tempfile

from debian import Archive

PYTHONS = pathlib.Path(__file__).resolve().parents[2] / "build/pythons"
SUITES = {"3.9": "bullseye", "3.13": "trixie", "3.14": "forky"}
NEWER = {"3.9": False, "3.13": True, "3.14": True}  # than this host: it needs its own loader and libraries


def fetched(version, packages, name=None):
    """Debian's python of that version with packages, as a command, and its environment; FetchError, StopIteration when there is none.
    `name`: of the directory, where it is with others than the usual packages."""
    root = PYTHONS / (name or version)
    if not (root / f"usr/bin/python{version}").exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as directory:
            Archive(directory, SUITES[version]).unpack_all(root, *packages)
    program, env = root / f"usr/bin/python{version}", {"PYTHONHOME": str(root / "usr")}
    if not NEWER[version]:
        return [program], env
    loader = next(path for path in (root / "lib64/ld-linux-x86-64.so.2", root / "usr/lib64/ld-linux-x86-64.so.2") if path.exists())
    libraries = f"{root}/lib/x86_64-linux-gnu:{root}/usr/lib/x86_64-linux-gnu"
    return [loader, "--library-path", libraries, program], env
