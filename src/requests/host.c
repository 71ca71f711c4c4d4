/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/host.h"

#include <stdio.h>
#include <unistd.h>

#define NSEC 1000000000ull

uint64_t ww_host__busy_ns(const char *proc)
{
	unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
	char path[512];
	FILE *file;
	int got = 0;

	snprintf(path, sizeof(path), "%s/stat", proc);
	file = fopen(path, "re");
	if (file) {
		got = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait,
			     &irq, &softirq, &steal);
		fclose(file);
	}
	if (got != 8)
		return 0;
	return (user + nice + system + irq + softirq + steal) * (NSEC / (unsigned long long)sysconf(_SC_CLK_TCK));
}
