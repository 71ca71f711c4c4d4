/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What observed programs say of their code: CPython's tables of lines, maps of JIT-compiled code, Go's table of
 * functions. The first byte says which it is, the rest is what it holds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/go_table.h"
#include "symbols/perf_map.h"
#include "symbols/python_code.h"

static void look_up(const uint8_t *data, size_t size)
{
	FILE *file = fmemopen((void *)(uintptr_t)data, size, "r");
	struct ww_perf_map *map = file ? ww_perf_map__parse(file) : NULL;

	for (uint64_t at = 1; map && at; at <<= 1) {
		const char *name = ww_perf_map__find(map, at);

		if (name && !*name)
			abort();
	}
	ww_perf_map__free(map);
	if (file)
		fclose(file);
}

static void look_up_go(const uint8_t *data, size_t size, uint64_t address)
{
	uint8_t *exact = malloc(size);

	if (!exact)
		return;
	memcpy(exact, data, size);
	const char *name = ww_go_table__find(exact, size, 0, address);
	if (name && !strlen(name))
		abort();
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	if (data[0] & 1) {
		look_up(data + 1, size - 1);
		return 0;
	}
	if (data[0] & 2) {
		look_up_go(data + 3, size - 3, data[1]);
		return 0;
	}
	uint8_t *exact = malloc(size - 3);
	if (!exact)
		return 0;
	memcpy(exact, data + 3, size - 3);
	/* A line that is told is none before the first of files. */
	for (unsigned minor = 8; minor <= 13; minor++)
		if (ww_python_code__line(minor, exact, size - 3, data[1] + 1, 2u * data[2]) < 1 && minor < 11)
			abort();
	free(exact);
	return 0;
}
