/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which endpoints of a recording a glob means. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/read.h"

#define NAMED 5 /* endpoints that are told when none is meant */

/* 1, 0, or -ENOMEM. */
static int matches(const char *glob, const struct ww_catalog *catalog, const struct ww_catalog_endpoint *endpoint)
{
	const char *service = catalog->services[endpoint->service].name;
	char *whole;
	int match;

	if (!fnmatch(glob, endpoint->route, 0) || !fnmatch(glob, service, 0))
		return 1;
	if (asprintf(&whole, "%s %s %s", service, endpoint->method, endpoint->route) < 0)
		return -ENOMEM;
	match = !fnmatch(glob, whole, 0) || !fnmatch(glob, whole + strlen(service) + 1, 0);
	free(whole);
	return match;
}

bool *ww_recording__wanted(const struct ww_catalog *catalog, const char *glob, bool over_time)
{
	const char *left_out = over_time ? WW_PROTOCOL_RUN : WW_PROTOCOL_PART;
	bool *wanted = calloc(catalog->endpoints_len + 1, sizeof(*wanted));

	for (uint32_t i = 0; wanted && i < catalog->endpoints_len; i++) {
		int match = glob ? matches(glob, catalog, &catalog->endpoints[i]) : 1;

		if (match < 0) {
			free(wanted);
			return NULL;
		}
		wanted[i] = match && strcmp(catalog->endpoints[i].protocol, left_out) != 0;
	}
	return wanted;
}

/* "GET /, GET /orders/{id} and 3 others", each once. */
static void name_endpoints(const struct ww_catalog *catalog, const uint32_t *alike, char *text, size_t size)
{
	uint32_t others = 0, named = 0;
	size_t used = 0;

	for (uint32_t i = 0; i < catalog->endpoints_len; i++) {
		const struct ww_catalog_endpoint *endpoint = &catalog->endpoints[i];
		int len = snprintf(NULL, 0, ", %s %s", endpoint->method, endpoint->route);

		if (alike[i] != i)
			continue;
		if (named < NAMED && len > 0 && used + (size_t)len < size) {
			used += (size_t)snprintf(text + used, size - used, "%s%s %s", named ? ", " : "",
						 endpoint->method, endpoint->route);
			named++;
		} else {
			others++;
		}
	}
	if (others && named)
		snprintf(text + used, size - used, " and %u other%s", others, others == 1 ? "" : "s");
}

int ww_recording__check_endpoint(struct ww_recording *recording, const char *glob)
{
	char names[sizeof(recording->message) / 2] = "others";
	struct ww_catalog catalog;
	uint32_t *alike = NULL;
	bool *wanted = NULL, any;
	int rc = ww_recording__catalog(recording, &catalog);

	if (rc != SQLITE_OK)
		return ww_recording__fail(recording, rc);
	alike = ww_catalog__alike(&catalog);
	wanted = ww_recording__wanted(&catalog, glob, false);
	any = !catalog.endpoints_len;
	for (uint32_t i = 0; wanted && i < catalog.endpoints_len; i++)
		any = any || wanted[i];
	if (alike && wanted && !any) {
		name_endpoints(&catalog, alike, names, sizeof(names) - sizeof(" and 4294967295 others"));
		snprintf(recording->message, sizeof(recording->message), "%.128s has no endpoint '%.64s': it has %s",
			 recording->path, glob, names);
	}
	ww_catalog__free(&catalog);
	rc = !alike || !wanted ? ww_recording__fail(recording, SQLITE_NOMEM) : 0;
	free(alike);
	free(wanted);
	return rc ? rc : any ? 0 : -ENOENT;
}
