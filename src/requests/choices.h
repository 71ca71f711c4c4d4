/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which services are selected by their names. Internal to src/requests. */
#ifndef WHYWAIT_CHOICES_H
#define WHYWAIT_CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/catalog.h"

struct ww_choices {
	const struct ww_catalog *catalog;
	const char *const *globs; /* none: all are */
	size_t globs_len;
	/* What is found out by and by; to be freed with ww_choices__free(). */
	uint8_t *found; /* by service */
	uint32_t len;
	uint32_t renames; /* when it was */
};

void ww_choices__free(struct ww_choices *choices);

bool ww_choices__has(struct ww_choices *choices, uint32_t service);

#endif
