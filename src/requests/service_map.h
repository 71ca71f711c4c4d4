/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Services by what they are known by. Internal to src/requests. */
#ifndef WHYWAIT_SERVICE_MAP_H
#define WHYWAIT_SERVICE_MAP_H

#include <stdint.h>

/* Services by ids of an intern table. */
struct ww_service_map {
	uint32_t *services; /* WW_INTERN_NONE: none */
	uint32_t cap;
};

/* The service of an id; WW_INTERN_NONE: it has none. */
uint32_t ww_service_map__at(const struct ww_service_map *map, uint32_t id);

/* Notes it, making room. -ENOMEM. */
int ww_service_map__set(struct ww_service_map *map, uint32_t id, uint32_t service);

#endif
