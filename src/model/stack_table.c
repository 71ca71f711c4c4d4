/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/stack_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

#define PLACES (2 * WW_STACK_ROWS)

int ww_stack_table__init(struct ww_stack_table *table)
{
	struct ww_stack_table new = {
		.frames = ww_intern__new(),
		.stacks = ww_intern__new(),
		.places = calloc(PLACES, sizeof(*new.places)),
	};

	if (!new.frames || !new.stacks || !new.places) {
		ww_stack_table__free(&new);
		return -ENOMEM;
	}
	*table = new;
	return 0;
}

void ww_stack_table__free(struct ww_stack_table *table)
{
	if (!table)
		return;
	ww_intern__free(table->frames);
	ww_intern__free(table->stacks);
	free(table->rows);
	free(table->places);
	free(table->requests);
	memset(table, 0, sizeof(*table));
}

void ww_stack_table__add(struct ww_stack_table *table, const struct ww_stack_key *key, uint64_t ns, uint64_t count)
{
	uint32_t at = (uint32_t)ww_hash(0, key, sizeof(*key)) & (PLACES - 1);

	for (; table->places[at]; at = (at + 1) & (PLACES - 1)) {
		struct ww_stack_row *row = &table->rows[table->places[at] - 1];

		if (!memcmp(&row->key, key, sizeof(*key))) {
			row->ns += ns;
			row->count += count;
			return;
		}
	}
	if (table->rows_len == WW_STACK_ROWS ||
	    (!table->goes_on && table->cleared + table->rows_len >= WW_STACK_ROWS_MOST)) {
		table->over_cap++;
		return;
	}
	if (table->rows_len == table->rows_cap) {
		uint32_t cap = table->rows_cap ? 2 * table->rows_cap : 256;
		struct ww_stack_row *more = reallocarray(table->rows, cap, sizeof(*more));

		if (!more) {
			table->over_cap++;
			return;
		}
		table->rows = more;
		table->rows_cap = cap;
	}
	table->rows[table->rows_len] = (struct ww_stack_row){.key = *key, .ns = ns, .count = count};
	table->places[at] = ++table->rows_len;
}

void ww_stack_table__request(struct ww_stack_table *table, uint32_t endpoint, uint32_t bucket, uint64_t requests)
{
	/* They come in no order, but there are few between two commits. */
	for (uint32_t i = 0; i < table->requests_len; i++) {
		struct ww_stack_requests *known = &table->requests[i];

		if (known->endpoint == endpoint && known->bucket == bucket) {
			known->requests += requests;
			known->sampled++;
			return;
		}
	}
	if (table->requests_len == table->requests_cap) {
		uint32_t cap = table->requests_cap ? 2 * table->requests_cap : 64;
		struct ww_stack_requests *more =
			cap > WW_STACK_ROWS ? NULL : reallocarray(table->requests, cap, sizeof(*more));

		if (!more) {
			table->over_cap++;
			return;
		}
		table->requests = more;
		table->requests_cap = cap;
	}
	table->requests[table->requests_len++] = (struct ww_stack_requests){endpoint, bucket, requests, 1};
}

void ww_stack_table__clear(struct ww_stack_table *table)
{
	table->cleared += table->rows_len;
	table->rows_len = 0;
	table->requests_len = 0;
	memset(table->places, 0, PLACES * sizeof(*table->places));
}
