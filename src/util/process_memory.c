/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "util/process_memory.h"

#include <errno.h>
#include <sys/uio.h>

int ww_process_memory__read(pid_t pid, uint64_t from, void *to, size_t size)
{
	struct iovec here = {to, size}, there = {(void *)(uintptr_t)from, size};
	ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

	return n < 0 ? -errno : (size_t)n < size ? -EFAULT : 0;
}
