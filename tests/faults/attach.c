// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * To be loaded before the C library: as on a host that is short of CPUs, a while passes after each BPF program that is
 * attached. libbpf asks the kernel by syscall().
 */
#include <dlfcn.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAUSE_US 10000

long syscall(long number, ...)
{
	static long (*next)(long, ...);
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "syscall");
	if (!next)
		abort();

	long done = next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);

	if (number == SYS_bpf && (arguments[0] == BPF_RAW_TRACEPOINT_OPEN || arguments[0] == BPF_LINK_CREATE))
		usleep(PAUSE_US);
	return done;
}
