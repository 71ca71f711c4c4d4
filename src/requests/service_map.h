/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Services by ids of an intern table. Internal to src/requests. */
#ifndef WHYWAIT_SERVICE_MAP_H
#define WHYWAIT_SERVICE_MAP_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/intern.h"

/* All zeros is an empty one; `services` is to be freed with free(). */
struct ww_service_map {
	uint32_t *services; /* WW_INTERN_NONE: none */
	uint32_t cap;
};

static inline uint32_t ww_service_map__at(const struct ww_service_map *map, uint32_t id)
{
	return id < map->cap ? map->services[id] : WW_INTERN_NONE;
}

static inline int ww_service_map__set(struct ww_service_map *map, uint32_t id, uint32_t service)
{
	if (id >= map->cap) {
		uint32_t cap = map->cap ? map->cap : 16;

		while (cap <= id)
			cap *= 2;

		uint32_t *larger = reallocarray(map->services, cap, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		memset(larger + map->cap, 0xff, (cap - map->cap) * sizeof(*larger));
		map->services = larger;
		map->cap = cap;
	}
	map->services[id] = service;
	return 0;
}

#endif
