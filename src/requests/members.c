/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The processes that services consist of: a hash table. */
#include <errno.h>
#include <stdlib.h>

#include "requests/services_parts.h"
#include "util/hash.h"

#define GONE_UNSEEN 10 /* samples after which one that could not be read is forgotten */

uint32_t ww_members__slot(const struct ww_services *services, uint32_t pid, uint16_t port, uint32_t local)
{
	uint32_t slot = (uint32_t)ww_hash_mix((uint64_t)pid << 32 ^ (uint64_t)port << 16 ^ local) & (WW_SLOTS - 1);

	for (; services->members[slot].pid; slot = (slot + 1) & (WW_SLOTS - 1)) {
		const struct ww_member *member = &services->members[slot];

		if (member->pid == pid && member->port == port && member->local == local)
			break;
	}
	return slot;
}

/* Removes the members that are to go; the others may move. -ENOMEM leaves all of them. */
static int forget(struct ww_services *services, bool (*goes)(const struct ww_member *))
{
	struct ww_member *old = services->members, *members = calloc(WW_SLOTS, sizeof(*members));

	if (!members)
		return -ENOMEM;
	services->members = members;
	services->members_len = 0;
	for (uint32_t i = 0; i < WW_SLOTS; i++) {
		if (!old[i].pid || goes(&old[i]))
			continue;
		members[ww_members__slot(services, old[i].pid, old[i].port, old[i].local)] = old[i];
		services->members_len++;
	}
	free(old);
	return 0;
}

static bool is_unseen(const struct ww_member *member)
{
	return member->unseen > 0;
}

static bool is_any(const struct ww_member *member)
{
	return member->pid != 0;
}

static bool is_over(const struct ww_member *member)
{
	return member->unseen == WW_ENDED || (member->gone && member->unseen > GONE_UNSEEN);
}

void ww_members__remember(struct ww_services *services, const struct ww_member *member)
{
	if (services->members_len >= WW_PROCESSES_MAX)
		forget(services, is_unseen);
	if (services->members_len >= WW_PROCESSES_MAX && forget(services, is_any))
		return;
	services->members[ww_members__slot(services, member->pid, member->port, member->local)] = *member;
	services->members_len++;
}

void ww_members__forget_ended(struct ww_services *services)
{
	for (uint32_t i = 0; i < WW_SLOTS; i++) {
		if (services->members[i].pid && is_over(&services->members[i])) {
			forget(services, is_over);
			return;
		}
	}
}
