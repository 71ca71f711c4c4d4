/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/seconds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNTS_MAX 160000 /* 16 bytes each */

void ww_seconds__free(struct ww_seconds *seconds)
{
	if (!seconds)
		return;
	for (uint32_t i = 0; i < seconds->len; i++)
		ww_blocks__free(&seconds->by_endpoint[i]);
	free(seconds->by_endpoint);
	*seconds = (struct ww_seconds){0};
}

void ww_seconds__clear(struct ww_seconds *seconds)
{
	for (uint32_t i = 0; i < seconds->len; i++)
		ww_blocks__free(&seconds->by_endpoint[i]);
	seconds->counts = 0;
	seconds->over = false;
}

static int reserve(struct ww_seconds *seconds, uint32_t endpoint)
{
	uint32_t len = seconds->len ? seconds->len : 64;

	if (endpoint < seconds->len)
		return 0;
	while (len <= endpoint)
		len *= 2;

	struct ww_blocks *by_endpoint = reallocarray(seconds->by_endpoint, len, sizeof(*by_endpoint));

	if (!by_endpoint)
		return -ENOMEM;
	memset(by_endpoint + seconds->len, 0, (len - seconds->len) * sizeof(*by_endpoint));
	seconds->by_endpoint = by_endpoint;
	seconds->len = len;
	return 0;
}

void ww_seconds__add(struct ww_seconds *seconds, int64_t at, const struct ww_slice *slice)
{
	seconds->counts += slice->buckets;
	for (uint32_t i = 0; !seconds->over && i < slice->used_len; i++) {
		uint32_t endpoint = slice->used[i];

		seconds->over = seconds->counts > COUNTS_MAX || reserve(seconds, endpoint) ||
				ww_blocks__add(&seconds->by_endpoint[endpoint], at, slice->by_endpoint[endpoint]);
	}
}

const struct ww_blocks *ww_seconds__of(const struct ww_seconds *seconds, uint32_t endpoint)
{
	return seconds->over || endpoint >= seconds->len ? NULL : &seconds->by_endpoint[endpoint];
}
