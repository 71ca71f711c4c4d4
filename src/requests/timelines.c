/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/timelines.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

#define SETS 512 /* a power of two */
#define WAYS 8

struct line {
	bool used;
	struct ww_segments segments;
};

struct set {
	struct line lines[WAYS];
	uint32_t next; /* way that makes room when all are used: they are filled in turn, so it is the oldest */
};

struct ww_timelines {
	struct set sets[SETS];
};

struct ww_timelines *ww_timelines__new(void)
{
	return calloc(1, sizeof(struct ww_timelines));
}

void ww_timelines__free(struct ww_timelines *timelines)
{
	free(timelines);
}

static struct set *set_of(struct ww_timelines *timelines, uint64_t id)
{
	return &timelines->sets[ww_hash_mix(id) & (SETS - 1)];
}

unsigned ww_timelines__put(struct ww_timelines *timelines, const struct ww_segments *segments)
{
	struct set *set = set_of(timelines, segments->id);
	struct line *line = &set->lines[set->next];
	unsigned made_room = line->used;

	set->next = (set->next + 1) % WAYS;
	line->used = true;
	memcpy(&line->segments, segments,
	       offsetof(struct ww_segments, segments) + segments->len * sizeof(*segments->segments));
	return made_room;
}

const struct ww_segments *ww_timelines__take(struct ww_timelines *timelines, uint64_t id)
{
	struct set *set = set_of(timelines, id);

	for (unsigned i = 0; i < WAYS; i++) {
		if (set->lines[i].used && set->lines[i].segments.id == id) {
			set->lines[i].used = false;
			return &set->lines[i].segments;
		}
	}
	return NULL;
}
