#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What code is called: demangled; by .gnu_debugdata, by debug information that is installed, or by its address where there is none of it;
in containers by their own files; after a server's program was replaced or deleted by what it is still running; the vDSO's."""
import contextlib
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "lib"), str(pathlib.Path(__file__).resolve().parents[1] / "truth")]
from stacks_truth import APPS, Built, folded, load  # noqa: E402  (the path comes first)
from services import Server, free_port  # noqa: E402
from tap import Tap  # noqa: E402
import whywait  # noqa: E402
from whywait import Record  # noqa: E402

CC = os.environ.get("CC", "cc").split()


def command(*argv):
    return subprocess.run([str(word) for word in argv], check=True, capture_output=True, text=True).stdout


def compile_c(program, *flags, source=APPS / "stacks_server.c"):
    command(*CC, "-std=gnu11", "-O2", "-D_GNU_SOURCE", *flags, "-o", program, source, "-lpthread")
    return program


@contextlib.contextmanager
def observed(*servers, path="/mix", seconds=1.0):
    """Those servers, (argv(port), name), each for so long; yields {name: frames}."""
    ports = {name: free_port() for _, name in servers}
    found = {}
    with contextlib.ExitStack() as stack:
        for argv, name in servers:
            stack.enter_context(Server(argv(ports[name]), port=ports[name]))
        for _, name in servers:
            found[name] = observe(ports[name], path, seconds)
        yield found


def observe(port, path="/mix", seconds=1.0):
    """The functions that the requests of what is at that port were in."""
    with Record("--port", port, "--stacks=all", keep=1) as record:
        load(port, path, seconds)
        time.sleep(0.2)
    record.check(tap, complete=False)
    return {frame for frames, _ in folded(record.path) for frame in frames[2:]}


def judge_demangled(built):
    with observed((built.rust(), "Rust, legacy"), (built.rust("-Csymbol-mangling-version=v0"), "Rust, v0"), (built.cpp(), "C++")) as found:
        for name in ("Rust, legacy", "Rust, v0"):
            tap.check(f"{name}: functions, without hashes", {"stacks_rust::burn_a", "stacks_rust::take_lock"} <= found[name],
                      sorted(found[name]))
            tap.check(f"{name}: methods", any(re.fullmatch(r"<stacks_rust::Candle as stacks_rust::Burns>::burn", frame)
                                              for frame in found[name]), sorted(found[name]))
        tap.check("C++: methods and templates", "shop::Candle<unsigned long>::burn(unsigned long)" in found["C++"]
                  and any(re.fullmatch(r"shop::Pages::burn_a\(\)( \[clone .*\])?", frame) for frame in found["C++"]), sorted(found["C++"]))
        mangled = {frame for frames in found.values() for frame in frames if frame.startswith(("_Z", "_R"))}
        tap.check("nothing is left mangled", not mangled, mangled)


def build_id(program):
    return re.search(r"Build ID: (\w+)", command("readelf", "-n", program)).group(1)


@contextlib.contextmanager
def debug_installed(program, plain):
    """The debug information of that program, where Debian's packages have it."""
    number = build_id(program)
    place = pathlib.Path("/usr/lib/debug/.build-id", number[:2], f"{number[2:]}.debug")
    place.parent.mkdir(parents=True, exist_ok=True)
    command("objcopy", "--only-keep-debug", plain, place)
    try:
        yield
    finally:
        place.unlink()
        with contextlib.suppress(OSError):
            place.parent.rmdir()


def add_minidebuginfo(directory, plain, stripped):
    """As distributions do it: the symbols that are not exported, in a file of their own, packed into the program."""
    symbols = directory / "symbols"
    command("objcopy", "--only-keep-debug", plain, symbols)
    command("objcopy", "-S", "--remove-section", ".comment", "--keep-symbol=burn_a", "--keep-symbol=burn_b", "--keep-symbol=handle", symbols,
            directory / "mini")
    command("xz", "-f", directory / "mini")
    command("objcopy", f"--add-section=.gnu_debugdata={directory / 'mini.xz'}", stripped, directory / "packed")
    return directory / "packed"


def function_at(plain, address):
    return command("addr2line", "-f", "-e", plain, address).splitlines()[0]


def judge_stripped(directory):
    """Copies of a program that differ in where its names are."""
    plain = compile_c(directory / "plain", "-g")
    stripped = directory / "stripped"
    command("objcopy", "-S", plain, stripped)
    packed = add_minidebuginfo(directory, plain, stripped)
    debug = compile_c(directory / "debug", "-g", "-Wl,-z,noseparate-code")  # of another build-id
    bare = directory / "bare"
    command("objcopy", "-S", debug, bare)
    programs = [(lambda port, program=program: [program, str(port)], program.name) for program in (stripped, packed, bare)]
    with debug_installed(bare, debug), observed(*programs) as found:
        tap.check(".gnu_debugdata: names of functions that are not exported", {"burn_a", "burn_b", "handle"} <= found["packed"],
                  sorted(found["packed"]))
        tap.check("debug information by build-id: the same", {"burn_a", "burn_b", "take_lock"} <= found["bare"], sorted(found["bare"]))
        unnamed = [re.fullmatch(r"\[stripped\+(0x[0-9a-f]+)\]", frame) for frame in found["stripped"]]
        named = {function_at(plain, match.group(1)) for match in unnamed if match}
        tap.check("without any: addresses that addr2line knows", {"burn_a", "burn_b", "take_lock", "handle", "serve"} <= named, sorted(found["stripped"]))
        tap.check("and stacks that are whole", "[truncated]" not in found["stripped"])


VDSO = """
#include <time.h>
struct timespec sink;
__attribute__((noinline)) unsigned long read_clock(void)
{
	for (int i = 0; i < 3000000; i++)
		clock_gettime(CLOCK_MONOTONIC, &sink);
	return (unsigned long)sink.tv_nsec;
}
"""

SHOP = """
unsigned long NAME(unsigned ms);
unsigned long price(unsigned rounds);
__attribute__((noinline)) unsigned long NAME(unsigned rounds)
{
	volatile unsigned long sum = 0;

	for (unsigned i = 0; i < rounds; i++)
		sum += i * sum + 1;
	return sum;
}
unsigned long price(unsigned rounds)
{
	return NAME(rounds) + 1;
}
"""

SERVER = r"""
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
unsigned long WORK(unsigned rounds);
int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[argc - 1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	char request[4096];
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64))
		return 1;
	for (;;) {
		int connection = accept(fd, 0, 0);
		if (recv(connection, request, sizeof(request), 0) > 0) {
			int odd = WORK(30000000) & 1;
			send(connection, odd ? "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nodd 1\n"
				: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nodd 0\n", 65, 0);
		}
		close(connection);
	}
}
"""


def build_server(directory, name, work, *flags):
    source = directory / f"{name}.c"
    source.write_text(SERVER.replace("WORK", work), encoding="utf-8")
    command(*CC, "-std=gnu11", "-O2", "-D_GNU_SOURCE", "-o", directory / name, source, *flags)
    return directory / name


def build_library(directory, function):
    """libshop.so whose work is done in a function of that name."""
    (directory / f"{function}.c").write_text(SHOP.replace("NAME", function), encoding="utf-8")
    (directory / function).mkdir()
    command(*CC, "-O2", "-shared", "-fPIC", "-o", directory / function / "libshop.so", directory / f"{function}.c")
    return directory / function / "libshop.so"


def make_root(directory, program, library):
    """A root with that program, that library, and whatever else they need."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="root-", dir=directory))
    needed = re.findall(r"(/\S+)", command("ldd", program))
    for file in {path for path in needed if "libshop" not in path}:
        (root / file[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, root / file[1:])
    (root / "app").mkdir()
    shutil.copy(program, root / "app/server")
    shutil.copy(library, root / "app/libshop.so")
    return root


def judge_containers(directory):
    """Two containers have another library at the same path, and a third one a copy of the first one's."""
    alpha, beta = build_library(directory, "alpha"), build_library(directory, "beta")
    program = build_server(directory, "contained", "price", f"-L{alpha.parent}", "-lshop", "-Wl,-rpath,/app")
    roots = {name: make_root(directory, program, library) for name, library in (("alpha", alpha), ("beta", beta), ("copy", alpha))}
    servers = [(lambda port, root=root: ["unshare", "--mount", "--pid", "--fork", "--kill-child", "chroot", root, "/app/server", str(port)], name)
               for name, root in roots.items()]
    ports = {name: free_port() for name in roots}
    with contextlib.ExitStack() as stack:
        for argv, name in servers:
            stack.enter_context(Server(argv(ports[name]), port=ports[name]))
        # All of them at once, so that one could be taken for the other.
        with Record(*[word for port in ports.values() for word in ("--port", port)], "--stacks=all", keep=1) as record:
            for port in ports.values():
                load(port, "/", 1, clients=1)
            time.sleep(0.2)
    stacks = folded(record.path, "--kinds", "compute")
    leaves = {leaf: sum(us for frames, us in stacks if leaf in frames) for leaf in ("alpha", "beta")}
    total = sum(us for _, us in stacks)
    tap.check("containers: each one's own library names its code", min(leaves.values()) > 0.15 * total and sum(leaves.values()) > 0.85 * total,
              f"{leaves} of {total} us")
    wrong = [frames for frames, _ in stacks if "alpha" in frames and "beta" in frames]
    tap.check("containers: and none of another's", not wrong, wrong)
    tap.check("containers: about two thirds are the library that two have", 0.5 < leaves["alpha"] / sum(leaves.values()) < 0.8, leaves)


def restricted(directory):
    """A whywait that may not open /proc/PID/map_files."""
    wrapper = directory / "whywait"
    wrapper.write_text(f'#!/bin/sh\nexec setpriv --bounding-set=-sys_admin,-checkpoint_restore --inh-caps=-sys_admin,-checkpoint_restore '
                       f'"{whywait.WHYWAIT}" "$@"\n', encoding="utf-8")
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return str(wrapper)


def judge_replaced(directory):
    """A server's program and its library are replaced while it runs: what it runs is what has names."""
    (directory / "before").mkdir()
    (directory / "after").mkdir()
    old_library, new_library = build_library(directory / "before", "before_"), build_library(directory / "after", "after_")
    place = directory / "place"
    place.mkdir()
    shutil.copy(old_library, place / "libshop.so")
    program = build_server(directory, "server", "price", f"-L{place}", "-lshop", f"-Wl,-rpath,{place}", "-Wl,--export-dynamic", "-Wl,-z,now")
    static = compile_c(directory / "upgraded")
    new = directory / "new.c"
    new.write_text((APPS / "stacks_server.c").read_text(encoding="utf-8").replace("burn_a(void)", "flame_a(void)").replace("burn_a()", "flame_a()"),
                   encoding="utf-8")
    port, other, third = free_port(), free_port(), free_port()
    with Server([program, str(port)], port=port), Server([static, str(other)], port=other):
        compile_c(directory / "upgraded.new", source=new)
        os.replace(directory / "upgraded.new", static)
        shutil.copy(new_library, place / "libshop.so.new")
        os.replace(place / "libshop.so.new", place / "libshop.so")
        with Server([static, str(third)], port=third):
            old, fresh, library = observe(other), observe(third), observe(port, "/")
            tap.check("replaced program: the old one's names for who runs the old one", "burn_a" in old and "flame_a" not in old, sorted(old))
            tap.check("and the new one's for who runs the new one", "flame_a" in fresh and "burn_a" not in fresh, sorted(fresh))
            tap.check("replaced library: the old one's names", "before_" in library and "after_" not in library, sorted(library))
            allowed, whywait.WHYWAIT = whywait.WHYWAIT, restricted(directory)
            try:
                old, library = observe(other), observe(port, "/")
            finally:
                whywait.WHYWAIT = allowed
            tap.check("with few privileges: the program's are known by /proc/PID/exe", "burn_a" in old and "flame_a" not in old, sorted(old))
            tap.check("a library's that is gone are addresses, and not the new one's", "after_" not in library
                      and any(re.fullmatch(r"\[libshop\.so\+0x[0-9a-f]+\]", frame) for frame in library), sorted(library))
        static.unlink()
        deleted = observe(other)
        tap.check("deleted program: still its names", "burn_a" in deleted, sorted(deleted))


def judge_vdso(directory):
    (directory / "clock.c").write_text(VDSO, encoding="utf-8")
    program = build_server(directory, "clocks", "read_clock", directory / "clock.c")
    with observed((lambda port: [program, str(port)], "vdso"), path="/") as found:
        tap.check("vDSO: its functions have names, or addresses in it", any(re.fullmatch(r"(__vdso_)?clock_gettime|\[vdso\+0x[0-9a-f]+\]", frame)
                                                                           for frame in found["vdso"]), sorted(found["vdso"]))
        tap.check("vDSO: stacks through it are whole", "read_clock" in found["vdso"] and "[truncated]" not in found["vdso"], sorted(found["vdso"]))


tap = Tap()
with Built() as programs, tempfile.TemporaryDirectory(prefix="whywait-names-") as temporary:
    top = pathlib.Path(temporary)
    for title, judge in (("stripped", judge_stripped), ("containers", judge_containers), ("replaced", judge_replaced), ("vdso", judge_vdso)):
        (top / title).mkdir()
        tap.run(title, judge, top / title)
    tap.run("demangled", judge_demangled, programs)
tap.done()
