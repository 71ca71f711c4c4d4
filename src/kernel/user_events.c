/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/user_events.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/run_time.h"

#define UPROBES	   "/sys/bus/event_source/devices/uprobe/"
#define EVENTS_MAX 4096

struct event {
	dev_t device;
	ino_t inode;
	uint64_t offset;
	unsigned target;
	bool at_return;
};

/* Descriptors, open for as long as the process lives, are not kept: nothing is done with them. */
static struct event *events;
static size_t events_len;

static int programs = -1; /* by target: a map of those that are called */

static struct {
	int caller;	/* + 1; 0: none yet */
	unsigned given; /* how often it was given its program */
} targets[WW_USER_EVENT_TARGETS];

static int read_number(const char *path, const char *format, unsigned *number)
{
	FILE *file = fopen(path, "re");
	bool found = file && fscanf(file, format, number) == 1;

	if (file)
		fclose(file);
	return found ? 0 : -ENOTSUP;
}

static const struct event *event_of(const struct stat *status, unsigned target, uint64_t offset, bool at_return)
{
	for (size_t i = 0; i < events_len; i++)
		if (events[i].inode == status->st_ino && events[i].device == status->st_dev &&
		    events[i].offset == offset && events[i].target == target && events[i].at_return == at_return)
			return &events[i];
	return NULL;
}

/* The program that calls what a target has: a descriptor or a negative errno. */
static int caller_of(unsigned target)
{
	const struct bpf_insn call[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW,
		 .dst_reg = BPF_REG_2,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = programs},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = (int)target},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd;

	if (targets[target].caller)
		return targets[target].caller - 1;
	fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "ww_call", "GPL", call, sizeof(call) / sizeof(call[0]), NULL);
	if (fd >= 0)
		targets[target].caller = fd + 1;
	return fd;
}

static int set_up(void)
{
	if (!events)
		events = calloc(EVENTS_MAX, sizeof(*events));
	if (!events)
		return -ENOMEM;
	if (programs < 0)
		programs = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "ww_called", sizeof(uint32_t), sizeof(uint32_t),
					  WW_USER_EVENT_TARGETS, NULL);
	return programs < 0 ? programs : 0;
}

int ww_user_events__open(int file, unsigned target, uint64_t offset, uint64_t semaphore, bool at_return)
{
	struct perf_event_attr attr = {.size = sizeof(attr)};
	unsigned type, counter_bit, return_bit;
	struct stat status;
	char path[32];
	int fd, caller, err;

	if (fstat(file, &status))
		return -errno;
	if (event_of(&status, target, offset, at_return))
		return 0;
	err = set_up();
	if (err)
		return err;
	if (events_len == EVENTS_MAX)
		return -ENOSPC;
	if (read_number(UPROBES "type", "%u", &type) ||
	    read_number(UPROBES "format/ref_ctr_offset", "config:%u", &counter_bit) ||
	    read_number(UPROBES "format/retprobe", "config:%u", &return_bit))
		return -ENOTSUP;
	caller = caller_of(target);
	if (caller < 0)
		return caller;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	attr.type = type;
	attr.config = semaphore << counter_bit | (uint64_t)at_return << return_bit;
	attr.config1 = (uint64_t)(uintptr_t)path;
	attr.config2 = offset;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, caller)) {
		err = -errno;
		close(fd);
		return err;
	}
	events[events_len++] = (struct event){.device = status.st_dev,
					      .inode = status.st_ino,
					      .offset = offset,
					      .target = target,
					      .at_return = at_return};
	return 0;
}

bool ww_user_events__has(const char *path, unsigned target, uint64_t offset, bool at_return)
{
	struct stat status;

	return events_len && !stat(path, &status) && event_of(&status, target, offset, at_return);
}

int ww_user_events__give(unsigned target, int program)
{
	uint32_t key = target;

	/* Also where there is one: that is of an observer that ends, while the one that comes next begins. */
	if (bpf_map_update_elem(programs, &key, &program, BPF_ANY))
		return -errno;
	targets[target].given++;
	return 0;
}

void ww_user_events__take(unsigned target)
{
	uint32_t key = target;

	if (!--targets[target].given)
		bpf_map_delete_elem(programs, &key);
}

int ww_user_events__run_time(uint64_t *ns)
{
	uint64_t sum = 0;

	for (unsigned target = 0; target < WW_USER_EVENT_TARGETS; target++) {
		int err = targets[target].caller ? ww_run_time__add(targets[target].caller - 1, &sum) : 0;

		if (err)
			return err;
	}
	*ns += sum;
	return 0;
}
