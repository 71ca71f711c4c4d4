# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make          build/whywait, without root
# make deps     installs what building needs (Debian, Ubuntu; root)
# make demo     installs, builds, and shows the main job on real services (root)
# make walkthrough  measures, mends, ports and proves on the demo, and writes that down (docs/walkthrough.md; root)
# make man      the manual pages, from the same text as --help
# make install  below PREFIX (/usr/local) and DESTDIR; make deb: a package of it (docs/serve.md)
# make test     every test that fits a coffee break (root for the kernel and truth tests)
# make model    the accounts, on events in any order
# make test-kernels  the same truths on Debian's kernels from 5.10 to the newest, under QEMU (minutes; needs no KVM)
# make test-builds  other compilers, another architecture (cross-compiled, under qemu-user), no BTF on the build host
# make faults   what goes wrong while observing, and the storms that make test leaves out (root)
# make test-long   those of its suites that it has no time for (root; 7 minutes)
# make test-runtimes  servers of many languages, at 1, 8 and 64 requests in flight (root)
# make test-live  what the daemon tells over HTTP, in a real browser and a real Prometheus (root)
# make soak     five minutes of load: memory flat, nothing lost (SOAK_SECONDS; root)
# make soak-serve  an hour of the daemon with retention cut short (SOAK_SECONDS, SOAK_RATE; root)
# make bench    what observing costs, beside other tools (root)

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:

CC ?= cc
CLANG ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
B := build
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

LIBS := libbpf libdw libelf zlib sqlite3 jansson ncursesw libmicrohttpd gnutls yaml-0.1 libcap liblzma
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 $(WARN) $(CFLAGS) -D_GNU_SOURCE -Iinclude -Isrc -I$(B) -MMD -MP $(shell pkg-config --cflags $(LIBS))
ALL_LDLIBS = $(shell pkg-config --libs $(LIBS)) -liberty -lm $(LDLIBS)
# The architecture that CC compiles for: what is built for another one needs its kernel side, too.
BPF_ARCH := $(shell $(CC) -dumpmachine 2>/dev/null | sed 's/-.*//;s/x86_64/x86/;s/aarch64/arm64/')
BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-function -Iinclude -Ibpf

SRC := $(sort $(shell find src -name '*.c'))
OBJ := $(SRC:%.c=$(B)/%.o)
BPF_SRC := $(sort $(wildcard bpf/*.bpf.c))
BPF_OBJ := $(BPF_SRC:%.c=$(B)/%.o)
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(sort $(wildcard tests/unit/test_*.c)))

.PHONY: all always deps demo walkthrough test test-kernels test-builds test-runtimes test-live test-long faults soak soak-serve bench lint man unit clean check-tools
all: $(B)/whywait

$(B)/whywait: $(OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

$(B)/src/%.o: src/%.c | check-tools
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h include/whywait/*) | check-tools
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

# Written anew when the version is another one.
$(B)/version: always
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
$(B)/src/util/version.o: $(B)/version
$(B)/src/util/version.o: private ALL_CFLAGS += -DWW_VERSION='"$(VERSION)"'

# The live page is put into it by the assembler, which tells no dependencies.
$(B)/src/serve/page.o: $(wildcard src/serve/page/*)

$(B)/whywait.bpf.o: $(BPF_OBJ)
	$(BPFTOOL) gen object $@ $^

$(B)/whywait.skel.h: $(B)/whywait.bpf.o
	$(BPFTOOL) gen skeleton $< name whywait_bpf > $@

# Only what talks to BPF sees the skeleton.
$(filter $(B)/src/kernel/%,$(OBJ)): $(B)/whywait.skel.h

# Unit tests take what they need of everything but main and what needs the skeleton.
$(B)/unit.a: $(filter-out $(B)/src/main.o $(B)/src/kernel/%,$(OBJ))
	rm -f $@ && $(AR) rcs $@ $^
$(B)/tests/unit/%: tests/unit/%.c $(B)/unit.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests/unit $(LDFLAGS) $(UNIT_LDFLAGS) -o $@ $< $(B)/unit.a $(ALL_LDLIBS) -lcmocka

# What the BPF object says of its types is what one of them tests.
$(B)/tests/unit/test_abi_layout: $(B)/whywait.bpf.o
$(B)/tests/unit/test_abi_layout: private ALL_CFLAGS += -DWW_BPF_OBJECT='"$(B)/whywait.bpf.o"'

# Another one gives memory, time and random numbers itself.
WRAPPED := malloc calloc realloc reallocarray strdup asprintf free clock_gettime getrandom
$(B)/tests/unit/test_out_of_memory: private UNIT_LDFLAGS := $(WRAPPED:%=-Wl,--wrap=%)

# The numbers of system calls, as this architecture's headers have them, and the names of those that the BPF side knows.
$(B)/tests/unit/test_syscalls: $(B)/tests/unit/unistd.def
$(B)/tests/unit/test_syscalls: private ALL_CFLAGS += -Ibpf -D__TARGET_ARCH_$(BPF_ARCH)
$(B)/tests/unit/unistd.def: bpf/syscalls.bpf.h
	@mkdir -p $(@D)
	echo '#include <asm/unistd.h>' | $(CC) -E -dM - | sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/NUMBER(\1)/p' | grep -v syscall >$@
	sed -n 's/^\tWW_SYS_\([A-Z0-9_]*\) = .*/KNOWN(\1)/p' $< | sort -u >>$@

unit: $(UNIT)

COMMANDS := $(shell sed -n 's/^WW_COMMAND.\([a-z]*\),.*/\1/p' src/commands/commands.def)
man: $(B)/man/whywait.1 $(COMMANDS:%=$(B)/man/whywait-%.1)
$(B)/man/whywait.1: $(B)/whywait
	@mkdir -p $(@D)
	$< --help=man >$@
$(B)/man/whywait-%.1: $(B)/whywait
	@mkdir -p $(@D)
	$< $* --help=man >$@

check-tools:
	@sh tools/check-build-tools "$(CC)" "$(CLANG)" "$(BPFTOOL)" $(LIBS) libcurl

deps:
	sh tools/install-deps build

demo:
	tools/demo/run

test:
	tests/run

test-kernels:
	tests/kernels/run

test-builds:
	tests/builds/run

test-runtimes:
	tests/run runtimes

test-long:
	tests/run long

test-live:
	tests/run live

faults:
	tests/run faults storms

walkthrough:
	tools/walkthrough/run

soak: all
	tests/storms/soak

soak-serve: all
	tests/storms/soak_serve

bench:
	tests/bench/run

lint:
	tests/lint/run

include tests/model/rules.mk tests/fuzz/rules.mk tools/package/rules.mk

clean:
	rm -rf $(B)

-include $(OBJ:.o=.d) $(UNIT:=.d)
