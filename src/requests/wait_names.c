/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/wait_names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Whether the wait can have been for that operation. */
static bool is_for(const struct ww_catalog_operation *name, const struct ww_wait *wait, const char *address)
{
	return name->kind == wait->kind && (!address || !strcmp(name->peer, address));
}

/* The operation that most of the wait lies in; of several the one that ended first, since that is what ended it. */
static const struct ww_done *find_operation(const struct ww_waiting *waiting, const struct ww_wait *wait,
					    const char *address)
{
	const struct ww_done *best = NULL;
	uint64_t most = 0;

	for (size_t i = 0; i < waiting->done.len; i++) {
		const struct ww_done *done = &waiting->done.done[i];

		if (done->start_ns >= wait->end_ns)
			break;
		uint64_t from = done->start_ns > wait->start_ns ? done->start_ns : wait->start_ns,
			 to = done->end_ns < wait->end_ns ? done->end_ns : wait->end_ns;
		if (to <= from || to - from < most || (best && to - from == most && done->end_ns >= best->end_ns))
			continue;
		const struct ww_catalog_operation name = ww_catalog__operation_name(waiting->catalog, done->name);
		if (!is_for(&name, wait, address))
			continue;
		most = to - from;
		best = done;
	}
	return best;
}

uint32_t ww_wait_names__find(const struct ww_waiting *waiting, const struct ww_wait *wait)
{
	struct ww_detail_names *names = waiting->names;
	uint32_t plain = ww_detail_names__find(names, wait->kind, wait->detail, wait->value);
	const char *address = NULL;
	char text[WW_ADDRESS_SIZE + WW_SUMMARY_SIZE + 2];

	if ((wait->kind != WW_KIND_DB && wait->kind != WW_KIND_NET) || !waiting->done.len)
		return plain;
	if (wait->detail == WW_DETAIL_PEER) {
		/* As operations name their peer: by its address, also that of a database. */
		uint32_t id = ww_detail_names__find(names, WW_KIND_NET, WW_DETAIL_PEER, wait->value);

		address = id == WW_INTERN_NONE ? NULL : ww_intern__get(names->intern, id);
	}
	const struct ww_done *done = find_operation(waiting, wait, address);
	if (!done)
		return plain;
	const struct ww_catalog_operation name = ww_catalog__operation_name(waiting->catalog, done->name);
	const char *peer = plain == WW_INTERN_NONE ? name.system : ww_intern__get(names->intern, plain);
	if (!*name.summary)
		return plain;
	/* Calls over HTTP have their peer in what they are called. */
	bool told = !*peer || strstr(name.summary, peer);
	int len = snprintf(text, sizeof(text), "%s%s%s", told ? "" : peer, told ? "" : " ", name.summary);
	uint32_t id = ww_intern__add(names->intern, text, (size_t)len);

	names->out_of_memory += id == WW_INTERN_NONE;
	return id == WW_INTERN_NONE ? plain : id;
}
