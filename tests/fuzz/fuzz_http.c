/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What clients of the daemon send, beyond what the HTTP library reads: headers and parameters, and the globs in them.
 * The first byte says which; a parameter's name and value are apart by the first NUL.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/catalog.h"
#include "outputs/openmetrics.h"
#include "serve/api.h"
#include "serve/http_access.h"
#include "store/read.h"

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void parameter(const char *name, size_t len)
{
	static const char *const names[] = {"status", "endpoints", "report", "series", "requests", "stacks"};
	const char *value = name + strnlen(name, len);
	struct ww_api_query query, before;
	char message[256] = "";

	value = value < name + len ? value + 1 : NULL;
	must(ww_api_query__init(&query, names[len % 6]) == 0, "a query that there is");
	before = query;
	if (ww_api_query__set(&query, name, value, message, sizeof(message))) {
		must(*message && strlen(message) < sizeof(message) - 1, "a message");
		must(!memcmp(&before, &query, sizeof(query)), "what was wrong changed something");
	}
	must(memchr(query.endpoint, '\0', sizeof(query.endpoint)) != NULL, "a glob ends");
	must(query.steps >= 1 && query.steps <= WW_API_STEPS_MOST, "steps");
	must(query.limit >= 1 && query.limit <= WW_API_LIMIT_MOST, "a limit");
	must(query.last_s >= 1 && query.last_s <= WW_API_LAST_MOST, "a window");
	must(query.kinds && query.kinds < 1u << WW_KIND_COUNT, "kinds");
}

/* A glob that was let through is matched with names of any length in little time. */
static void glob(const char *text)
{
	static char route[] =
		"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
	struct ww_catalog_service service = {.name = "service", .container = "", .cgroup = ""};
	struct ww_catalog_endpoint endpoint = {.protocol = "http", .method = "GET", .route = route};
	const struct ww_catalog catalog = {
		.services = &service, .services_len = 1, .endpoints = &endpoint, .endpoints_len = 1};
	struct ww_api_query query;
	char message[256];

	ww_api_query__init(&query, "series");
	if (!ww_api_query__set(&query, "endpoint", text, message, sizeof(message)))
		free(ww_recording__wanted(&catalog, query.endpoint, true));
}

static void header(const char *text)
{
	static const struct ww_token token = {.len = 16, .text = "0123456789abcdef"};
	struct ww_listen listen_to = {0};

	if (ww_token__is_in(&token, text))
		must(!strncasecmp(text, "bearer ", 7) || !strncasecmp(text, "basic ", 6), "a token in nothing");
	if (ww_host__is_loopback(text))
		must(!strpbrk(text, "@/ \t%"), "a host that is another");
	ww_openmetrics__is_accepted(text);
	if (!ww_listen__parse(&listen_to, text))
		must(listen_to.len > 0, "an address without one");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > 4000)
		return 0;
	size_t len = size - 1;
	char *text = malloc(len + 1);

	must(text != NULL, "memory");
	memcpy(text, data + 1, len);
	text[len] = '\0';
	switch (data[0] % 3) {
	case 0:
		parameter(text, len);
		break;
	case 1:
		glob(text);
		break;
	case 2:
		header(text);
		break;
	}
	free(text);
	return 0;
}
