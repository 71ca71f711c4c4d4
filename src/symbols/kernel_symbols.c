/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/kernel_symbols.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"

#define MOST_SYMBOLS (1u << 20)

struct symbol {
	uint64_t address;
	uint32_t name; /* where in `names` */
};

struct ww_kernel_symbols {
	struct symbol *symbols;
	size_t len, cap;
	char *names;
	size_t names_len, names_cap;
};

static int by_address(const void *a, const void *b)
{
	uint64_t x = ((const struct symbol *)a)->address, y = ((const struct symbol *)b)->address;

	return x < y ? -1 : x > y;
}

static int add(struct ww_kernel_symbols *s, uint64_t address, const char *name)
{
	size_t size = strlen(name) + 1;

	if (s->len == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 65536;
		struct symbol *more = reallocarray(s->symbols, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->symbols = more;
		s->cap = cap;
	}
	if (s->names_len + size > s->names_cap) {
		size_t cap = s->names_cap ? 2 * s->names_cap : 1 << 20;
		char *more = realloc(s->names, cap);

		if (!more)
			return -ENOMEM;
		s->names = more;
		s->names_cap = cap;
	}
	s->symbols[s->len++] = (struct symbol){address, (uint32_t)s->names_len};
	memcpy(s->names + s->names_len, name, size);
	s->names_len += size;
	return 0;
}

int ww_kernel_symbols__read(struct ww_kernel_symbols **symbols, const char *path)
{
	struct ww_kernel_symbols *new = calloc(1, sizeof(*new));
	FILE *file = fopen(path, "re");
	char line[512];
	int err = 0;

	if (!new || !file) {
		err = file ? -ENOMEM : -errno;
		goto out;
	}
	while (!err && fgets(line, sizeof(line), file) && new->len < MOST_SYMBOLS) {
		unsigned long long address;
		char type, name[256];

		/* Of a module's function its name is enough. */
		if (sscanf(line, "%llx %c %255s", &address, &type, name) == 3 && address && strchr("tTwW", type))
			err = add(new, address, name);
	}
	if (!err && !new->len)
		err = -ENOENT;
	if (err)
		goto out;
	qsort(new->symbols, new->len, sizeof(*new->symbols), by_address);
	*symbols = new;
	new = NULL;
out:
	if (file)
		fclose(file);
	ww_kernel_symbols__free(new);
	return err;
}

const char *ww_kernel_symbols__find(const struct ww_kernel_symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->symbols[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? symbols->names + symbols->symbols[low - 1].name : NULL;
}

void ww_kernel_symbols__free(struct ww_kernel_symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->symbols);
	free(symbols->names);
	free(symbols);
}
