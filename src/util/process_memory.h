/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What another process has in its memory, which it may change meanwhile. */
#ifndef WHYWAIT_PROCESS_MEMORY_H
#define WHYWAIT_PROCESS_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Copies `size` bytes from its address `from`: all of them, or a negative errno (-EFAULT: they are not all there). */
int ww_process_memory__read(pid_t pid, uint64_t from, void *to, size_t size);

#endif
