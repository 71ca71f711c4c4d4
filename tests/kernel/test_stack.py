#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Stack frames of the BPF programs: kernels up to 6.12 refuse a chain of calls that takes more than 512 bytes, newer ones
do not, so this can't be left to the kernel that the tests run on. And how many functions each has: all refuse more than
256 ("too many subprograms"). test_stack.py [OBJECT]: build/whywait.bpf.o.
"""
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))
from tap import Tap  # noqa: E402  (the path comes first)

MOST = 512   # MAX_BPF_STACK
FUNCTIONS = 256  # BPF_MAX_SUBPROGS
ROUND = 32   # what check_max_stack_depth() rounds a frame to; 16 where the JIT is used, since 6.9
FRAME = 10   # the register
EXECUTABLE, FUNCTION, RELOCATIONS = 4, 2, 9  # SHF_EXECINSTR, STT_FUNC, SHT_REL
MOV64, ADD64, CALL, LOAD_IMM64 = 0xBF, 0x07, 0x85, 0x18


class Object:
    """Functions of a BPF object: {(section, offset): name}, with code and relocations by section."""

    def __init__(self, path):
        data = path.read_bytes()
        table, = struct.unpack_from("<Q", data, 40)
        size, count, _ = struct.unpack_from("<HHH", data, 58)
        sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + i * size) for i in range(count)]
        symbols = next(s for s in sections if s[1] == 2)
        names = sections[symbols[6]][4]
        self.symbols = [struct.unpack_from("<IBBHQQ", data, symbols[4] + at) for at in range(0, symbols[5], 24)]
        self.code = {i: data[s[4]:s[4] + s[5]] for i, s in enumerate(sections) if s[2] & EXECUTABLE and s[5]}
        self.functions = {(s[3], s[4]): (data[names + s[0]:data.index(b"\0", names + s[0])].decode(), s[5])
                          for s in self.symbols if s[1] & 15 == FUNCTION}
        self.relocations = {}  # (section, offset): symbol
        for section in sections:
            if section[1] == RELOCATIONS and section[7] in self.code:
                for at in range(0, section[5], 16):
                    offset, info = struct.unpack_from("<QQ", data, section[4] + at)
                    self.relocations[section[7], offset] = self.symbols[info >> 32]
        self.shared = min(s for s, _ in self.functions)  # .text comes first: functions that are no programs

    def target(self, section, at, immediate, scale):
        """The function that the instruction refers to, which counts in instructions (from -1) or bytes; None: no function."""
        symbol = self.relocations.get((section, at))
        if symbol is None and scale and (section, at + (immediate + 1) * 8) in self.functions:
            return section, at + (immediate + 1) * 8  # a static one, of the same section
        if symbol is None or symbol[3] not in self.code:
            return None
        offset = symbol[4] if symbol[1] & 15 == FUNCTION else (immediate + 1) * 8 if scale else immediate
        return (symbol[3], offset) if (symbol[3], offset) in self.functions else None

    def look(self, function):
        """(bytes of its frame, functions that it calls or has called)."""
        section, start = function
        depth, called, copies = 0, set(), set()
        for at in range(start, start + self.functions[function][1], 8):
            code, registers, offset, immediate = struct.unpack_from("<BBhi", self.code[section], at)
            to, source = registers & 15, registers >> 4
            kind = code & 7
            if (kind == 1 and source == FRAME) or (kind in (2, 3) and to == FRAME):
                depth = max(depth, -offset)
            elif code == MOV64 and source == FRAME:
                copies.add(to)
                continue
            elif code == ADD64 and to in copies:
                depth = max(depth, -immediate)
            elif (code == CALL and source == 1) or code == LOAD_IMM64:  # 0: a helper of the kernel's
                target = self.target(section, at, immediate, code == CALL)
                called |= {target} if target else set()
            if kind in (0, 1, 4, 7):
                copies.discard(to)
        return depth, called


def chosen(bpf, looked, unused):
    """{function: those that it calls}, where those of the form that is not used give way to the other one
    (src/kernel/object_forms.c)."""
    by_name = {name: at for at, (name, _) in bpf.functions.items()}
    other = {"_p": "_n", "_n": "_p"}[unused]

    def instead(at):
        name = bpf.functions[at][0]
        return by_name.get(name[:-2] + other, at) if name.endswith(unused) else at

    return {function: {instead(at) for at in called} for function, (_, called) in looked.items()}


def deepest(looked, calls, function, known):
    """(bytes of the deepest chain from here, its functions)."""
    if function not in known:
        frame = -(-max(looked[function][0], 1) // ROUND) * ROUND
        chains = [deepest(looked, calls, other, known) for other in calls[function]] or [(0, ())]
        most = max(chains)
        known[function] = (frame + most[0], (function, *most[1]))
    return known[function]


def reached(calls, function):
    """The functions that are loaded with a program: itself, and all that it leads to."""
    found, left = set(), [function]
    while left:
        at = left.pop()
        if at not in found:
            found.add(at)
            left += calls[at]
    return found


def main():
    tap = Tap()
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/whywait.bpf.o"
    bpf = Object(path)
    looked = {function: bpf.look(function) for function in bpf.functions}
    forms = [(chosen(bpf, looked, unused), {}) for unused in ("_p", "_n")]
    for function in sorted(bpf.functions):
        if function[0] == bpf.shared:
            continue
        total, chain = max(deepest(looked, calls, function, known) for calls, known in forms)
        tap.check(f"{bpf.functions[function][0]}: {total} bytes", total <= MOST,
                  " > ".join(f"{bpf.functions[f][0]} ({looked[f][0]})" for f in chain))
        functions = max(len(reached(calls, function)) for calls, _ in forms)
        tap.check(f"{bpf.functions[function][0]}: {functions} functions", functions <= FUNCTIONS)
    tap.done()


main()
