# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Boots a kernel under QEMU, without KVM, and reads from its serial console what the guest's init says.

Lines of the guest (tests/kernels/guest/init): "@result ok|FAILED|skip NAME: DETAIL", "@doctor JSON", "@end STATUS". Whatever
else it prints goes to the log. A guest that does not come to its "@end" has failed.
"""
import json
import re
import subprocess
import time

ARGUMENTS = "quiet panic=-1 root=/dev/nvme0n1 rw rootfstype=ext4 init=/init"
# How QEMU runs each architecture, and what its kernel is told besides.
QEMU = {"amd64": (("qemu-system-x86_64", "-accel", "tcg,thread=single"), "console=ttyS0 tsc=reliable"),
        "arm64": (("qemu-system-aarch64", "-M", "virt", "-accel", "tcg"), "console=ttyAMA0")}
# What no kernel may say, whatever else goes well.
ALARMS = re.compile(r"WARNING:|BUG:|\bOops|general protection fault|Call Trace:|rcu.*stall|soft lockup|hung task|"
                    r"possible recursive locking|inconsistent lock state|circular locking|Kernel panic|KASAN|UBSAN")


class Guest:
    """What a boot gave."""

    def __init__(self):
        self.results = {}  # name: (word, detail), in the order in which they came
        self.doctor = {}
        self.alarms = []
        self.ended = False
        self.seconds = 0.0

    def result(self, name, word, detail=""):
        self.results[name] = (word, detail)

    @property
    def good(self):
        return self.ended and not self.alarms and all(word != "FAILED" for word, _ in self.results.values())

    def take(self, line):
        if found := re.match(r"@result (ok|FAILED|skip) ([^:]+): ?(.*)", line):
            self.result(found[2], found[1], found[3])
        elif line.startswith("@doctor "):
            self.doctor = json.loads(line.partition(" ")[2])
        elif line.startswith("@end"):
            self.ended = True
            if line.split()[1:] != ["0"]:
                self.result("the checks came to their end", "FAILED", f"status {line.partition(' ')[2]}")
        elif ALARMS.search(line):
            self.alarms.append(line)


def _qemu(kernel, cpu, image, architecture):
    words, arguments = QEMU[architecture]
    return [*words, "-cpu", cpu, "-smp", "2", "-m", "1G", "-kernel", kernel, "-append", f"{arguments} {ARGUMENTS}",
            "-drive", f"file={image},format=raw,if=none,id=d,snapshot=on", "-device", "nvme,drive=d,serial=x", "-nodefaults",
            "-nographic", "-serial", "stdio", "-no-reboot"]


def boot(kernel, cpu, image, log, timeout, told, architecture="amd64"):
    """Runs a guest to its end; its console goes to the file `log`, each line with a result to told(line) as well."""
    guest = Guest()
    began = time.monotonic()
    argv = ["timeout", "--kill-after=5", str(timeout), "nice", *map(str, _qemu(kernel, cpu, image, architecture))]
    with open(log, "w", encoding="utf-8") as out, subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as qemu:
        for line in qemu.stdout:
            line = line.rstrip()
            out.write(f"{time.monotonic() - began:7.2f} {line}\n")
            out.flush()
            guest.take(line)
            if line.startswith("@result"):
                told(line)
    guest.seconds = time.monotonic() - began
    if not guest.ended:
        guest.result("the guest came to its end", "FAILED",
                     f"still running after {timeout} s" if qemu.returncode == 124 else "it stopped on the way")
    guest.result("no kernel warning", "FAILED" if guest.alarms else "ok", "; ".join(guest.alarms[:3]))
    return guest
