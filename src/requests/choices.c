/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/choices.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum choice { UNDECIDED, CHOSEN, LEFT_OUT };

void ww_choices__free(struct ww_choices *choices)
{
	free(choices->found);
	choices->found = NULL;
	choices->len = 0;
}

static enum choice choose(const struct ww_choices *choices, uint32_t service)
{
	for (size_t i = 0; i < choices->globs_len; i++) {
		if (!fnmatch(choices->globs[i], choices->catalog->services[service].name, 0))
			return CHOSEN;
	}
	return LEFT_OUT;
}

bool ww_choices__has(struct ww_choices *choices, uint32_t service)
{
	if (!choices->globs_len)
		return true;
	if (service >= choices->len) {
		uint32_t len = choices->catalog->services_len + 16;
		uint8_t *found = realloc(choices->found, len);

		/* What can't be remembered is found out each time. */
		if (!found)
			return choose(choices, service) == CHOSEN;
		memset(found + choices->len, UNDECIDED, len - choices->len);
		choices->found = found;
		choices->len = len;
	}
	if (choices->renames != choices->catalog->renames) {
		memset(choices->found, UNDECIDED, choices->len);
		choices->renames = choices->catalog->renames;
	}
	if (choices->found[service] == UNDECIDED)
		choices->found[service] = (uint8_t)choose(choices, service);
	return choices->found[service] == CHOSEN;
}
