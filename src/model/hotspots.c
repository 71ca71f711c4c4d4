/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/hotspots.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/limits.h"
#include "util/intern.h"

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && !strcmp(name + len - end_len, end);
}

/* "function (directory/file.py:12)": how long it is without the line; 0: it is none of these. */
static size_t interpreted(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon && strstr(name, " (") && ends_with(name, ")") &&
			       strspn(colon + 1, "0123456789") + 2 == strlen(colon)
		       ? (size_t)(colon - name)
		       : 0;
}

/*
 * "JS:*burn app.js:12:3": V8 says with a sign how it has compiled the function, and compiles those that burn most anew:
 * they are one function all the same.
 */
static void name_compiled(const char *frame, char name[WW_HOTSPOT_NAME])
{
	bool signed_one = !strncmp(frame, "JS:", 3) && frame[3] && strchr("*^+~", frame[3]);

	snprintf(name, WW_HOTSPOT_NAME, "%s%s", signed_one ? "JS:" : "", frame + (signed_one ? 4 : 0));
}

static void name_of(const struct ww_profile *profile, const struct ww_profile_stack *stack, char name[WW_HOTSPOT_NAME])
{
	name[0] = '\0';
	for (uint32_t i = stack->len; i-- > 0;) {
		const char *frame = profile->frames[stack->frames[i]];
		size_t len = interpreted(frame);

		if (len) {
			snprintf(name, WW_HOTSPOT_NAME, "%.*s)", (int)len, frame);
			return;
		}
		if (!*name && frame[0] != '[' && !ends_with(frame, "_[k]"))
			name_compiled(frame, name);
	}
}

static int find(const struct ww_profile *profile, const char *service, const char *method, const char *route,
		struct ww_intern *names, uint64_t *sums, uint64_t *total)
{
	char name[WW_HOTSPOT_NAME];

	for (size_t i = 0; i < profile->samples_len; i++) {
		const struct ww_profile_sample *sample = &profile->samples[i];

		if (sample->kind != WW_KIND_COMPUTE || strcmp(sample->service, service) != 0 ||
		    strcmp(sample->method, method) != 0 || strcmp(sample->route, route) != 0)
			continue;
		*total += sample->ns;
		if (!sample->stack)
			continue;
		name_of(profile, sample->stack, name);
		if (!*name)
			continue;
		uint32_t id = ww_intern__add(names, name, strlen(name));
		if (id == WW_INTERN_NONE)
			return -ENOMEM;
		sums[id] += sample->ns;
	}
	return 0;
}

int ww_hotspots__of(const struct ww_profile *profile, const char *service, const char *method, const char *route,
		    struct ww_hotspots *hotspots)
{
	struct ww_intern *names = ww_intern__new();
	uint64_t *sums = calloc(profile->samples_len + 1, sizeof(*sums)), total = 0;
	struct ww_hotspots found = {.len = 0};
	int err = names && sums ? find(profile, service, method, route, names, sums, &total) : -ENOMEM;

	while (!err && found.len < WW_HOTSPOTS) {
		uint32_t most = 0;

		for (uint32_t id = 1; id < ww_intern__len(names); id++)
			if (sums[id] > sums[most])
				most = id;
		if (!ww_intern__len(names) || (double)sums[most] < WW_LIMIT_HOTSPOT_SHARE * (double)total ||
		    !sums[most])
			break;
		struct ww_hotspot *hotspot = &found.functions[found.len++];
		snprintf(hotspot->name, sizeof(hotspot->name), "%s", ww_intern__get(names, most));
		hotspot->share = (double)sums[most] / (double)total;
		sums[most] = 0;
	}
	ww_intern__free(names);
	free(sums);
	if (!err)
		*hotspots = found;
	return err;
}
