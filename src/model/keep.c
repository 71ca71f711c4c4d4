/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/keep.h"

#include <errno.h>
#include <stdlib.h>

void ww_keep__free(struct ww_keep *keep)
{
	if (!keep)
		return;
	free(keep->kept);
	*keep = (struct ww_keep){0};
}

void ww_keep__clear(struct ww_keep *keep)
{
	*keep = (struct ww_keep){.kept = keep->kept, .cap = keep->cap};
}

/* The n-th of those that are kept for that reason. */
static struct ww_kept *nth(struct ww_keep *keep, enum ww_keep_reason reason, uint64_t n)
{
	struct ww_kept *kept = keep->kept;

	while (!(kept->reasons >> reason & 1) || n--)
		kept++;
	return kept;
}

static struct ww_kept *fastest(struct ww_keep *keep)
{
	struct ww_kept *found = NULL;

	for (uint32_t i = 0; i < keep->len; i++) {
		struct ww_kept *kept = &keep->kept[i];

		if (kept->reasons >> WW_KEEP_SLOW & 1 && (!found || kept->wall_ns < found->wall_ns))
			found = kept;
	}
	return found;
}

/*
 * Whether a request is kept for that reason, and instead of which one (NULL: there is room). For a fair sample that is
 * the reservoir: the n-th replaces any of the `most` with the probability most/n.
 */
static bool admits(struct ww_keep *keep, enum ww_keep_reason reason, uint32_t most, uint64_t wall_ns, uint64_t random,
		   struct ww_kept **instead)
{
	*instead = NULL;
	keep->seen[reason]++;
	if (keep->count[reason] < most)
		return true;
	if (reason == WW_KEEP_SLOW) {
		if (wall_ns <= keep->slow_from_ns)
			return false;
		*instead = fastest(keep);
		return true;
	}

	uint64_t place = random % keep->seen[reason];

	if (place >= most)
		return false;
	*instead = nth(keep, reason, place % keep->count[reason]);
	return true;
}

int ww_keep__offer(struct ww_keep *keep, uint32_t most, uint64_t wall_ns, bool error,
		   const uint64_t random[WW_KEEP_REASONS], int64_t id, struct ww_kept_change *change)
{
	struct ww_kept new = {.id = id, .wall_ns = wall_ns};

	if (keep->len == keep->cap) {
		uint32_t cap = keep->cap ? keep->cap * 2 : 4;
		struct ww_kept *kept = reallocarray(keep->kept, cap, sizeof(*kept));

		if (!kept)
			return -ENOMEM;
		keep->kept = kept;
		keep->cap = cap;
	}
	*change = (struct ww_kept_change){0};
	for (int reason = 0; reason < WW_KEEP_REASONS; reason++) {
		struct ww_kept *instead;

		if ((reason == WW_KEEP_ERROR && !error) ||
		    !admits(keep, reason, most, wall_ns, random[reason], &instead))
			continue;
		new.reasons |= (uint8_t)(1 << reason);
		keep->count[reason]++;
		if (!instead)
			continue;
		instead->reasons &= (uint8_t) ~(1 << reason);
		keep->count[reason]--;
		if (!instead->reasons) {
			change->dropped[change->dropped_len++] = instead->id;
			*instead = keep->kept[--keep->len];
		} else if (reason == WW_KEEP_SAMPLE) {
			change->unsampled = instead->id;
		}
	}
	change->sampled = new.reasons >> WW_KEEP_SAMPLE & 1;
	if (!new.reasons)
		return 0;
	keep->kept[keep->len++] = new;
	if (new.reasons >> WW_KEEP_SLOW & 1 && keep->count[WW_KEEP_SLOW] >= most)
		keep->slow_from_ns = fastest(keep)->wall_ns;
	return 1;
}
