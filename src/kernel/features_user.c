/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether programs can be attached to user space: a probe in this very program is switched on for a moment; and to the
 * clock that looks at what runs.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/features_probe.h"
#include "kernel/sampler.h"
#include "kernel/user_probes.h"
#include "util/mappings.h"

#define UPROBES "/sys/bus/event_source/devices/uprobe/"

/* As a static probe has them: a place in the code, and a counter of those who want to know, in the file's data. */
static volatile unsigned short counter __attribute__((section(".data"), aligned(2))) = 0;

__attribute__((noinline)) static void place(void)
{
	__asm__ volatile("nop");
}

static bool read_number(const char *path, const char *format, unsigned *number)
{
	FILE *file = fopen(path, "re");
	bool found = file && fscanf(file, format, number) == 1;

	if (file)
		fclose(file);
	return found;
}

/* Where in its file an address of this program lies; 0: nowhere. */
static uint64_t offset_of(uint64_t address)
{
	struct ww_mappings mappings;
	uint64_t offset = 0;

	if (ww_mappings__open(&mappings, getpid()))
		return 0;
	while (!offset && ww_mappings__next(&mappings))
		if (address >= mappings.start && address < mappings.end && mappings.path[0] == '/')
			offset = address - mappings.start + mappings.offset;
	ww_mappings__close(&mappings);
	return offset;
}

/* Attaches an empty program by an event. Returns a file descriptor that keeps it there, or a negative errno; *what has
 * failed. */
static int attach_event(unsigned type, unsigned counter_bit, const char **what)
{
	const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct perf_event_attr attr = {.size = sizeof(attr), .type = type};
	int program, probe, err = 0;

	attr.config = offset_of((uint64_t)(uintptr_t)&counter) << counter_bit;
	attr.config1 = (uint64_t)(uintptr_t) "/proc/self/exe";
	attr.config2 = offset_of((uint64_t)(uintptr_t)place);
	*what = "a program for it does not load";
	program = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "ww_probe", "GPL", nothing, 2, NULL);
	if (program < 0)
		return program;
	*what = "a program for it does not attach";
	probe = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (probe < 0 || ioctl(probe, PERF_EVENT_IOC_SET_BPF, program))
		err = -errno;
	close(program);
	if (err && probe >= 0)
		close(probe);
	return err ? err : probe;
}

/* The same by a link for many places. */
static int attach_link(const char **what)
{
	const uint64_t offset = offset_of((uint64_t)(uintptr_t)place),
		       semaphore = offset_of((uint64_t)(uintptr_t)&counter);
	const struct ww_user_probe_places places = {.len = 1, .offsets = &offset, .semaphores = &semaphore};
	int program, link;

	*what = "a program for it does not load";
	program = ww_user_probes__load_empty();
	if (program < 0)
		return program;
	*what = "a program for it does not attach";
	link = ww_user_probes__link(program, "/proc/self/exe", &places);
	close(program);
	return link;
}

static void tell(struct ww_feature *row, int fd, const char *what)
{
	if (fd < 0) {
		ww_feature__bad(row, "%s: %s", what, strerror(-fd));
		return;
	}
	place();
	if (counter)
		ww_feature__good(row, "attached, a static probe is switched on");
	else
		ww_feature__bad(row, "attached, a static probe is not switched on");
	close(fd);
}

void ww_probe_uprobe(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	unsigned type, counter_bit;
	const char *what = "";
	int fd;

	(void)argument;
	if (!read_number(UPROBES "type", "%u", &type)) {
		ww_feature__bad(row, "this kernel has none");
		return;
	}
	if (!read_number(UPROBES "format/ref_ctr_offset", "config:%u", &counter_bit)) {
		ww_feature__bad(row, "static probes can't be switched on");
		return;
	}
	if (!ww_probe__may_load(probe)) {
		ww_feature__unknown(row, "there, can't be tried with these privileges");
		return;
	}
	fd = ww_user_probes__many() ? attach_link(&what) : attach_event(type, counter_bit, &what);
	tell(row, fd, what);
	/* Since July 2025 (CVE-2025-38466) CAP_PERFMON is not enough for events. */
	if (fd == -EACCES || fd == -EPERM)
		row->mend = "run it as root: this kernel wants CAP_SYS_ADMIN for them, and has no uprobe_multi (Linux "
			    "6.6)";
}

void ww_probe_cookie(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	int known;

	(void)argument;
	if (!ww_probe__may_load(probe)) {
		ww_feature__unknown(row, "can't be tried with these privileges");
		return;
	}
	known = libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie, NULL);
	if (known == 1)
		ww_feature__good(row, "the verifier knows it");
	else
		ww_feature__bad(row, "this kernel does not let user probes call it");
}

void ww_probe_many(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	(void)argument;
	if (!ww_probe__may_load(probe))
		ww_feature__unknown(row, "can't be tried with these privileges");
	else if (ww_user_probes__many())
		ww_feature__good(row, "one link for all places in a file");
	else
		ww_feature__bad(row, "this kernel has none");
}

void ww_probe_cpu_clock(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int clock, program, cpu = sched_getcpu();

	(void)argument;
	if (!ww_probe__may_load(probe)) {
		ww_feature__unknown(row, "can't be tried with these privileges");
		return;
	}
	clock = ww_sampler__open_clock(cpu < 0 ? 0 : cpu);
	if (clock < 0) {
		ww_feature__bad(row, "perf_event_open: %s", strerror(-clock));
		return;
	}
	program = bpf_prog_load(BPF_PROG_TYPE_PERF_EVENT, "ww_probe", "GPL", nothing, 2, NULL);
	if (program < 0)
		ww_feature__bad(row, "a program for it does not load: %s", strerror(-program));
	else if (ioctl(clock, PERF_EVENT_IOC_SET_BPF, program))
		ww_feature__bad(row, "a program for it does not attach: %s", strerror(errno));
	else
		ww_feature__good(row, "attached");
	if (program >= 0)
		close(program);
	close(clock);
}
