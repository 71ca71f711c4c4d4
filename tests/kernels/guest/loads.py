# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whether each of the builds in the image (build/whywait-NAME) loads and attaches on this kernel: lines as ../machine.py reads
them. What the verifier has to say against one goes to the log."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]


def main():
    for program in sorted((ROOT / "build").glob("whywait-*")):
        name = program.name.partition("-")[2]
        done = subprocess.run([program, "doctor"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            print(f"@result ok {name}: ", flush=True)
            continue
        refused = subprocess.run([program, "record", "-d", "1", "-o", "/tmp/refused.db"], env={**os.environ, "WHYWAIT_LIBBPF_DEBUG": "1"},
                                 capture_output=True, text=True, errors="replace", check=False)
        print("\n".join(refused.stderr.splitlines()[-150:]), flush=True)
        print(f"@result FAILED {name}: {done.stderr.strip().splitlines()[-1:]}", flush=True)


main()
