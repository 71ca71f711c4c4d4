/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/lock_holders.h"

#include <string.h>

#include "model/names.h"

static void insert(struct ww_lock_holders *holders, const char *name, uint64_t ns)
{
	unsigned at = holders->len;

	while (at && holders->holders[at - 1].ns < ns)
		at--;
	if (at == WW_LOCK_HOLDERS)
		return;
	if (holders->len < WW_LOCK_HOLDERS)
		holders->len++;
	for (unsigned i = holders->len - 1; i > at; i--)
		holders->holders[i] = holders->holders[i - 1];
	holders->holders[at] = (struct ww_lock_holder){name, ns};
}

struct ww_lock_holders ww_lock_holders__of(const struct ww_endpoint_report *endpoint)
{
	struct ww_lock_holders holders = {0};
	const size_t prefix = strlen(WW_HELD_BY);

	for (size_t i = 0; i < endpoint->details_len; i++) {
		const struct ww_detail_row *row = &endpoint->details[i];
		bool held = row->kind == WW_KIND_LOCK && !strncmp(row->name, WW_HELD_BY, prefix);

		if (!held && (row->kind != WW_KIND_LOCK || strcmp(row->name, "futex")))
			continue;
		holders.waited_ns += row->sum_ns;
		holders.waits += row->count;
		if (held)
			insert(&holders, row->name + prefix, row->sum_ns);
	}
	return holders;
}

bool ww_lock_holder__is(const struct ww_lock_holder *holder, const struct ww_endpoint_report *endpoint)
{
	size_t method = strlen(endpoint->method);

	return !strncmp(holder->name, endpoint->method, method) && holder->name[method] == ' ' &&
	       !strcmp(holder->name + method + 1, endpoint->route);
}
