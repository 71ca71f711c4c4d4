/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/service_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/intern.h"

uint32_t ww_service_map__at(const struct ww_service_map *map, uint32_t id)
{
	return id < map->cap ? map->services[id] : WW_INTERN_NONE;
}

int ww_service_map__set(struct ww_service_map *map, uint32_t id, uint32_t service)
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
