/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/user_events.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UPROBES	   "/sys/bus/event_source/devices/uprobe/"
#define EVENTS_MAX 1024

static struct event {
	dev_t device;
	ino_t inode;
	uint64_t offset;
	bool at_return;
	int fd;
} * events;
static size_t events_len;

static int read_number(const char *path, const char *format, unsigned *number)
{
	FILE *file = fopen(path, "re");
	bool found = file && fscanf(file, format, number) == 1;

	if (file)
		fclose(file);
	return found ? 0 : -ENOTSUP;
}

static struct event *event_of(const struct stat *status, uint64_t offset, bool at_return)
{
	for (size_t i = 0; i < events_len; i++)
		if (events[i].inode == status->st_ino && events[i].device == status->st_dev &&
		    events[i].offset == offset && events[i].at_return == at_return)
			return &events[i];
	return NULL;
}

int ww_user_events__open(int file, uint64_t offset, uint64_t semaphore, bool at_return)
{
	struct perf_event_attr attr = {.size = sizeof(attr)};
	unsigned type, counter_bit, return_bit;
	struct stat status;
	char path[32];
	int fd;

	if (fstat(file, &status))
		return -errno;
	if (event_of(&status, offset, at_return))
		return 0;
	if (!events)
		events = calloc(EVENTS_MAX, sizeof(*events));
	if (!events || events_len == EVENTS_MAX)
		return events ? -ENOSPC : -ENOMEM;
	if (read_number(UPROBES "type", "%u", &type) ||
	    read_number(UPROBES "format/ref_ctr_offset", "config:%u", &counter_bit) ||
	    read_number(UPROBES "format/retprobe", "config:%u", &return_bit))
		return -ENOTSUP;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	attr.type = type;
	attr.config = semaphore << counter_bit | (uint64_t)at_return << return_bit;
	attr.config1 = (uint64_t)(uintptr_t)path;
	attr.config2 = offset;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	events[events_len++] = (struct event){
		.device = status.st_dev, .inode = status.st_ino, .offset = offset, .at_return = at_return, .fd = fd};
	return 0;
}

int ww_user_events__find(const char *path, uint64_t offset, bool at_return)
{
	const struct event *event;
	struct stat status;
	int copy;

	if (!events_len || stat(path, &status))
		return -ENOENT;
	event = event_of(&status, offset, at_return);
	copy = event ? fcntl(event->fd, F_DUPFD_CLOEXEC, 0) : -1;
	return copy < 0 ? -ENOENT : copy;
}
