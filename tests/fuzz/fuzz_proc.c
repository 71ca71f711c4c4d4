/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Files of /proc whose text other programs have a hand in: names, arguments, cgroups. The first byte says which file it
 * is, the rest is what it holds.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "requests/process.h"
#include "util/utf8.h"

/* The bitmap is filled from one file at a time, which is not told to others. */
#include "../../src/kernel/listeners.c"

#define PID 1234

static char proc[64], paths[4][128];
static const char *const names[] = {"cmdline", "cgroup", "stat", "tcp"};

static void check_text(const char *text, size_t size)
{
	uint32_t code;
	int bytes;

	if (strnlen(text, size) == size)
		abort();
	for (; *text; text += bytes) {
		bytes = ww_utf8__decode(text, &code);
		if (bytes <= 0 || code < ' ' || code == 127)
			abort();
	}
}

static void file_write(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

static void all_remove(void)
{
	char path[128];

	for (size_t i = 0; i < 4; i++)
		unlink(paths[i]);
	snprintf(path, sizeof(path), "%s/%d/exe", proc, PID);
	unlink(path);
	snprintf(path, sizeof(path), "%s/%d", proc, PID);
	rmdir(path);
	rmdir(proc);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[128];

	(void)argc;
	(void)argv;
	snprintf(proc, sizeof(proc), "/dev/shm/whywait-fuzz-%d", (int)getpid());
	snprintf(path, sizeof(path), "%s/%d", proc, PID);
	if (mkdir(proc, 0700) || mkdir(path, 0700))
		abort();
	snprintf(path, sizeof(path), "%s/%d/exe", proc, PID);
	if (symlink("/usr/bin/python3", path))
		abort();
	for (size_t i = 0; i < 4; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/%d/%s", proc, PID, names[i]);
	atexit(all_remove);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t bitmap[1024];
	struct ww_process process;
	struct ww_process_usage usage;

	if (!size)
		return 0;
	size_t which = data[0] % 4;

	file_write(paths[which], data + 1, size - 1);
	if (which == 3)
		scan_file(bitmap, paths[3]);
	if (which == 2)
		ww_process__usage(proc, PID, &usage);
	if (which < 2 && !ww_process__read(proc, PID, &process)) {
		check_text(process.program, sizeof(process.program));
		check_text(process.cgroup, sizeof(process.cgroup));
		check_text(process.container, sizeof(process.container));
		check_text(process.exe, sizeof(process.exe));
	}
	return 0;
}
